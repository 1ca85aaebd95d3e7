"""What a guardrail is: a small pure function over the plan, registered with its id, severity and source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ops.plan import Plan, PlannedResource

Severity = Literal["mandatory", "advisory"]

_GUIDE = "https://docs.aws.amazon.com/securityhub/latest/userguide"
WELL_ARCHITECTED = "https://docs.aws.amazon.com/wellarchitected/latest"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One planned resource that breaks one policy.

    Attributes:
        policy: id of the policy.
        severity: ``mandatory`` fails a preview, ``advisory`` is printed.
        resource: ``type::name`` of the resource, or ``plan`` when something is missing as a whole.
        message: what is wrong, with the value.
        mend: what to change.
        source: AWS page the policy comes from.
        subjects: what exactly was found (``s3:Get*``, an attribute, ...); exceptions can name them.
    """

    policy: str
    severity: Severity
    resource: str
    message: str
    mend: str
    source: str
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What a policy yields; the registry adds id, severity and source."""

    resource: PlannedResource | None
    message: str
    mend: str
    subjects: tuple[str, ...] = ()


Check = Callable[[Plan], Iterable[Violation]]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A registered policy.

    Attributes:
        id: stable name, used by exceptions and documentation.
        severity: what a violation does to a preview.
        title: one sentence that says what must hold.
        sources: AWS pages it comes from; the first is printed with findings.
        controls: Security Hub controls among the sources, ``S3.8``.
        check: the function.
    """

    id: str
    severity: Severity
    title: str
    sources: tuple[str, ...]
    controls: tuple[str, ...]
    check: Check


POLICIES: dict[str, Policy] = {}
"""Every policy by id; filled by the modules of ``ops.guardrails.policies``."""


def policy(
    id_: str, severity: Severity, title: str, *, controls: tuple[str, ...] = (), sources: tuple[str, ...] = ()
) -> Callable[[Check], Check]:
    """Registers the decorated function as a policy.

    Args:
        id_: stable name.
        severity: ``mandatory`` or ``advisory``.
        title: one sentence, in the positive: what must hold.
        controls: Security Hub control ids; their pages become sources.
        sources: further AWS pages.

    Raises:
        ValueError: the id is taken, or there is no source.
    """

    def register(check: Check) -> Check:
        pages = (*map(control_page, controls), *sources)
        if id_ in POLICIES or not pages:
            raise ValueError(f"policy {id_!r}: the id must be new and a control or source must be named")
        POLICIES[id_] = Policy(
            id=id_, severity=severity, title=title, sources=pages, controls=controls, check=check
        )
        return check

    return register


def control_page(control: str) -> str:
    """The page of a Security Hub control: ``S3.8`` to ``…/s3-controls.html#s3-8``."""
    service, _, number = control.lower().partition(".")
    return f"{_GUIDE}/{service}-controls.html#{service}-{number}"


def label(resource: PlannedResource | None) -> str:
    """``type::name``, as findings, exceptions and the engine's own output name a resource."""
    return f"{resource.type}::{resource.name}" if resource else "plan"


def run(item: Policy, plan: Plan) -> Iterator[Finding]:
    """The findings of one policy, in the order of the plan.

    A resource that is taken over as it runs never fails a preview: nothing gets worse by adopting it,
    and what mends it (``ops adopt --upgrade``) is a step of its own that the owner chooses.
    """
    for violation in item.check(plan):
        adopted = violation.resource is not None and bool(violation.resource.import_id)
        since = " (so it ran before it was adopted)" if adopted else ""
        yield Finding(
            policy=item.id,
            severity="advisory" if adopted else item.severity,
            resource=label(violation.resource),
            message=f"{violation.message}{since}",
            mend=violation.mend,
            source=item.sources[0],
            subjects=violation.subjects,
        )
