"""The words of the assessment: what is asked, what was read, what a check is and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Severity = Literal["high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low", "info")

AREAS: Mapping[str, str] = {
    "account": "Caller and account",
    "s3": "S3 bucket",
    "cloudfront": "CloudFront distribution",
    "acm": "Certificates",
    "dns": "Names",
    "secrets": "Secrets",
    "bedrock": "Bedrock models",
    "compute": "Compute that exists",
    "monitoring": "Alarms, logs, budgets",
}
"""Areas in the order of the report."""

CDN_REGION = "us-east-1"
"""Where CloudFront takes certificates and web ACLs from, and where its logs and alarms live:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html"""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be assessed.

    Attributes:
        domain: apex; "": taken from the distribution's aliases.
        bucket: name; "": taken from the distribution's default origin, else called like the domain.
        distribution_id: "": the one with the domain as an alias, or with the bucket as an origin.
        region: home Region of the stack.
        stack: stack whose configuration this comes from, or "".
        api_subdomain, www_redirect: the names the stack would add.
        backend: ``apiBackend``; "": not decided.
        models: Bedrock inference profiles or model ids the API may call.
        secret_prefix: prefix of the stack's secrets.
        costs: whether Cost Explorer may be asked, which is billed.
    """

    domain: str = ""
    bucket: str = ""
    distribution_id: str = ""
    region: str = CDN_REGION
    stack: str = ""
    api_subdomain: str = "api"
    www_redirect: bool = True
    backend: str = ""
    models: tuple[str, ...] = ()
    secret_prefix: str = "orchestrator"  # noqa: S105
    costs: bool = False

    @property
    def into(self) -> str:
        """The stack that printed commands name: what runs already is production."""
        return self.stack or "prod"


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A fact that could not be read.

    Attributes:
        action: IAM action that reads it, or "" when no permission would help.
        reason: ``denied``, ``throttled`` or ``failed``.
        detail: what AWS said, one line.
    """

    action: str
    reason: Literal["denied", "throttled", "failed"]
    detail: str = ""

    @property
    def text(self) -> str:
        """``needs s3:GetBucketPolicy``, or why a permission would not help."""
        if self.reason == "denied":
            return f"needs {self.action}"
        if self.reason == "throttled":
            return f"{self.action} was throttled; run it again"
        return f"{self.action}: {self.detail}" if self.action else self.detail


FACTS: Mapping[str, str] = {
    "caller": "sts GetCallerIdentity",
    "account_summary": "iam GetAccountSummary: SummaryMap",
    "account_public_access": "s3control GetPublicAccessBlock; None: not set",
    "simulation": "iam SimulatePrincipalPolicy: action to decision",
    "bucket": "s3 ListBuckets: the one bucket; None: not in this account",
    "bucket_public_access": "s3 GetPublicAccessBlock; None: not set",
    "bucket_policy": "s3 GetBucketPolicy: the document as text; None: no policy",
    "bucket_website": "s3 GetBucketWebsite; None: no website endpoint",
    "bucket_encryption": "s3 GetBucketEncryption: first rule",
    "bucket_versioning": "s3 GetBucketVersioning",
    "bucket_lifecycle": "s3 GetBucketLifecycleConfiguration: rules; None: none",
    "bucket_ownership": "s3 GetBucketOwnershipControls: object ownership; None: not set",
    "bucket_acl": "s3 GetBucketAcl: grants; None: ACLs are off or ignored",
    "bucket_tags": "tag GetResources: the bucket's tags as a mapping",
    "distributions": "cloudfront ListDistributions: summaries",
    "distribution": "cloudfront GetDistribution; None: none found",
    "distribution_tags": "tag GetResources: the distribution's tags as a mapping",
    "access_controls": "cloudfront GetOriginAccessControl by id",
    "edge_functions": "cloudfront DescribeFunction by name",
    "alias_conflicts": "cloudfront ListConflictingAliases: items by alias that was asked for",
    "behavior_quota": "service-quotas: cache behaviors per distribution; None: default is far enough",
    "log_sources": "logs DescribeDeliverySources of the distribution",
    "pricing_plans": "pricing-plan-manager ListSubscriptions",
    "web_acl": "wafv2 GetWebACL; None: none attached",
    "web_acl_logging": "wafv2 GetLoggingConfiguration; None: none",
    "certificates": "acm ListCertificates in us-east-1",
    "home_certificates": "acm ListCertificates in the home Region when that is another; else None",
    "certificate": "acm DescribeCertificate of the distribution's certificate; None: it has none of ACM",
    "zones": "route53 ListHostedZonesByName: public zones that could hold the domain",
    "zone_records": "route53 ListResourceRecordSets from the domain on; None: no zone",
    "delegation": "DNS: name servers of the zone; None: no zone and no domain",
    "secrets": "secretsmanager ListSecrets under the prefix",
    "inference_profiles": "bedrock ListInferenceProfiles",
    "model_access": "bedrock GetFoundationModelAvailability by configured id; None: no such model here",
    "lambda_settings": "lambda GetAccountSettings",
    "lambda_functions": "lambda ListFunctions",
    "rest_apis": "apigateway GetRestApis",
    "http_apis": "apigatewayv2 GetApis",
    "api_gateway_account": "apigateway GetAccount",
    "clusters": "ecs ListClusters",
    "load_balancers": "elbv2 DescribeLoadBalancers",
    "instances": "ec2 DescribeInstances, running ones",
    "alarms": "cloudwatch DescribeAlarms in us-east-1",
    "log_groups": "logs DescribeLogGroups in the home Region",
    "budgets": "budgets DescribeBudgets",
    "anomaly_monitors": "ce GetAnomalyMonitors; only with costs",
    "costs": "ce GetCostAndUsage, month to date by service; only with costs",
}
"""Every fact a snapshot can hold, and where it comes from."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was read of an account at one moment: plain data, as botocore gives it.

    Attributes:
        request: what was asked, with what was found filled in (domain, bucket, distribution).
        facts: name in ``FACTS`` to value; None: read and not there, or it does not apply.
        unread: name in ``FACTS`` to why it could not be read.
        at: when, with time zone.
        calls: AWS calls made.
        seconds: wall time.
        candidates: distributions to choose from when none was named and there are several.
    """

    request: Request
    facts: Mapping[str, Any]
    unread: Mapping[str, Unread] = field(default_factory=dict)
    at: datetime
    calls: int = 0
    seconds: float = 0.0
    candidates: tuple[str, ...] = ()

    def __getitem__(self, fact: str) -> Any:
        """The value of a fact; None when it is not there.

        Raises:
            KeyError: there is no such fact.
        """
        if fact not in FACTS:
            raise KeyError(fact)
        return self.facts.get(fact)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a check yields; the registry adds id, severity, title, reason and source.

    Attributes:
        resource: ARN, id or name of what it is about.
        evidence: the value that was seen.
        mend: what to do, one sentence.
        command: shell command that does it, or "".
        upgrades: ``ops adopt --upgrade`` names that do it, in this order; they make the command then.
        setting: ``key value`` of the stack's configuration that does it, or "".
        monthly_usd: what the mend costs a month at rest; None: it depends, see ``cost``.
        cost: words on the cost, or "".
        severity: when it is not the check's own.
    """

    resource: str
    evidence: str
    mend: str
    command: str = ""
    upgrades: tuple[str, ...] = ()
    setting: str = ""
    monthly_usd: float | None = 0.0
    cost: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong or worth knowing, ready to be told."""

    check: str
    area: str
    severity: Severity
    title: str
    resource: str
    evidence: str
    why: str
    source: str
    mend: str
    command: str
    setting: str
    monthly_usd: float | None
    cost: str


CheckFunction = Callable[[Snapshot], Iterable[Found]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A registered check.

    Attributes:
        id: stable name.
        severity: of its findings.
        area: key of ``AREAS``.
        title: what is wrong, in a few words.
        why: why it matters, one or two sentences.
        source: the AWS page it rests on.
        needs: facts without which it cannot be judged.
        function: snapshot to findings.
    """

    id: str
    severity: Severity
    area: str
    title: str
    why: str
    source: str
    needs: tuple[str, ...]
    function: CheckFunction


CHECKS: dict[str, Check] = {}
"""Every check by id; filled by the modules of ``ops.assess.checks``."""


def check(
    id_: str, severity: Severity, title: str, *, why: str, source: str, needs: tuple[str, ...]
) -> Callable[[CheckFunction], CheckFunction]:
    """Registers a check; the part of the id before the first ``-`` is its area.

    Raises:
        ValueError: the id is taken, the area or a fact is unknown, or the source is no AWS page.
    """
    area = id_.split("-", 1)[0]
    wrong = [fact for fact in needs if fact not in FACTS]
    if id_ in CHECKS or area not in AREAS or wrong or not needs or not source.startswith("https://"):
        raise ValueError(f"check {id_}: taken, unknown area, unknown facts {wrong}, or no source {source!r}")

    def register(function: CheckFunction) -> CheckFunction:
        CHECKS[id_] = Check(
            id=id_,
            severity=severity,
            area=area,
            title=title,
            why=why,
            source=source,
            needs=needs,
            function=function,
        )
        return function

    return register


@dataclass(frozen=True, kw_only=True)
class NotChecked:
    """A check that could not be judged, and what it needs."""

    check: str
    area: str
    title: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What all checks say of one snapshot; every check is in exactly one of the three."""

    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    passed: tuple[str, ...]


def judge(snapshot: Snapshot, checks: Mapping[str, Check] | None = None) -> Verdict:
    """Runs every check over a snapshot, worst findings first.

    A check whose facts are unread is not run: a guess is worse than a gap.
    """
    findings: list[Finding] = []
    not_checked: list[NotChecked] = []
    passed: list[str] = []
    order = list(AREAS)
    for one in sorted((CHECKS if checks is None else checks).values(), key=lambda c: order.index(c.area)):
        missing = [snapshot.unread[fact] for fact in one.needs if fact in snapshot.unread]
        if missing:
            reasons = tuple(dict.fromkeys(unread.text for unread in missing))
            not_checked.append(NotChecked(check=one.id, area=one.area, title=one.title, reasons=reasons))
            continue
        found = [_finding(one, each, snapshot.request) for each in one.function(snapshot)]
        findings += found
        if not found:
            passed.append(one.id)
    findings.sort(key=lambda f: (SEVERITIES.index(f.severity), order.index(f.area), f.check, f.resource))
    return Verdict(findings=tuple(findings), not_checked=tuple(not_checked), passed=tuple(passed))


def _finding(one: Check, found: Found, request: Request) -> Finding:
    return Finding(
        check=one.id,
        area=one.area,
        severity=found.severity or one.severity,
        title=one.title,
        resource=found.resource,
        evidence=found.evidence,
        why=one.why,
        source=one.source,
        mend=found.mend,
        command=found.command or _adopt(found.upgrades, request),
        setting=found.setting,
        monthly_usd=found.monthly_usd,
        cost=found.cost,
    )


def _adopt(upgrades: tuple[str, ...], request: Request) -> str:
    """The whole command for these upgrades, ready to be typed; "": there are none."""
    if not upgrades:
        return ""
    site = [f"--distribution-id {request.distribution_id}"] if request.distribution_id else []
    asked = [f"--upgrade {name}" for name in upgrades]
    return " ".join(("python -m ops adopt --stack", request.into, *site, *asked))
