"""``ops check``: reads an account, judges it, tells the result; writes nothing to AWS."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ops import console
from ops.assess.model import CDN_REGION, Request, Snapshot
from ops.errors import OpsError, UsageError

ROOT = Path(__file__).resolve().parent.parent.parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``check`` beside the target's."""
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print one JSON object (docs/assess.md)")
    output.add_argument("--html", metavar="FILE", help="write one self-contained page as well")
    output.add_argument("--costs", action="store_true", help="ask Cost Explorer too (about 0.02 USD a run)")
    output.add_argument(
        "--print-policy", action="store_true", help="print the IAM policy the assessment needs, and end"
    )
    parser.epilog = """\
Reads, and never writes, what the account has; with no target its only distribution is taken.
Every finding comes with what mends it: docs/assess.md.

Exit codes: 0 nothing of high severity was found; 1 something was; 2 wrong usage, or no credentials.

examples:
  python -m ops check --domain yourdomain.com
  python -m ops check --stack prod --html report.html
"""


def run(args: argparse.Namespace) -> int:
    """0: nothing of high severity; 1: something is.

    Raises:
        UsageError: no credentials, no such stack or profile.
        OpsError: the page cannot be written.
    """
    request = request_of(args)
    if args.print_policy:
        from ops.assess.grants import policy_text

        print(policy_text(bucket=request.bucket, costs=args.costs))
        return 0
    from ops.assess import report as reports

    snapshot, truncated = read(request, profile=args.profile, endpoint_url=endpoint(args))
    report = reports.build(snapshot, truncated=truncated)
    if args.html:
        from ops.assess.page import render as page

        _write(Path(args.html), page(report))
    if args.json:
        json.dump(report, sys.stdout, indent=2)
        print()
    else:
        from ops.assess.text import render

        render(report, console.stdout())
    return 1 if reports.has_high(report) else 0


def endpoint(args: argparse.Namespace) -> str:
    """``--endpoint-url``, else ``AWS_ENDPOINT_URL``."""
    return args.endpoint_url or os.environ.get("AWS_ENDPOINT_URL", "")


def request_of(args: argparse.Namespace) -> Request:
    """What is asked: options over the stack's configuration over defaults.

    Raises:
        UsageError: the stack does not exist or its configuration is wrong.
    """
    config = _stack_config(args.stack)
    region = args.region or config.get("aws:region", "") or CDN_REGION
    return Request(
        domain=(args.domain or config.get("orchestrator:domain", "")).strip().rstrip(".").lower(),
        bucket=args.bucket.removeprefix("s3://").rstrip("/"),
        distribution_id=args.distribution_id,
        region=region,
        stack=args.stack,
        api_subdomain=config.get("orchestrator:apiSubdomain", "api"),
        www_redirect=config.get("orchestrator:wwwRedirect", "true") == "true",
        backend=config.get("orchestrator:apiBackend", "") if args.stack else "",
        models=_models(config),
        secret_prefix=config.get("orchestrator:secretPrefix", "")
        or (f"orchestrator/{args.stack}" if args.stack else "orchestrator"),
        costs=getattr(args, "costs", False),
    )


def _stack_config(stack: str) -> Mapping[str, str]:
    from ops.stackfiles import effective_config

    if not stack:
        return {}
    return effective_config(ROOT, stack, {})


def _models(config: Mapping[str, str]) -> tuple[str, ...]:
    text = config.get("orchestrator:bedrockModels", "")
    if not text:
        from components.settings import DEFAULT_MODELS

        return DEFAULT_MODELS
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise UsageError(
            f"orchestrator:bedrockModels {text!r} must be a list of model ids; "
            """pulumi config set --path 'bedrockModels[0]' global.anthropic.claude-haiku-5-5"""
        )
    return tuple(value)


def read(request: Request, *, profile: str, endpoint_url: str) -> tuple[Snapshot, tuple[str, ...]]:
    """Reads the account with a progress line; gives the snapshot and what was too long to read whole."""
    from ops.assess.collect import collect
    from ops.assess.reader import Reader, boto_clients

    with console.progress("Reading the account …") as progress:
        reader = Reader(
            boto_clients(profile=profile, endpoint_url=endpoint_url),
            region=request.region,
            on_call=lambda made: progress.update(f"Reading the account … {made} calls"),
        )
        try:
            snapshot = collect(reader, request)
        finally:
            reader.close()
    return snapshot, tuple(reader.truncated)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as failure:
        raise OpsError(f"--html {path}: {failure.strerror}") from None
