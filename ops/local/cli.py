"""``python -m ops dev``: site and API on this machine behind an edge that follows the program."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import fcntl
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ops.errors import OpsError, UsageError

_EPILOG = """\
The program is brought up by the real engine with stand-in providers, as a local stack with a state of
its own; nothing is asked of AWS. Its distribution is then served on one port: cache behaviors, edge
function, policies, error pages, bucket policy. site/ is deployed by the real deployer into a local
bucket. Changes of program, API and site are taken over while it runs. With AWS credentials the API asks
Amazon Bedrock, without them a scripted model answers, and the chat page says which.

Requests choose a name of the distribution by their Host header; a browser reaches www.example.com as
http://www.example.com.localhost:8080. http counts as https, unless X-Forwarded-Proto: http is sent.
/_dev shows the architecture, each request's way through the edge, and the releases.

examples:
  python -m ops dev
  python -m ops dev --set domain=example.com --set publicChat=true
  python -m ops dev --backend-url http://127.0.0.1:8000
  python -m ops dev --destroy
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``dev``."""
    parser.epilog = _EPILOG
    parser.add_argument("--stack", default="dev", help="the stack: Pulumi.<stack>.yaml (default: dev)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="configuration for this run only, such as domain=example.com; may be repeated",
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="port on 127.0.0.1; 0: any free one (default: 8080)"
    )
    parser.add_argument(
        "--backend-url", default="", metavar="URL", help="another API than the one started here"
    )
    parser.add_argument(
        "--scripted", action="store_true", help="the scripted model, though there are credentials"
    )
    parser.add_argument(
        "--destroy", action="store_true", help="remove the local stack and its bucket, and end"
    )


def run(args: argparse.Namespace) -> int:
    """Runs until Ctrl-C; 0 then."""
    from ops.engine.cli_binary import find_engine
    from ops.engine.paths import ROOT
    from ops.engine.scratch import parse_overrides
    from ops.stackfiles import require_stack

    require_stack(ROOT, args.stack)
    _check(args)
    folder = folder_of(ROOT, args.stack)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, args.stack):
        if args.destroy:
            return _destroy(ROOT, args.stack, folder)
        with listen(args.port) as sock:
            if not (folder / "stack.json").exists():
                # Getting it can take minutes: here its progress is seen, in the bring-up's own process not.
                find_engine(ROOT)
            return asyncio.run(_serve(args, parse_overrides(args.overrides), folder, sock))


def folder_of(root: Path, stack: str) -> Path:
    """Where everything local of a stack is kept."""
    return root / ".local" / "dev" / stack


def _check(args: argparse.Namespace) -> None:
    problems = []
    if not 0 <= args.port <= 65535:
        problems.append(f"--port {args.port} is no port; allowed: 0 to 65535")
    parts = urlsplit(args.backend_url)
    if args.backend_url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query):
        problems.append(f"--backend-url {args.backend_url!r} is no URL such as http://127.0.0.1:8000")
    if problems:
        raise UsageError("\n".join(problems))


@contextlib.contextmanager
def _alone(folder: Path, stack: str) -> Iterator[None]:
    with (folder / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OpsError(
                f"`ops dev` runs already for the stack {stack}: end it first, or use --stack"
            ) from None
        yield


def listen(port: int) -> socket.socket:
    """A bound socket.

    Raises:
        OpsError: the port is taken or not allowed.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
        sock.listen(1024)
    except OSError as problem:
        sock.close()
        if problem.errno == errno.EADDRINUSE:
            raise OpsError(
                f"port {port} is taken by another program: end it, or choose another with --port {port + 1}, "
                f'through make as: make dev ARGS="--port {port + 1}"'
            ) from None
        raise OpsError(f"port {port} cannot be used: {problem.strerror}") from None
    sock.setblocking(False)
    return sock


async def _serve(
    args: argparse.Namespace, overrides: dict[str, str], folder: Path, sock: socket.socket
) -> int:
    from ops.engine.credentials import aws_credentials
    from ops.engine.paths import ROOT
    from ops.local.dev import Dev, DevOptions

    began = time.monotonic()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    credentials = "" if args.scripted else await asyncio.to_thread(aws_credentials)
    options = DevOptions(
        root=ROOT, stack=args.stack, overrides=overrides, site=ROOT / "site", folder=folder,
        backend_url=args.backend_url, scripted=not credentials,
    )  # fmt: skip
    dev = Dev(options, lambda message: print(message, file=sys.stderr, flush=True))
    starting = asyncio.ensure_future(dev.start(sock))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return 0
        starting.result()
        _tell(dev, credentials, time.monotonic() - began)
        await stopping
    finally:
        stopping.cancel()
        await dev.stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    print("stopped", file=sys.stderr)
    return 0


def _tell(dev: object, credentials: str, seconds: float) -> None:
    from ops.local.dev import Dev

    assert isinstance(dev, Dev)
    assert dev.architecture
    say = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    print(dev.url, flush=True)
    if dev.options.backend_url:
        say(f"  API: {dev.options.backend_url}")
    elif dev.api_url:
        say(
            f"  API: Amazon Bedrock, with {credentials}"
            if credentials
            else "  API: a scripted model, no AWS credentials"
        )
    if dev.api_key and dev.api_url:
        say(f"  key for the chat page: {dev.api_key}")
    say(f"  architecture, requests, releases: {dev.url}/_dev")
    for warning in dev.architecture.warnings:
        say(f"  not imitated: {warning}")
    say(f"ready in {seconds:.1f} s; Ctrl-C ends it")


def _destroy(root: Path, stack: str, folder: Path) -> int:
    """Takes the local stack down, and with it bucket, store and state."""
    import shutil

    from ops.engine.local_stack import LocalStack

    LocalStack(root, stack, folder / "stack").remove()
    for name in ("buckets", "stores"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("stack.json", "site-index.json"):
        (folder / name).unlink(missing_ok=True)
    print(f"the local stack {stack} is gone", file=sys.stderr)
    return 0
