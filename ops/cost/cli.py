"""``ops cost``: the monthly estimate of a stack, and the backends side by side."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops import console
from ops.cost import estimate, load_prices, load_usage, report
from ops.cost.bedrock import models
from ops.cost.compare import compare
from ops.cost.prices import Usage
from ops.errors import OpsError, UsageError
from ops.plan import Plan

ROOT = Path(__file__).parents[2]

_EPILOG = """\
The resources are those the program plans, run in this process; nothing is asked of AWS. Prices are
list prices of us-east-1 with source and date (ops/cost/prices.toml); what is assumed of a month is in
ops/cost/usage.toml, and a file of the same shape given by --usage replaces any of it.
Always-free allowances are taken off as if the stack were alone in its account.

examples:
  python -m ops cost --stack prod --set domain=yourdomain.com
  python -m ops cost --compare
  python -m ops cost --usage my-month.toml --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.epilog = _EPILOG
    parser.add_argument("--stack", default="dev", help="the stack: Pulumi.<stack>.yaml (default: dev)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="configuration for this run only, such as apiBackend=fargate; may be repeated",
    )
    parser.add_argument(
        "--usage", type=Path, metavar="FILE", help="another month: a TOML file like usage.toml"
    )
    parser.add_argument("--compare", action="store_true", help="Lambda, Fargate and EC2 side by side")
    parser.add_argument("--no-free", action="store_true", help="leave always-free allowances out")
    parser.add_argument("--json", action="store_true", help="plain data on stdout")


def warn_encrypted(stack: str, overrides: Mapping[str, str]) -> None:
    """Says which values an estimate or a picture of the stack has placeholders for."""
    from ops.encrypted import told
    from ops.stackfiles import encrypted_keys

    hidden = told(encrypted_keys(ROOT, stack, overrides))
    if hidden:
        console.warn(hidden)


def run(args: argparse.Namespace) -> int:
    """Prints the estimate; 1 when a planned type has no price, for the figures are then too low."""
    profiles = load_usage(args.usage)
    overrides = _overrides(args.overrides)
    warn_encrypted(args.stack, overrides)
    if args.compare:
        return _compare(args, profiles, overrides)
    plan = planned(args.stack, overrides)
    estimates = {name: estimate(plan, usage, count_free=not args.no_free) for name, usage in profiles.items()}
    spent = {name: models(plan, usage) for name, usage in profiles.items()}
    if args.json:
        _print_json([report.as_data(e, spent[name]) for name, e in estimates.items()])
    else:
        report.stack(plan, estimates, spent, count_free=not args.no_free, prices=load_prices())
    return 1 if any(e.missing for e in estimates.values()) else 0


def _compare(args: argparse.Namespace, profiles: Mapping[str, Usage], overrides: Mapping[str, str]) -> int:
    chosen = sorted(
        {"apiBackend", "egress", "orchestrator:apiBackend", "orchestrator:egress"} & overrides.keys()
    )
    if chosen:
        raise UsageError(f"--set {', '.join(chosen)}: --compare chooses it itself; leave it out")
    plans: dict[str, Plan] = {}

    def plan_with(settings: Mapping[str, str]) -> Plan:
        plan = planned(args.stack, {**overrides, **settings})
        plans[json.dumps(dict(settings))] = plan
        return plan

    columns = compare(plan_with, profiles, count_free=not args.no_free)
    first = next(iter(plans.values()))
    spent = {name: models(first, usage) for name, usage in profiles.items()}
    if args.json:
        _print_json([report.column_data(c) for c in columns])
    else:
        report.side_by_side(args.stack, columns, spent, count_free=not args.no_free)
    return 1 if any(e.missing for c in columns for e in c.estimates.values()) else 0


def planned(stack: str, overrides: Mapping[str, str]) -> Plan:
    """The plan of a stack by a rehearsal in this process.

    Raises:
        UsageError: there is no such stack, or its configuration is wrong.
        OpsError: the program failed.
    """
    from ops.engine.program import describe, surroundings
    from ops.engine.recorder import rehearse

    try:
        with surroundings(ROOT):
            return rehearse(ROOT, stack, overrides)
    except OpsError:
        raise
    except Exception as problem:
        failure = describe(problem, ROOT)
        raise (UsageError if failure.configuration else OpsError)(str(failure)) from problem


def _overrides(given: list[str]) -> dict[str, str]:
    from ops.engine.scratch import parse_overrides

    return dict(parse_overrides(given))


def _print_json(data: Any) -> None:
    json.dump(data, sys.stdout, indent=2)
    sys.stdout.write("\n")
