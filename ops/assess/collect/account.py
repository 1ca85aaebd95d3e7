"""Who asks, what the account is like, and what this caller may do."""

from __future__ import annotations

from typing import Any

from ops.assess.model import Unread
from ops.assess.needed import ALL_ACTIONS
from ops.assess.reader import Read, Reader


def caller(reader: Reader) -> dict[str, Any]:
    """The caller's identity; every caller may ask for it."""
    return {"caller": reader.ask(Read(service="sts", operation="GetCallerIdentity"))}


def collect(reader: Reader, identity: Any) -> dict[str, Any]:
    """Summary, account-wide public access block, and the simulation of what the stack needs."""
    if isinstance(identity, Unread):
        return dict.fromkeys(("account_summary", "account_public_access", "simulation"), identity)
    facts = reader.ask_all(
        {
            "account_summary": Read(service="iam", operation="GetAccountSummary", result="SummaryMap"),
            "account_public_access": Read(
                service="s3control",
                operation="GetPublicAccessBlock",
                params={"AccountId": identity["Account"]},
                absent=("NoSuchPublicAccessBlockConfiguration",),
                result="PublicAccessBlockConfiguration",
            ),
        }
    )
    facts["simulation"] = _simulate(reader, identity["Arn"])
    return facts


def _simulate(reader: Reader, arn: str) -> Any:
    """Action to decision; None for the root user, who may do everything and cannot be simulated."""
    if arn.endswith(":root"):
        return None
    kind = arn.split(":", 5)[5]
    if kind.startswith("user/"):
        return _decisions(reader, arn)
    if not kind.startswith("assumed-role/"):
        what = kind.split("/")[0]
        return Unread(action="", reason="failed", detail=f"{what} cannot be simulated: log in as a role")
    name = kind.split("/")[1]
    # The session's ARN leaves out the role's path: most have none, those of single sign-on do.
    if not name.startswith("AWSReservedSSO_"):
        found = _decisions(reader, f"{arn.replace(':sts:', ':iam:').rsplit(':', 1)[0]}:role/{name}")
        if found is not None:
            return found
    role = reader.ask(Read(service="iam", operation="GetRole", params={"RoleName": name}, result="Role"))
    return role if isinstance(role, Unread) else _decisions(reader, role["Arn"])


def _decisions(reader: Reader, arn: str) -> Any:
    """None when there is no such principal."""
    results = reader.ask(
        Read(
            service="iam",
            operation="SimulatePrincipalPolicy",
            params={"PolicySourceArn": arn, "ActionNames": list(ALL_ACTIONS)},
            absent=("NoSuchEntity",),
            result="EvaluationResults",
            pages=True,
        )
    )
    if results is None or isinstance(results, Unread):
        return results
    return {one["EvalActionName"]: one["EvalDecision"] for one in results}
