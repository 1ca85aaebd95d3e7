"""The secret with the keys: read, and changed so that no change of somebody else is lost.

A change is made of the present version, stored as a version of its own under the label ``STAGED``,
and becomes AWSCURRENT by moving that label from *the version it was made of*. Secrets Manager refuses
the move when AWSCURRENT is somewhere else by then ("If … the version ID does not match, then the
operation fails", API reference, UpdateSecretVersionStage); the change is then made again from what is
there now. Two runs of this program, or this program and the rotation function, can therefore not undo one
another. What is not guaranteed: somebody who writes the whole value without looking
(`aws secretsmanager put-secret-value`, the console) still overwrites; each change is read back, so that
this is seen and told if it happens in those moments.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any

from ops.errors import INTERRUPTED, OpsError
from ops.keys import entries as keys
from ops.keys.entries import Entry
from ops.keys.refusals import code_of, told

STAGED = "ORCHESTRATOR_KEYS"
"""Label of a version that is not in force yet. One label, not one a change: a run that is cut off leaves it
on a version, and a secret has room for 20 labels (Secrets Manager User Guide, quotas)."""

ATTEMPTS = 8
"""Changes of others that one run meets before it gives up."""

READ_BACK_S = 5.0
"""How long a change may take to be seen: the service does not promise that a read follows a write."""

_LOST_RACE = frozenset({"InvalidParameterException", "InvalidRequestException", "ResourceNotFoundException"})


@dataclass(frozen=True, kw_only=True)
class Present:
    """The secret at one time.

    Attributes:
        arn: its ARN.
        version: id of the version that is in force.
        entries: its keys.
    """

    arn: str
    version: str
    entries: list[Entry]


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A change that is in force.

    Attributes:
        arn: ARN of the secret.
        entries: what was written.
        seen: whether it was read back.
        rotating: whether a rotation on schedule is at work, or was left half done.
    """

    arn: str
    entries: list[Entry]
    seen: bool
    rotating: bool


class Vault:
    """One secret with keys.

    Args:
        client: a Secrets Manager client.
        name: name of the secret.
        stack: the stack it belongs to, for messages.
        sleep: waits between attempts; None: ``time.sleep``.
    """

    def __init__(
        self, client: Any, name: str, *, stack: str, sleep: Callable[[float], None] | None = None
    ) -> None:
        self._client, self.name, self._stack = client, name, stack
        self._sleep = sleep or time.sleep

    def read(self) -> Present:
        """What is in force.

        Raises:
            UsageError: there is no such secret, or no credentials.
            OpsError: it cannot be read, or holds no list of keys.
        """
        with self._told("secretsmanager:GetSecretValue"):
            answer = self._client.get_secret_value(SecretId=self.name, VersionStage="AWSCURRENT")
        text = answer.get("SecretString")
        if text is None:
            raise OpsError(self._foreign(answer["ARN"], "holds bytes, not text"))
        try:
            entries = keys.read(text)
        except ValueError as failure:
            raise OpsError(self._foreign(answer["ARN"], str(failure))) from None
        return Present(arn=answer["ARN"], version=answer["VersionId"], entries=entries)

    def change(
        self, update: Callable[[list[Entry]], list[Entry]], holds: Callable[[Sequence[Entry]], bool]
    ) -> Changed:
        """Makes a change and puts it in force; again from the start when somebody else was first.

        Args:
            update: the new entries out of the present ones; may refuse by raising.
            holds: whether entries contain the change.

        Raises:
            UsageError, OpsError: nothing was changed, unless the message says otherwise.
        """
        uncertain = False
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(random.uniform(0, min(2.0, 0.1 * 2**attempt)))  # noqa: S311  # no secret
            try:
                present = self.read()
            except OpsError:
                if uncertain:
                    raise OpsError(self._unknown()) from None
                raise
            if attempt and holds(present.entries):
                # A repeated call whose first answer was lost is refused, although it did its work.
                return self._changed(present.arn, present.entries, holds)
            entries = update(present.entries)
            token = str(uuid.uuid4())
            with self._told("secretsmanager:PutSecretValue"):
                self._client.put_secret_value(
                    SecretId=present.arn,
                    ClientRequestToken=token,
                    SecretString=keys.write(entries),
                    VersionStages=[STAGED],
                )
            outcome = self._put_in_force(present, token)
            if outcome == "done":
                changed = self._changed(present.arn, entries, holds)
                self._unlabel(present.arn, token)
                return changed
            uncertain = uncertain or outcome == "unknown"
        if uncertain:
            raise OpsError(self._unknown())
        raise OpsError(
            f"{self.name} was changed by others {ATTEMPTS} times while this change was made; this run "
            "changed nothing. Run it again."
        )

    def _put_in_force(self, present: Present, token: str) -> str:
        """Moves AWSCURRENT to the staged version.

        Returns:
            ``done``; ``lost``: the label is no longer where it was read; ``unknown``: no clear answer came.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.update_secret_version_stage(
                SecretId=present.arn,
                VersionStage="AWSCURRENT",
                MoveToVersionId=token,
                RemoveFromVersionId=present.version,
            )
            return "done"
        except KeyboardInterrupt:
            raise OpsError(f"interrupted. {self._unknown()}", exit_code=INTERRUPTED) from None
        except ClientError as failure:
            if code_of(failure) in _LOST_RACE:
                return "lost"
            if failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
                return "unknown"
            with self._told("secretsmanager:UpdateSecretVersionStage"):
                raise
        except BotoCoreError:
            return "unknown"

    def _changed(self, arn: str, entries: list[Entry], holds: Callable[[Sequence[Entry]], bool]) -> Changed:
        return Changed(arn=arn, entries=entries, seen=self._read_back(holds), rotating=self._rotating(arn))

    def _unknown(self) -> str:
        return (
            "AWS gave no clear answer: whether the change was made is not known; `python -m ops keys list "
            f"--stack {self._stack}` tells. If it shows a key that you were not shown: `keys rotate NAME "
            "--grace 0`, or `keys revoke NAME`."
        )

    def _read_back(self, holds: Callable[[Sequence[Entry]], bool]) -> bool:
        """Whether the change is seen; whoever wrote on top of it by the same rule has kept it."""
        from botocore.exceptions import BotoCoreError, ClientError

        waited = 0.0
        while True:
            try:
                if holds(self.read().entries):
                    return True
                if waited >= READ_BACK_S:
                    return False
                pause = min(1.0, 0.2 + waited)
                self._sleep(pause)
                waited += pause
            except (BotoCoreError, ClientError, OpsError, KeyboardInterrupt):
                # The change is in force; its key must still be printed.
                return False

    def _rotating(self, arn: str) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            stages = self._client.describe_secret(SecretId=arn).get("VersionIdsToStages", {})
        except (BotoCoreError, ClientError, KeyboardInterrupt):
            return False
        return any("AWSPENDING" in labels and "AWSCURRENT" not in labels for labels in stages.values())

    def _unlabel(self, arn: str, token: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        # Left behind, the label says nothing: the version is in force, and the next change takes it along.
        with suppress(BotoCoreError, ClientError, KeyboardInterrupt):
            self._client.update_secret_version_stage(
                SecretId=arn, VersionStage=STAGED, RemoveFromVersionId=token
            )

    def _foreign(self, arn: str, what: str) -> str:
        return (
            f"{arn} does not hold the API's keys: it {what}. It was left as it is. Look at it with "
            f"`aws secretsmanager get-secret-value --secret-id {self.name}`; the version before is under "
            "--version-stage AWSPREVIOUS"
        )

    def _told(self, action: str) -> AbstractContextManager[None]:
        return told(action, self.name, stack=self._stack, region=self._client.meta.region_name)
