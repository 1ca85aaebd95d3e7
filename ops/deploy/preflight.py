"""Asks AWS, side by side and beside the hashing, whether the target is what it should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ops.deploy.aws.client import Aws, Bucket, CloudFront, KeyValueStore, caller_account
from ops.deploy.aws.credentials import environment_region
from ops.deploy.aws.http import SKEW_LIMIT, AwsError, Response, failure
from ops.deploy.pointer import PREVIEW_TOKEN_KEY, KvsPointer, State
from ops.deploy.pool import Task, all_done
from ops.deploy.rules import ERROR_PAGE
from ops.deploy.s3_store import head_of
from ops.deploy.store import Head
from ops.deploy.target import Target
from ops.errors import UsageError


@dataclass
class Answers:
    """What AWS said.

    Attributes:
        account: of the credentials.
        problems: one sentence each.
        notes: worth saying.
        state: the pointer in the store, glanced at; None in place.
        preview_token: the secret of preview requests; "" when there is none or it was not asked for.
        error_page: what lies at the error page's plain key, in release mode; None: it has not been told.
        refused: the bucket or the credentials are among the problems: nothing more is asked of the bucket.
    """

    account: str = ""
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    state: State | None = None
    preview_token: str = ""
    error_page: Task[Head | None] | None = None
    refused: bool = False


class Preflight:
    """The questions, begun at once.

    Args:
        aws: session; its Region is set to the bucket's.
        target: what to look at.
        release: whether the site is deployed in release mode.
        region: ``--region``; must be the bucket's.
        wants_token: whether the preview token will be needed.
    """

    def __init__(
        self, aws: Aws, target: Target, *, release: bool, region: str = "", wants_token: bool = False
    ) -> None:
        self._aws = aws
        self._target = target
        self._release = release
        self._asked_region = region
        self._wants_token = wants_token
        self.answers = Answers()
        aws.credentials.current()
        self.bucket = Task(self._bucket)
        self._tasks: list[Task[Any]] = [self.bucket]
        if release:
            self._tasks.append(Task(self._store))
        if target.distribution_id:
            self._tasks.append(Task(self._distribution))

    def result(self) -> Answers:
        """Waits for all answers.

        Raises:
            AwsError: AWS could not be reached, or failed.
        """
        all_done(*self._tasks)
        answers, target = self.answers, self._target
        if answers.account and target.account and answers.account != target.account:
            answers.problems.insert(
                0,
                f"the credentials belong to account {answers.account}, expected is "
                f"{target.account}: choose another profile",
            )
        owner = target.kvs_arn.split(":")[4] if target.kvs_arn else ""
        if self._release and answers.account and owner != answers.account:
            answers.problems.append(
                f"the key-value store belongs to account {owner}, the credentials to {answers.account}"
            )
        return answers

    def _problem(self, text: str) -> None:
        self.answers.problems.append(text)

    def _bucket(self) -> None:
        try:
            self.answers.account = caller_account(self._aws)
        except AwsError as refused:
            if refused.status == 0 or refused.status >= 500:
                raise
            skew = abs(self._aws.clock.offset)
            if skew > SKEW_LIMIT:
                self._problem(
                    f"this machine's clock is off by {int(skew.total_seconds() // 60)} minutes: "
                    f"set it right ({refused})"
                )
            else:
                self._problem(f"AWS refuses the credentials: {refused}")
            self.answers.refused = True
            return
        expected = self._target.account or self.answers.account
        bucket = Bucket(self._aws, self._target.bucket, expected)
        if self._release:
            self.answers.error_page = Task(lambda: head_of(bucket, ERROR_PAGE))
        response = bucket.head_bucket()
        region = response.headers.get("x-amz-bucket-region", "")
        if response.status in (301, 307, 400) and region and region != self._aws.region:
            self._aws.region = region
            response = bucket.head_bucket(region)
            self.answers.error_page = None  # it was asked in the wrong Region
        if self._asked_region and region and region != self._asked_region:
            self._problem(f"bucket {self._target.bucket} is in {region}, --region says {self._asked_region}")
        elif region and environment_region() not in ("", region) and not self._asked_region:
            self.answers.notes.append(
                f"the bucket is in {region}, the environment says {environment_region()}; {region} is used"
            )
        self._judge_bucket(response, expected)
        if region:
            self._aws.region = region

    def _judge_bucket(self, response: Response, expected: str) -> None:
        name = self._target.bucket
        self.answers.refused = response.status >= 300
        if response.status == 404:
            self._problem(f"bucket {name} does not exist")
        elif response.status == 403:
            self._problem(
                f"bucket {name} does not belong to account {expected}, or these credentials may not use it"
            )
        elif response.status >= 500:
            raise failure("s3:HeadBucket", response)
        elif response.status >= 300:
            self._problem(f"bucket {name} cannot be used: s3:HeadBucket answers {response.status}")

    def _store(self) -> None:
        store = KeyValueStore(self._aws, self._target.kvs_arn)
        token = Task(lambda: store.get(PREVIEW_TOKEN_KEY)) if self._wants_token else None
        try:
            self.answers.state = KvsPointer(store, self._target.kvs_key).glance()
            if token:
                self.answers.preview_token = token.result()
        except AwsError as refused:
            if refused.status == 0 or refused.status >= 500:
                raise
            why = "does not exist" if refused.status == 404 else f"cannot be read: {refused}"
            self._problem(f"key-value store {self._target.kvs_arn} {why}")

    def _distribution(self) -> None:
        front = CloudFront(self._aws)
        response = front.distribution_config(self._target.distribution_id)
        name = f"distribution {self._target.distribution_id}"
        if response.status == 404:
            self._problem(f"{name} does not exist")
            return
        if response.status >= 500:
            raise failure("cloudfront:GetDistributionConfig", response)
        if response.status != 200:
            self._problem(f"{name} cannot be read: {failure('cloudfront:GetDistributionConfig', response)}")
            return
        document = _xml(response.body)
        config = next(iter(_all(document, "DistributionConfig")), document)
        for problem in distribution_problems(config, self._target.bucket):
            self._problem(f"{name} {problem}")
        if self._release:
            self._association(front, name, config)

    def _association(self, front: CloudFront, name: str, config: Any) -> None:
        """Without function and store the pointer moves and no visitor sees it."""
        # Emulators keep neither, so behind an endpoint override it is said and does not stop the run.
        say: Callable[[str], None] = (
            self.answers.notes.append if self._aws.endpoint("CLOUDFRONT") else self._problem
        )
        arn = viewer_request_function(config)
        if not arn:
            say(
                f"{name} has no viewer-request function on its default behavior: no visitor "
                "would see a release"
            )
            return
        response = front.function(arn.rpartition("/")[2])
        if response.status == 403:
            self.answers.notes.append(
                "these credentials may not read the edge function: whether it has the store is not known"
            )
        elif response.status != 200:
            say(f"the viewer-request function of {name} cannot be read ({response.status})")
        elif self._target.kvs_arn not in _texts(_xml(response.body), "KeyValueStoreARN"):
            say(f"the viewer-request function of {name} is not associated with {self._target.kvs_arn}")


def distribution_problems(config: Any, bucket: str) -> list[str]:
    """What is wrong with a distribution as the site's: disabled, or another bucket behind it. Pure.

    Args:
        config: ``DistributionConfig`` as an XML element.
        bucket: that must be an origin.
    """
    found = []
    if _text(config, "Enabled") != "true":
        found.append("is disabled")
    host = re.compile(rf"{re.escape(bucket)}\.s3(?:[.-][a-z0-9.-]*)?\.amazonaws\.com(?:\.cn)?")
    origins = [o for o in _all(config, "Origin") if _text(o, "DomainName")]
    ours = [o for o in origins if host.fullmatch(_text(o, "DomainName")) or _text(o, "DomainName") == bucket]
    if not ours:
        there = ", ".join(_text(o, "DomainName") for o in origins) or "none"
        found.append(f"does not have bucket {bucket} as an origin (its origins: {there})")
    elif all(_text(o, "OriginPath").strip("/") for o in ours):
        found.append(
            f"reads bucket {bucket} below {_text(ours[0], 'OriginPath')} only; its origin path must be empty"
        )
    return found


def viewer_request_function(config: Any) -> str:
    """ARN of the viewer-request function of the default behavior; "" when there is none. Pure."""
    for behavior in _all(config, "DefaultCacheBehavior"):
        for association in _all(behavior, "FunctionAssociation"):
            if _text(association, "EventType") == "viewer-request":
                return _text(association, "FunctionARN")
    return ""


def raise_problems(problems: list[str]) -> None:
    """One message of everything that is wrong.

    Raises:
        UsageError: when something is.
    """
    if problems:
        shown = problems[:40] + ([f"and {len(problems) - 40} more"] if len(problems) > 40 else [])
        raise UsageError(
            "\n".join(["nothing was written, because:", *(f"  - {problem}" for problem in shown)])
        )


def _xml(body: bytes) -> Any:
    from xml.etree import ElementTree

    return ElementTree.fromstring(body)  # noqa: S314  # AWS's own answer over TLS


def _all(element: Any, name: str) -> list[Any]:
    return [child for child in element.iter() if child.tag.rpartition("}")[2] == name]


def _text(element: Any, name: str) -> str:
    return next((child.text or "" for child in element if child.tag.rpartition("}")[2] == name), "").strip()


def _texts(element: Any, name: str) -> list[str]:
    return [(child.text or "").strip() for child in _all(element, name)]
