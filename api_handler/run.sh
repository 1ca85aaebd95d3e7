#!/bin/sh
# The handler for the Lambda Web Adapter: serve over HTTP where the adapter expects it (docs/chatbot.md).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec python3 -m api_handler --host 127.0.0.1 --port "${AWS_LWA_PORT:-8080}"
