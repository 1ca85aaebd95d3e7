"""An instance under a temporary root: what the association's script meets, with the times of a test."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

from components.orchestrator_api import instance_setup
from ops.bench.ports import free_ports
from tests.components.orchestrator_api.local_s3 import LocalS3
from tests.timing import PATIENCE_S

PARAMETERS = tuple(instance_setup.release_document()["parameters"])
FRONT = Path(instance_setup.__file__).with_name("userdata") / "front.sh"

API = """
import http.server, os, sys
MODE = os.environ.get("MODE", "")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if MODE == "falls ill" and open(LIVE).read() == str(port):
            os._exit(3)
        self.send_response(503 if MODE == "ill" else 200)
        self.end_headers()
        self.wfile.write(VERSION.encode())
    def log_message(self, *args):
        pass
if MODE == "crash":
    sys.exit("no")
LIVE = os.path.join(os.getcwd(), *[".."] * 5, "var/lib/api/live")
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever(0.05)
"""

# What of systemd the program uses. Nothing restarts by itself, so that a test sees who does it.
SYSTEMCTL = """#!/bin/bash
root={root}
echo "$*" >>"$root/calls"
verb=$1 unit=${{@: -1}} pid_file=$root/$unit.pid slot=$root/opt/api/slots/${{unit#api@}}
if [ "$unit" = api-front ]; then API_STATE=$root/var/lib/api exec bash "$root/front.sh"; fi
if [ "$verb" = restart ] || [ "$verb" = stop ]; then
  [ -f "$pid_file" ] && kill -9 "$(cat "$pid_file")" 2>/dev/null
  rm -f "$pid_file"
fi
if [ "$verb" = restart ]; then
  if [ -e "$root/systemd-fails" ]; then echo "Failed to start $unit" >&2; exit 1; fi
  set -a; . "$slot/env"; set +a
  cd "$slot/app"
  setsid {python} -S -m api_handler --host 0.0.0.0 --port "${{unit#api@}}" </dev/null >/dev/null 2>&1 &
  echo $! >"$pid_file"
fi
exit 0
"""


class Machine:
    """An instance under a temporary root."""

    def __init__(self, root: Path, s3: LocalS3) -> None:
        self.root, self.s3 = root, s3
        self.slots = free_ports(2)
        self.bin = root / "bin"
        self.bin.mkdir()
        front = FRONT.read_text().replace("8081 | 8082", " | ".join(map(str, self.slots)))
        (root / "front.sh").write_text(front)
        self._script("systemctl", SYSTEMCTL.format(python=sys.executable, root=root))
        self._script("nft", f"#!/bin/sh\ncat >{root}/nft\n")
        self._script("cloud-init", f'#!/bin/sh\necho "cloud-init $*" >>{root}/cloud-init\nexit 2\n')
        (self.bin / "python3").symlink_to(sys.executable)

    def _script(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def publish(self, version: str) -> str:
        """Puts a version of the API into the local S3 and gives its hash."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            packed.writestr("api_handler/__init__.py", "")
            packed.writestr("api_handler/__main__.py", f"VERSION = {version!r}\n{API}")
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        self.s3.objects[f"/bucket/api/{sha256}.zip"] = buffer.getvalue()
        return sha256

    def start(self, sha256: str, mode: str = "", **options: object) -> subprocess.Popen[str]:
        """The association's script, as Systems Manager runs it; ``options`` are of its program."""
        environment = {"MODE": mode, "BEDROCK_MODELS": '["a b", "c"]'}
        given = {
            "bucket": "bucket",
            "key": f"api/{sha256}.zip",
            "sha256": sha256,
            "size": 1000,
            "region": "us-east-1",
            "environment": base64.b64encode(json.dumps(environment).encode()).decode(),
            "root": self.root,
            "slots": ",".join(map(str, self.slots)),
            "start-timeout-s": PATIENCE_S,
            "settle-s": 0.3,
            "pause-s": 0.05,
            "reserve": 1,
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        script = self.script({name: given.pop(name) for name in PARAMETERS})
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        path = self.root / f"_script-{time.monotonic_ns()}.sh"
        path.write_text(script + " " + shlex.join(words) + "\n")
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL_S3": self.s3.url}
        return subprocess.Popen(
            ["sh", path],
            env={**os.environ, **keys, "PATH": f"{self.bin}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def script(self, values: dict[str, object]) -> str:
        """The association's script as the agent writes it: the parameters in their places."""
        document = instance_setup.release_document()
        (step,) = document["mainSteps"]
        script = "\n".join(step["inputs"]["runCommand"])
        for name, parameter in document["parameters"].items():
            assert re.fullmatch(parameter["allowedPattern"], str(values[name])), name
            script = script.replace(f"{{{{ {name} }}}}", str(values[name]))
        return script.replace("/run/api", f"{self.root}/run/api")

    def deploy(self, sha256: str, mode: str = "", **options: object) -> tuple[int, str]:
        process = self.start(sha256, mode, **options)
        out, err = process.communicate(timeout=60)
        return process.returncode, (out + err).strip()

    @property
    def live(self) -> int:
        return int((self.root / "var/lib/api/live").read_text())

    def answers(self, port: int) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health", timeout=20) as answer:
            return answer.read().decode()

    def running(self) -> set[int]:
        return {port for port in self.slots if (self.root / f"api@{port}.pid").exists()}

    def releases(self) -> list[str]:
        return sorted(path.name for path in (self.root / "opt/api/releases").iterdir())

    def front(self) -> str:
        """Where the redirect points."""
        return (self.root / "nft").read_text().split("redirect to :")[1].split()[0]

    def kill(self, port: int) -> None:
        os.kill(int((self.root / f"api@{port}.pid").read_text()), signal.SIGKILL)

    def calls(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines()
