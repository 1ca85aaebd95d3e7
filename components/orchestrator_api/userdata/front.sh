#!/bin/bash
# Redirects port 8080 to the slot that is live, in one transaction; open connections stay where they are.
set -euo pipefail
live=$(cat "${API_STATE:-/var/lib/api}/live" 2>/dev/null || true)
case "$live" in
  8081 | 8082) ;;
  *) exit 0 ;;
esac
nft -f - <<NFT
table ip api {
}
flush table ip api
table ip api {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    tcp dport 8080 redirect to :$live
  }
}
NFT
