"""Exact IAM: named actions on named resources, and services that act for this account alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ops.guardrails.documents import Statement, statements, unreadable
from ops.guardrails.model import WELL_ARCHITECTED, Violation, policy
from ops.plan import Plan

_GRANT = f"{WELL_ARCHITECTED}/security-pillar/sec_permissions_least_privileges.html"
_DEPUTY = "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"

ORIGIN_KEYS = frozenset({"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceowner"})

TRUST_WITHOUT_SOURCE = frozenset({"ec2.amazonaws.com", "lambda.amazonaws.com", "edgelambda.amazonaws.com"})
"""Services that assume a role for a resource whose creation already needed iam:PassRole and that send
no source to compare with; the others document aws:SourceArn or aws:SourceAccount."""


@policy(
    "policy-readable",
    "mandatory",
    "Every policy document is known before the deployment, so that it can be judged.",
    sources=(_GRANT,),
)
def policy_readable(plan: Plan) -> Iterator[Violation]:
    for resource, why in unreadable(plan):
        yield Violation(
            resource=resource,
            message=f"its policy document is {why}",
            mend="run the checks over a rehearsal, where every output has a value",
        )


@policy(
    "no-wildcard-action",
    "mandatory",
    "No policy allows actions by wildcard.",
    controls=("IAM.21",),
    sources=(_GRANT,),
)
def no_wildcard_action(plan: Plan) -> Iterator[Violation]:
    for statement in statements(plan, "identity", "resource", "endpoint"):
        if not statement.allow or _account_keeps_its_key(statement):
            continue
        wild = tuple(a for a in statement.actions if "*" in a or "?" in a)
        if wild:
            yield Violation(
                resource=statement.resource,
                message=f"allows {', '.join(wild)}",
                mend="name each action",
                subjects=wild,
            )


def _account_keeps_its_key(statement: Statement) -> bool:
    """AWS's own first statement of a key policy: the account administers its key through IAM.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    return (
        statement.resource.type.startswith("aws:kms/")
        and statement.actions == ("kms:*",)
        and bool(statement.principals)
        and all(kind == "AWS" and value.endswith(":root") for kind, value in statement.principals)
    )


@policy(
    "no-inverted-statement",
    "mandatory",
    "No policy allows everything but what it names (NotAction, NotResource, NotPrincipal).",
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html",),
)
def no_inverted_statement(plan: Plan) -> Iterator[Violation]:
    for statement in statements(plan, "identity", "resource", "trust", "endpoint"):
        inverted = [
            key
            for key, used in (
                ("NotAction", statement.not_actions),
                ("NotResource", statement.not_resources),
                ("NotPrincipal", statement.not_principal),
            )
            if used
        ]
        if statement.allow and inverted:
            yield Violation(
                resource=statement.resource,
                message=f"an Allow with {', '.join(inverted)} allows all that AWS adds later, too",
                mend="name what is allowed",
                subjects=tuple(inverted),
            )


@policy(
    "exact-resource",
    "mandatory",
    "Every identity policy names its resources; a wildcard needs an entry in the exceptions file.",
    controls=("IAM.1",),
    sources=(_GRANT,),
)
def exact_resource(plan: Plan) -> Iterator[Violation]:
    for statement in statements(plan, "identity"):
        wild = [r for r in statement.resources if _too_wide(r)]
        if statement.allow and wild:
            yield Violation(
                resource=statement.resource,
                message=f"{', '.join(statement.actions)} on {', '.join(wild)}",
                mend="name the ARN; where the action knows no resources, add an exception with its reason",
                subjects=statement.actions,
            )


def _too_wide(resource: str) -> bool:
    """Whether an ARN leaves its service, account or the first part of its resource open.

    ``arn:aws:s3:::site/*`` and ``…:log-group:/aws/lambda/api:*`` are within one named thing;
    ``*``, ``arn:aws:s3:::*`` and ``…:table/*`` are not. A Region left open is Bedrock's
    cross-Region inference, where the model is named all the same.
    """
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return "*" in resource
    service, account, rest = parts[2], parts[4], parts[5]
    if service not in {"s3", "sns", "sqs", "execute-api"}:
        # table/NAME, function:NAME, log-group:NAME: the name decides, not the kind before it.
        rest = re.sub(r"^[a-zA-Z-]+[:/]", "", rest, count=1)
    return "*" in service or "*" in account or rest.startswith(("*", "?")) or not rest


@policy(
    "no-managed-policy",
    "mandatory",
    "Roles carry policies of this program; AWS's managed ones are wider than any one job needs.",
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",),
)
def no_managed_policy(plan: Plan) -> Iterator[Violation]:
    for attachment in plan.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment"):
        arn = str(attachment.inputs.get("policyArn"))
        if ":iam::aws:policy/" in arn:
            yield Violation(
                resource=attachment,
                message=f"attaches {arn.rsplit('/', 1)[-1]}",
                mend="write the statements that are needed, or add an exception with its reason",
                subjects=(arn.rsplit("/", 1)[-1],),
            )


@policy(
    "no-long-lived-credentials",
    "mandatory",
    "No IAM user and no access key: every process has a role.",
    controls=("IAM.2", "IAM.3"),
)
def no_long_lived_credentials(plan: Plan) -> Iterator[Violation]:
    for resource in plan.custom():
        if resource.type in {"aws:iam/user:User", "aws:iam/accessKey:AccessKey"}:
            yield Violation(resource=resource, message="a long-lived credential", mend="use a role")


@policy(
    "service-acts-for-us",
    "mandatory",
    "A service that is let in names the resource or account it acts for (confused deputy).",
    sources=(_DEPUTY,),
)
def service_acts_for_us(plan: Plan) -> Iterator[Violation]:
    for statement in statements(plan, "resource", "trust"):
        services = [value for kind, value in statement.principals if kind == "Service"]
        if statement.kind == "trust":
            services = [s for s in services if s not in TRUST_WITHOUT_SOURCE]
        keys = statement.condition_keys()
        sourced = keys & ORIGIN_KEYS or any(
            k.startswith("kms:encryptioncontext:aws:") or k == "kms:calleraccount" for k in keys
        )
        if statement.allow and services and not sourced:
            yield Violation(
                resource=statement.resource,
                message=f"{', '.join(services)} may {', '.join(statement.actions)} for any account",
                mend="add a condition on aws:SourceArn or aws:SourceAccount",
                subjects=tuple(services),
            )
    for permission in plan.all("aws:lambda/permission:Permission"):
        principal = str(permission.inputs.get("principal"))
        if principal.endswith(".amazonaws.com") and not any(
            permission.inputs.get(k) for k in ("sourceArn", "sourceAccount")
        ):
            yield Violation(
                resource=permission,
                message=f"{principal} may invoke the function for any account",
                mend="set source_arn",
                subjects=(principal,),
            )


@policy(
    "pass-role-to-one-service",
    "mandatory",
    "iam:PassRole says to which service.",
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",),
)
def pass_role_to_one_service(plan: Plan) -> Iterator[Violation]:
    for statement in statements(plan, "identity"):
        passes = statement.allow and "iam:PassRole" in statement.actions
        if passes and "iam:passedtoservice" not in statement.condition_keys():
            yield Violation(
                resource=statement.resource,
                message="iam:PassRole without a condition on iam:PassedToService",
                mend="add the condition",
            )


@policy(
    "federation-names-its-subject",
    "mandatory",
    "A role for an outside identity provider names audience and subject.",
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html",),
)
def federation_names_its_subject(plan: Plan) -> Iterator[Violation]:
    for statement in statements(plan, "trust"):
        federated = [value for kind, value in statement.principals if kind == "Federated"]
        subjects = [values for _, key, values in statement.conditions if key.endswith(":sub")]
        bounded = subjects and all(
            v.strip("*") and not v.startswith("*") for values in subjects for v in values
        )
        if statement.allow and federated and not bounded:
            yield Violation(
                resource=statement.resource,
                message=f"anybody whom {', '.join(federated)} knows may take the role",
                mend="add conditions on its :aud and :sub",
            )
