#!/bin/bash
# Turns an Amazon Linux 2023 instance into a NAT instance: forwards what comes from the VPC, under its own
# address. Amazon VPC User Guide, "NAT instances". Nothing listens; there is no role and no login.
set -euo pipefail

retry() {
  local attempt
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    "$@" && return 0
    sleep "$attempt"
  done
  return 1
}

retry dnf install -y --setopt=install_weak_deps=False nftables

device=$(ip -o -4 route show default | awk '{print $5; exit}')

cat >/etc/sysctl.d/90-nat.conf <<'SYSCTL'
net.ipv4.ip_forward = 1
SYSCTL
sysctl --system >/dev/null

cat >/etc/sysconfig/nftables.conf <<NFT
flush ruleset
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "$device" ip saddr @CIDR@ masquerade
  }
}
NFT
systemctl enable --now nftables
nft -f /etc/sysconfig/nftables.conf

# Kernel and libraries follow Amazon's security updates without anybody logging in.
cat >/etc/systemd/system/security-updates.service <<'UNIT'
[Unit]
Description=Install security updates
[Service]
Type=oneshot
ExecStart=/usr/bin/dnf upgrade -y --security --releasever=latest
UNIT
cat >/etc/systemd/system/security-updates.timer <<'UNIT'
[Timer]
OnCalendar=Sun 03:00
RandomizedDelaySec=1h
Persistent=true
[Install]
WantedBy=timers.target
UNIT
systemctl daemon-reload
systemctl enable --now security-updates.timer
