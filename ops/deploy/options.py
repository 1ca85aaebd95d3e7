"""The options of ``deploy``, ``releases`` and ``rollback``, checked as a whole."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.deploy.headers import Override, parse_override
from ops.deploy.open_files import room
from ops.deploy.pool import Growth

CONCURRENCY = 64
GROWN = 192
"""What the default concurrency grows to while the bucket answers quickly; with 256 the threads' own switching
costs what they win. S3 takes 3,500 PUTs a second and prefix, and where it says 503 the growth has ended."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_DISTRIBUTION = re.compile(r"[A-Z0-9]{4,32}")
_STORE_ARN = re.compile(r"arn:aws[a-z-]*:cloudfront::\d{12}:key-value-store/[A-Za-z0-9-]+")


_EPILOG = {
    "deploy": """\
Account, bucket and distribution are checked before anything is written. With a key-value store
(a stack has one, unless it adopted a site as it runs) a deploy is a new release behind a pointer:
visitors see the one before or the new one, never a mixture. Without, changed files are replaced
in place.

examples:
  python -m ops deploy site --stack prod
  python -m ops deploy site --stack prod --dry-run
  python -m ops deploy dist --bucket my-site --distribution-id E123EXAMPLE
""",
    "releases": """\
Newest first, with the one that is live.

example:
  python -m ops releases --stack prod
""",
    "rollback": """\
With a key-value store the pointer moves back, which takes seconds; in place the kept pages are put back.

examples:
  python -m ops rollback --stack prod
  python -m ops rollback --stack prod 4f2a9c0b7d1e8a63c5f0
""",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run was asked for; see ``python -m ops deploy --help``."""

    command: str
    directory: str = ""
    release: str = ""
    stack: str = ""
    bucket: str = ""
    distribution_id: str = ""
    kvs_arn: str = ""
    kvs_key: str = "release"
    mode: str = "auto"
    yes: bool = False
    dry_run: bool = False
    api: bool = False
    max_deletes: int = 256
    concurrency: int | None = None
    endpoint_url: str = ""
    region: str = ""
    site_url: str = ""
    log_dir: str = ".deploy"
    expect_account: str = ""
    allow_secret: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    prune: bool = False
    verify: bool = False
    grace: float = 3.0
    health_timeout: float = 60.0
    json: bool = False

    def threads(self, well: Callable[[], bool]) -> Growth:
        """Uploads in flight: what was asked for, else ``CONCURRENCY`` and more while all goes well.

        With few open files allowed there are fewer of them.
        """
        if self.concurrency is not None:
            return Growth(self.concurrency)
        most = room(GROWN)
        return Growth(min(CONCURRENCY, most), most, well)


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """The options of one of the three commands."""
    if command == "deploy":
        parser.add_argument("directory", metavar="DIR", help="the built site")
    if command == "rollback":
        parser.add_argument(
            "release",
            metavar="ID",
            nargs="?",
            default="",
            help="release to go back to (default: the one that was live before)",
        )
    _target_arguments(parser)
    parser.add_argument(
        "--mode",
        choices=("auto", "release", "in-place"),
        default="auto",
        help="auto: release when there is a key-value store, else in place",
    )
    if command == "deploy":
        _deploy_arguments(parser)
    if command in ("deploy", "rollback"):
        parser.add_argument(
            "--yes", action="store_true", help="do not ask; needed where there is no terminal"
        )
        parser.add_argument(
            "--concurrency",
            type=int,
            metavar="N",
            help=(
                f"uploads in flight (default: {CONCURRENCY}, and up to {GROWN} while the "
                "bucket answers quickly)"
            ),
        )
        parser.add_argument(
            "--grace",
            type=float,
            default=3.0,
            metavar="SECONDS",
            help="in place: wait before assets are deleted, for pages that still ask for them (default: 3)",
        )
        parser.add_argument(
            "--health-timeout",
            type=float,
            default=60.0,
            metavar="SECONDS",
            help="how long the live site may take to show the release (default: 60)",
        )
    if command == "releases":
        parser.add_argument(
            "--json", action="store_true", help="for machines: id, created, last_live, active, files, bytes"
        )
    parser.add_argument(
        "--endpoint-url",
        default="",
        metavar="URL",
        help="replaces the endpoint of every AWS service (default: $AWS_ENDPOINT_URL)",
    )
    parser.add_argument(
        "--region",
        default="",
        help="Region of the bucket (default: the environment's, else the bucket's own)",
    )
    parser.add_argument(
        "--site-url",
        default="",
        metavar="URL",
        help="where health checks look (default: the stack's; without one there are none)",
    )
    parser.add_argument(
        "--log-dir", default=".deploy", metavar="DIR", help="one log file a run (default: .deploy)"
    )
    parser.epilog = f"""{_EPILOG[command]}
Exit codes: 0 done; 1 it was begun and failed; 2 it cannot be run as given.
All of it: docs/deploy.md.
"""


def _target_arguments(parser: argparse.ArgumentParser) -> None:
    target = parser.add_argument_group("target: a stack, or a bucket")
    target.add_argument(
        "--stack",
        default="",
        metavar="S",
        help="take bucket, distribution, store, URL and account from the stack's outputs",
    )
    target.add_argument("--bucket", default="", metavar="B", help="the site's bucket")
    target.add_argument(
        "--distribution-id", default="", metavar="D", help="the CloudFront distribution that serves it"
    )
    target.add_argument("--kvs-arn", default="", metavar="A", help="the KeyValueStore with the pointer")
    target.add_argument(
        "--kvs-key", default="release", metavar="K", help="key of the pointer (default: release)"
    )
    target.add_argument(
        "--expect-account", default="", metavar="ID", help="account that everything must belong to"
    )


def _deploy_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="run the whole plan, write nothing; needs no --yes"
    )
    parser.add_argument(
        "--api", action="store_true", help="bring the stack's API up first (also DEPLOY_API=true)"
    )
    parser.add_argument(
        "--max-deletes",
        type=int,
        default=256,
        metavar="N",
        help="refuse when more than N paths of the live site would vanish (default: 256)",
    )
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'GLOB: NAME=VALUE'",
        help="header of the objects a glob matches; may be repeated",
    )
    parser.add_argument(
        "--allow-secret",
        action="append",
        default=[],
        metavar="PATH",
        help="publish a file although a secret seems to be in it; may be repeated",
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="in place: delete also what was put there by other means than this deployer",
    )
    parser.add_argument(
        "--verify", action="store_true", help="look at every object, even if the release is live already"
    )


def read_options(args: argparse.Namespace, command: str) -> tuple[Options, list[str]]:
    """The options, and every problem with them: what is wrong, what is allowed."""
    problems: list[str] = []
    overrides = []
    for text in getattr(args, "header", []):
        try:
            overrides.append(parse_override(text))
        except ValueError as failure:
            problems.append(str(failure))
    known = {name for name in Options.__dataclass_fields__ if hasattr(args, name)} - {
        "allow_secret",
        "overrides",
        "command",
    }
    options = Options(
        command=command,
        **{name: getattr(args, name) for name in known},
        overrides=tuple(overrides),
        allow_secret=tuple(
            _relative(path, getattr(args, "directory", "")) for path in getattr(args, "allow_secret", [])
        ),
    )
    problems += _problems(options)
    if command == "deploy" and os.environ.get("DEPLOY_API", "").lower() == "true":
        options = Options(**{**options.__dict__, "api": True})
    if options.api and not options.stack:
        problems.append("--api (or DEPLOY_API=true) needs --stack: the API belongs to a stack")
    return options, problems


def _relative(path: str, directory: str) -> str:
    """A path as it is relative to the site, also when it was given from here."""
    if directory:
        root, full = os.path.abspath(directory), os.path.abspath(path)
        if full.startswith(root + os.sep) and os.path.lexists(full):
            return os.path.relpath(full, root).replace(os.sep, "/")
    return path.removeprefix("./")


def _problems(options: Options) -> list[str]:
    found: list[str] = []
    found += _target_problems(options)
    if options.command == "deploy" and not Path(options.directory).is_dir():
        what = "is no directory" if os.path.lexists(options.directory) else "does not exist"
        found.append(f"{options.directory!r} {what}; give the folder of the built site")
    if options.release and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", options.release):
        found.append(f"release {options.release!r} is no release id; `releases` lists them")
    for name, value, least in (
        ("--max-deletes", options.max_deletes, 0),
        ("--concurrency", options.concurrency, 1),
    ):
        if value is not None and not least <= value <= 10**9:
            found.append(f"{name} {value} must be at least {least}")
    if options.concurrency is not None and options.concurrency > 1024:
        found.append(f"--concurrency {options.concurrency} must be at most 1024")
    elif options.concurrency and (most := room(options.concurrency)) < options.concurrency:
        found.append(
            f"--concurrency {options.concurrency} needs more open files than this system allows "
            f"(`ulimit -Hn`): {most} at most"
        )
    for name, seconds in (("--grace", options.grace), ("--health-timeout", options.health_timeout)):
        if not 0 <= seconds <= 3600:
            found.append(f"{name} {seconds} must be from 0 to 3600 seconds")
    for name, url in (("--endpoint-url", options.endpoint_url), ("--site-url", options.site_url)):
        if url and not re.fullmatch(r"https?://[^/\s?#]+/?", url):
            found.append(f"{name} {url!r} must be http:// or https:// with a host and nothing behind it")
    return found


def _target_problems(options: Options) -> list[str]:
    found: list[str] = []
    given = [
        name
        for name, value in (
            ("--bucket", options.bucket),
            ("--distribution-id", options.distribution_id),
            ("--kvs-arn", options.kvs_arn),
        )
        if value
    ]
    if options.stack and given:
        found.append(
            f"--stack and {given[0]} exclude each other: a stack names its own bucket, distribution and store"
        )
    if not options.stack and not options.bucket:
        found.append("there is no target: give --stack, or --bucket (with --distribution-id and --kvs-arn)")
    if options.bucket and not _BUCKET.fullmatch(options.bucket):
        found.append(f"--bucket {options.bucket!r} is no bucket name: 3 to 63 of a-z, 0-9, '.' and '-'")
    if options.distribution_id and not _DISTRIBUTION.fullmatch(options.distribution_id):
        found.append(f"--distribution-id {options.distribution_id!r} must be an id such as E2QWRUHAPOMQZL")
    if options.kvs_arn and not _STORE_ARN.fullmatch(options.kvs_arn):
        found.append(
            f"--kvs-arn {options.kvs_arn!r} must be the ARN of a KeyValueStore: "
            "arn:aws:cloudfront::123456789012:key-value-store/…"
        )
    if not re.fullmatch(r"[A-Za-z0-9_.:/-]{1,400}", options.kvs_key) or options.kvs_key == "preview-token":
        found.append(
            f"--kvs-key {options.kvs_key!r} must be a key of letters, digits, '_', '.', ':', '/' and '-'"
        )
    if options.expect_account and not re.fullmatch(r"\d{12}", options.expect_account):
        found.append(f"--expect-account {options.expect_account!r} must be 12 digits")
    if not options.stack and options.mode == "release" and not options.kvs_arn:
        found.append("--mode release needs a key-value store: give --kvs-arn, or use --mode in-place")
    return found


def as_message(problems: Sequence[str]) -> str:
    """One message of one or several problems."""
    if len(problems) == 1:
        return problems[0]
    return "\n".join([f"{len(problems)} things are wrong:", *(f"  - {problem}" for problem in problems)])
