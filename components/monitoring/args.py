"""What Monitoring takes, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components import forms
from components.interfaces import ApiTelemetry, SecretsTelemetry, SiteTelemetry


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """Arguments of ``Monitoring``.

    Attributes:
        site: what to watch of the site.
        api: what to watch of the API; None: a site alone.
        secrets: what to watch of the secrets.
        alarm_email: address that gets every alarm (it must confirm two mails from AWS when the stack is not
            in us-east-1, one otherwise); "": topics without a subscriber.
        monthly_budget_usd: budget of the stack, USD a month.
        cost_anomaly_monitor: watch the costs with the stack's tag for anomalies; a member account of an
            organization may not, and ``Stack`` must be an active cost allocation tag.
        kms_key_arn: customer-managed key of the home Region, whose policy carries
            ``policies.topic_key_statements``; None: the topics are not encrypted, as neither alarms nor
            budgets can publish to a topic under AWS's own key.
        customer_key: whether there is one, known at preview.
        production: health checks and the alarms that cost money for certainty's sake.
        log_retention_days: how long logs are kept, told on the dashboard.
        project, stack: the names of all alarms begin with ``<project>-<stack>-``.
        region: home Region of the stack.
        account_id: the account.
        tags: of every resource; ``Stack`` must be the stack's name, as budget and anomaly monitor go by it.
    """

    site: SiteTelemetry
    api: ApiTelemetry | None
    secrets: SecretsTelemetry
    alarm_email: str = ""
    monthly_budget_usd: float
    cost_anomaly_monitor: bool = False
    kms_key_arn: pulumi.Output[str] | None = None
    customer_key: bool
    production: bool
    log_retention_days: int
    project: str
    stack: str
    region: str
    account_id: pulumi.Input[str]
    tags: Mapping[str, str]

    @property
    def prefix(self) -> str:
        """How the name of every alarm begins, without the last hyphen."""
        return f"{self.project}-{self.stack}"

    @property
    def has_events(self) -> bool:
        """Whether an EventBridge rule tells the topic of something."""
        instance = self.api is not None and self.api.instance is not None
        return instance or self.secrets.rotation_event_source is not None


def problems(args: MonitoringArgs) -> list[str]:
    """All that is wrong with the arguments; empty when nothing is."""
    found: list[str] = []
    if args.alarm_email and not forms.EMAIL.fullmatch(args.alarm_email):
        found.append(
            f"alarm_email is {args.alarm_email!r}; allowed: one address such as ops@example.com, or ''"
        )
    if not args.monthly_budget_usd > 0:
        found.append(f"monthly_budget_usd is {args.monthly_budget_usd!r}; allowed: more than 0")
    if args.customer_key != (args.kms_key_arn is not None):
        found.append(
            f"customer_key is {args.customer_key} with kms_key_arn "
            f"{'given' if args.kms_key_arn is not None else 'None'}; allowed: both or neither"
        )
    for field in ("project", "stack"):
        value = getattr(args, field)
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value):
            found.append(f"{field} is {value!r}; allowed: 1 to 64 letters, digits, '_', '.', '-'")
    if args.tags.get("Stack") != args.stack:
        found.append(
            f"tags['Stack'] is {args.tags.get('Stack')!r}; allowed: the stack's name {args.stack!r}, by "
            "which "
            "the budget and the anomaly monitor find their costs"
        )
    if args.log_retention_days not in forms.RETENTION_DAYS:
        allowed = ", ".join(map(str, forms.RETENTION_DAYS))
        found.append(f"log_retention_days is {args.log_retention_days}; allowed: {allowed}")
    return found
