"""``ops adopt``: reads a site that runs, writes what a stack needs to take it over, shows the difference."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ops import console
from ops.assess.check_command import endpoint, read, request_of
from ops.assess.model import Request, Snapshot
from ops.assess.upgrades import UPGRADES
from ops.assess.views import is_single_page
from ops.errors import OpsError, UsageError, did_you_mean

ROOT = Path(__file__).resolve().parent.parent.parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``adopt`` beside the target's."""
    names = ", ".join(UPGRADES)
    change = parser.add_argument_group("changes, each only when asked for")
    change.add_argument("--upgrade", action="append", default=[], metavar="NAME", help=f"one of: {names}")
    change.add_argument("--without", action="append", default=[], metavar="NAME", help="take an upgrade back")
    change.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="CHECK",
        help="adopt although this check found something",
    )
    run_ = parser.add_argument_group("run")
    run_.add_argument("--again", action="store_true", help="read the live settings again, over the file")
    run_.add_argument("--dry-run", action="store_true", help="write nothing")
    run_.add_argument(
        "--print-headers",
        action="store_true",
        help="print the values of origin headers, to be piped into `pulumi config set --secret "
        "adopted:headers`",
    )
    parser.epilog = """\
Reads what runs, writes adopted/STACK.json and the keys of Pulumi.STACK.yaml that it needs, and
changes nothing in AWS: `make preview` then shows imports, updates and creations, and `make up`
carries them out. On later runs --upgrade and --without change the file that is there.

Exit codes: 0 written; 1 a conflict was found and nothing is written; 2 wrong usage.
Step by step: docs/adopt.md.

examples:
  python -m ops adopt --stack prod --domain yourdomain.com
  python -m ops adopt --stack prod --upgrade edge-function
"""


def run(args: argparse.Namespace) -> int:
    """0: written (or shown, with ``--dry-run``); 1: a conflict.

    Raises:
        UsageError: no stack, an unknown upgrade or check, no credentials.
        OpsError: the live settings cannot be carried, or upgrades that need others.
    """
    if not args.stack:
        raise UsageError("name the stack that takes the site over: --stack prod")
    upgrades, without = _known(args.upgrade, UPGRADES), _known(args.without, UPGRADES)
    request = request_of(args)
    path = ROOT / "adopted" / f"{args.stack}.json"
    if path.is_file() and not args.again and not args.print_headers:
        return _change(path, request, upgrades, without, dry_run=args.dry_run)

    _acceptable(args.accept)
    snapshot, _truncated = read(request, profile=args.profile, endpoint_url=endpoint(args))
    if args.print_headers:
        return _print_headers(snapshot)
    return _adopt(snapshot, path, set(upgrades) - set(without), args.accept, dry_run=args.dry_run)


def _known(names: list[str], known: Iterable[str]) -> list[str]:
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}"
            )
    return names


def _acceptable(names: list[str]) -> None:
    from ops.assess.adopting.conflicts import UNACCEPTABLE
    from ops.assess.model import CHECKS

    for name in _known(names, CHECKS):
        if name in UNACCEPTABLE:
            raise UsageError(f"{name} cannot be accepted: without it there is nothing to take over")


def _adopt(snapshot: Snapshot, path: Path, upgrades: set[str], accepted: list[str], *, dry_run: bool) -> int:
    from ops.assess.adopting.conflicts import conflicts
    from ops.assess.adopting.document import document, names_to_add
    from ops.assess.owner import is_ours

    out = console.stdout()
    stopping, told = conflicts(snapshot, accepted)
    if is_ours(snapshot["distribution_tags"] or {}):
        raise OpsError(
            f"distribution {snapshot.request.distribution_id} is a stack's of this program already; its "
            "settings "
            f"are the ones in {path.name}: change them there, or ask for upgrades without --again"
        )
    for one in told:
        out.print(f"note: {one.text}. {one.mend}", markup=False)
    if stopping:
        for one in stopping:
            accept = f" (--accept {one.check})" if one.check else ""
            out.print(f"conflict: {one.text}. {one.mend}{accept}", markup=False)
            for line in (
                one.command,
                f"pulumi config set --stack {snapshot.request.stack} {one.setting}" if one.setting else "",
            ):
                if line:
                    out.print(f"    {line}", markup=False)
        raise OpsError(f"{len(stopping)} conflict(s); nothing was written")
    added, left_out = names_to_add(snapshot)
    for sentence in left_out:
        out.print(f"note: left out, {sentence}", markup=False)
    content = document(snapshot, upgrades, added)
    return _finish(content, path, snapshot.request, _keys(snapshot), dry_run=dry_run)


def _change(path: Path, request: Request, upgrades: list[str], without: list[str], *, dry_run: bool) -> int:
    """Asks for upgrades, or takes them back, on what was adopted before; reads nothing from AWS."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        asked = (set(content["upgrades"]) | set(upgrades)) - set(without)
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise OpsError(f"{path.name} cannot be read ({failure}); write it again with --again") from None
    return _finish({**content, "upgrades": sorted(asked)}, path, request, {}, dry_run=dry_run)


def _finish(
    content: dict[str, Any], path: Path, request: Request, keys: Mapping[str, str | bool], *, dry_run: bool
) -> int:
    from components.static_site.adoption import header_names
    from ops.assess.adopting.difference import difference
    from ops.assess.adopting.document import text_of

    _check(content)
    waf = _waf(request.stack, keys)
    found = difference(content, request, waf=waf)
    out = console.stdout()
    for title, sentences in (
        ("Kept", found.kept),
        ("Added", found.added),
        ("Changed, as asked", found.changed or ("nothing",)),
        ("Never touched", found.never),
    ):
        out.print(title, style="bold")
        for sentence in sentences:
            out.print(f"  {sentence}", markup=False)
    names = header_names(content["distribution"]["config"])
    if names:
        out.print("Secret header values, to be put into the configuration once", style="bold")
        out.print(
            f"  python -m ops adopt --stack {request.stack} --distribution-id "
            f"{content['distribution']['id']} "
            f"--print-headers | pulumi config set --secret --stack {request.stack} adopted:headers",
            markup=False,
        )
    if dry_run:
        console.note("nothing was written (--dry-run)")
        return 0
    path.parent.mkdir(exist_ok=True)
    path.write_text(text_of(content), encoding="utf-8")
    console.say(f"wrote {path.relative_to(ROOT)}")
    if keys:
        _set_keys(request.stack, keys)
    console.say(f"next: make preview STACK={request.stack} shows only imports, updates and creations")
    return 0


def _check(content: Mapping[str, Any]) -> None:
    """What StaticSite would refuse is refused here, all of it at once."""
    from components.static_site.adopted.inputs import planned_inputs
    from components.static_site.adopted.policy import with_statements
    from components.static_site.adopted.upgrade import requirements
    from components.static_site.bucket import content_policy

    planned = planned_inputs(content["distribution"]["config"], lambda origin, name: "")
    wrong = [f"{one}: adopting would lose it" for one in planned.lost]
    bucket = content["bucket"]
    wrong += requirements(planned.inputs, frozenset(content["upgrades"]), bucket["name"])
    try:
        added = content_policy(f"arn:aws:s3:::{bucket['name']}", "x" * 80)["Statement"]
        with_statements(bucket["policy"] or "", added)
    except ValueError as failure:
        wrong.append(str(failure))
    if wrong:
        raise OpsError("it cannot be adopted like this:\n" + "\n".join(f"  - {one}" for one in wrong))


def _keys(snapshot: Snapshot) -> dict[str, str | bool]:
    """Configuration keys that follow from what is there."""
    request = snapshot.request
    config = snapshot["distribution"]["DistributionConfig"]
    keys: dict[str, str | bool] = {}
    if is_single_page(config):
        keys["orchestrator:siteMode"] = "spa"
    if any(snapshot["distribution"]["ARN"] in one["resourceArns"] for one in snapshot["pricing_plans"] or []):
        keys["orchestrator:waf"] = False
    if not request.domain:
        return keys
    keys["orchestrator:domain"] = request.domain
    zones = snapshot["zones"] or []
    if len(zones) == 1:
        keys["orchestrator:hostedZoneId"] = zones[0]["Id"].removeprefix("/hostedzone/")
    elif not zones:
        keys["orchestrator:dnsProvider"] = "external"
    if snapshot["certificate"]:
        keys["orchestrator:certificateArn"] = snapshot["certificate"]["CertificateArn"]
    return keys


def _waf(stack: str, keys: Mapping[str, str | bool]) -> bool:
    from ops.stackfiles import effective_config

    if "orchestrator:waf" in keys:
        return bool(keys["orchestrator:waf"])
    return effective_config(ROOT, stack, {}).get("orchestrator:waf", "true") == "true"


def _set_keys(stack: str, keys: Mapping[str, str | bool]) -> None:
    from ops.assess.adopting.stackfile import with_keys

    path = ROOT / f"Pulumi.{stack}.yaml"
    path.write_text(with_keys(path.read_text(encoding="utf-8"), keys), encoding="utf-8")
    console.say(f"set {', '.join(keys)} in {path.name}")


def _print_headers(snapshot: Snapshot) -> int:
    from ops.assess.adopting.document import header_values

    if not snapshot["distribution"]:
        raise OpsError("there is no distribution to read; name it with --distribution-id")
    print(json.dumps(header_values(snapshot["distribution"]["DistributionConfig"])))
    return 0
