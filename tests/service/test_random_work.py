"""Random work on two replicas: whatever people do, in whatever order, every number agrees with the feedback.

The recount is made every few steps, so that a failure is near the step that it came with; the steps are printed.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import duration_pb2
from uptake import Claim, Client, UptakeError, comment, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import correction_pb2, feedback_pb2, issue_pb2, project_pb2, review_pb2
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock

from tests.conftest import StartService
from tests.corrections import knowledge
from tests.processes import eventually
from tests.service.test_erasure import MARKER, everything_stored

SEEDS = [int(seed) for seed in os.environ.get("UPTAKE_TEST_RANDOM_SEEDS", "1,2,3").split(",")]
STEPS, CHECKED_STEPS = 40, 8
"""How many there are, and after how many each the recount is made."""
SOON = 0.2
"""Seconds between two looks of the jobs that run by themselves."""
KEPT = timedelta(days=20)
"""What the project keeps feedback for, from the step on that says so."""
PATIENCE = 180.0
"""Seconds until a clustering run is given up: it gets little of a busy machine."""

_USERS = [f"{MARKER} user {number}" for number in range(6)]
_ANSWERS = [f"m{number}" for number in range(12)]
_TOPICS = ["the invoice", "the parcel", "the password"]
_SCORES = ["", "", "", "tone", "helpfulness"]
_REFUSALS = {
    "FEEDBACK_NOT_FOUND",
    "FEEDBACK_RETRACTED",
    "FEEDBACK_EXPIRED",
    "REVIEW_CLAIMED",
    "REVIEW_FINISHED",
    "REVIEW_NOT_FINISHED",
    "ACTIVE_REVIEW_EXISTS",
    "CLAIM_LOST",
    "CONFLICT",
    "CORRECTION_REVERTED",
    "CORRECTION_SUPERSEDED",
    "ISSUE_NOT_FOUND",
    "ISSUE_MERGED",
}
"""What a call may be told, where another step was before it."""


class Work:
    """What people do, one step at a time, each on either replica."""

    def __init__(self, seed: int, replicas: list[Client]) -> None:
        self._random = random.Random(seed)
        self._replicas = replicas
        self._ids: list[str] = []
        self._comments: set[str] = set()
        """Those that need words."""
        self._claims: list[Claim] = []
        self._oldest = timedelta(days=29)
        self._steps: list[tuple[Callable[[], Awaitable[object]], int]] = [
            (self._collect, 6),
            (self._collect_many, 8),
            (self._collect_at_once, 5),
            (self._amend, 5),
            (self._retract, 4),
            (self._delete, 4),
            (self._erase_user, 1),
            (self._claim, 4),
            (self._finish, 4),
            (self._reopen, 2),
            (self._set_policy, 2),
            (self._keep_for_days, 1),
            (self._cluster, 2),
            (self._change_issue, 3),
            (self._apply, 2),
            (self._revert, 1),
        ]

    async def step(self) -> None:
        steps, weights = zip(*self._steps, strict=True)
        (step,) = self._random.choices(steps, weights)
        print(f"{step.__name__.removeprefix('_')}:", end=" ", flush=True)
        try:
            await step()
        except UptakeError as refused:
            print(refused.reason)
            if refused.reason not in _REFUSALS:
                raise

    async def delete_everything(self) -> None:
        """Some of it with its users, the rest piece by piece."""
        for user in _USERS[::2]:
            await self._client.feedback.erase_user(user, timeout_seconds=PATIENCE)
        states = [feedback_pb2.FEEDBACK_STATE_ACTIVE, feedback_pb2.FEEDBACK_STATE_RETRACTED]
        filter = feedback_pb2.FeedbackFilter(states=states)
        left = [each.id async for each in self._client.feedback.list(filter=filter)]
        await asyncio.gather(*(self._delete_one(id) for id in left))

    async def _delete_one(self, id: str) -> None:
        try:
            await self._client.feedback.delete(id, timeout_seconds=PATIENCE)
        except UptakeError as refused:
            # Its time may have come meanwhile.
            if refused.reason != "FEEDBACK_NOT_FOUND":
                raise

    @property
    def _client(self) -> Client:
        return self._random.choice(self._replicas)

    def _vote(self) -> feedback_pb2.Feedback:
        """Any piece of feedback; many are the second votes of a user on an answer."""
        topic = self._random.choice(_TOPICS)
        about: dict[str, Any] = {
            "user_id": self._random.choice(["", *_USERS]),
            "query": self._random.choice(["", f"Where do I find {topic} of {MARKER}?", f"{topic} {MARKER} is wrong"]),
            "model": self._random.choice(["", "a", "b"]),
            "occur_time": self._random.choice([None, None, self._earlier()]),
        }
        words = f"{MARKER} {topic} does not open, {self._random.randrange(100)}"
        answer = self._random.choice(_ANSWERS)
        kind = self._random.randrange(12)
        if kind == 0:
            return comment(answer, words, **about)
        if kind == 1:
            return correction(answer, f"{words}, says the handbook.", **about)
        about |= {"comment": self._random.choice(["", words]), "score_name": self._random.choice(_SCORES)}
        if kind == 2:
            return rating(answer, self._random.randint(1, 5), **about)
        return (thumbs_up if kind < 5 else thumbs_down)(answer, **about)

    def _earlier(self) -> datetime:
        return datetime.now(UTC) - self._oldest * self._random.random()

    def _known(self) -> str:
        assert self._ids
        return self._random.choice(self._ids)

    def _remember(self, stored: feedback_pb2.Feedback) -> None:
        if stored.id not in self._ids:
            self._ids.append(stored.id)
        if stored.type == feedback_pb2.FEEDBACK_TYPE_COMMENT:
            self._comments.add(stored.id)

    async def _collect(self) -> None:
        vote = self._vote()
        print(str(vote).replace("\n", " "))
        self._remember(await self._client.collect(vote))

    async def _collect_many(self) -> None:
        votes = [self._vote() for _ in range(self._random.randint(2, 20))]
        print(len(votes))
        async for result in self._client.collect_many(votes):
            assert result.HasField("feedback"), result.error
            self._remember(result.feedback)

    async def _collect_at_once(self) -> None:
        votes = [self._vote() for _ in range(self._random.randint(2, 8))]
        print(len(votes))
        for stored in await asyncio.gather(*(self._client.collect(vote) for vote in votes)):
            self._remember(stored)

    async def _amend(self) -> None:
        if self._ids:
            id, words = self._known(), self._vote().comment
            if id in self._comments:
                words = words or f"{MARKER} in other words"
            print(id, words)
            now = feedback_pb2.Feedback(comment=words, labels={"a": "b"})
            await self._client.feedback.amend(id, now, ["comment", "labels"])

    async def _retract(self) -> None:
        for _ in range(min(len(self._ids), self._random.choice([1, 1, 5]))):
            print(id := self._known(), end=" ")
            await self._client.feedback.retract(id)
        print()

    async def _delete(self) -> None:
        """Also of what is gone by now; of several at once each waits for the same look of the eraser."""
        if self._ids:
            print(*(ids := {self._known() for _ in range(self._random.choice([1, 1, 5]))}))
            await asyncio.gather(*(self._delete_one(id) for id in ids))

    async def _erase_user(self) -> None:
        print(user := self._random.choice(_USERS))
        await self._client.feedback.erase_user(user, timeout_seconds=PATIENCE)

    async def _reviews(self) -> list[review_pb2.Review]:
        return [review async for review in self._client.reviews.list()]

    async def _claim(self) -> None:
        found = await self._reviews()
        print(f"one of {len(found)}")
        if found:
            lease_seconds = self._random.choice([1, 600])
            self._claims.append(
                await self._client.reviews.claim(self._random.choice(found).id, "ann", lease_seconds=lease_seconds)
            )

    async def _finish(self) -> None:
        if self._claims:
            claim = self._claims.pop(self._random.randrange(len(self._claims)))
            print(way := self._random.choice(["release", "dismiss", "resolve", "resolve and correct", "renew"]))
            match way:
                case "release":
                    await claim.release("later")
                case "dismiss":
                    await claim.dismiss("no")
                case "resolve":
                    await claim.resolve("fixed")
                case "resolve and correct":
                    await claim.resolve("fixed", corrections=[self._draft()])
                case "renew":
                    await claim.renew(600)
                    self._claims.append(claim)

    async def _reopen(self) -> None:
        found = await self._reviews()
        print(f"one of {len(found)}")
        if found:
            await self._client.reviews.reopen(self._random.choice(found).id, "ann", "again")

    async def _set_policy(self) -> None:
        policy = project_pb2.ReviewPolicy(
            window_size=self._random.choice([3, 10, 100]),
            minimum_sample=self._random.choice([2, 3]),
            trigger_rule=self._random.choice([project_pb2.TRIGGER_RULE_RATE, project_pb2.TRIGGER_RULE_EVIDENCE]),
            vote_policy=self._random.choice(
                [project_pb2.VOTE_POLICY_AMEND, project_pb2.VOTE_POLICY_AMEND, project_pb2.VOTE_POLICY_KEEP_ALL]
            ),
            scores=self._random.choice([[], ["tone"], ["", "tone"], ["helpfulness"]]),
            dismissal_quiet_period=duration_pb2.Duration(seconds=self._random.choice([1, 86_400])),
            evidence_age=duration_pb2.Duration(seconds=86_400 * self._random.choice([1, 10, 90])),
            voter_share=self._random.choice([0.02, 0.3, 1.0]),
        )
        print(str(policy).replace("\n", " "))
        paths = [f"review_policy.{field.name}" for field, _ in policy.ListFields()]
        paths += ["review_policy.scores"] if not policy.scores else []
        await self._client.projects.update(project_pb2.ProjectSettings(review_policy=policy), paths)

    async def _keep_for_days(self) -> None:
        print(KEPT)
        age = duration_pb2.Duration()
        age.FromTimedelta(KEPT)
        settings = project_pb2.ProjectSettings(retention=project_pb2.Retention(feedback_age=age))
        await self._client.projects.update(settings, ["retention"])
        # What is sent from now on is well within it.
        self._oldest = KEPT - timedelta(days=1)

    async def _cluster(self) -> None:
        issues = (await self._client.insights.get(refresh_issues=True, timeout_seconds=PATIENCE)).common_issues
        print([issue.frequency for issue in issues])

    async def _change_issue(self) -> None:
        client = self._client
        issues = [issue async for issue in client.issues.list()]
        print(f"one of {len(issues)}", end=" ")
        if not issues:
            print()
            return
        issue = self._random.choice(issues)
        print(way := self._random.choice(["resolve", "ignore", "merge", "split"]))
        match way:
            case "resolve":
                await client.issues.update(issue.id, state=issue_pb2.ISSUE_STATE_RESOLVED, reviewer="ann")
            case "ignore":
                await client.issues.update(issue.id, state=issue_pb2.ISSUE_STATE_IGNORED, reviewer="ann")
            case "merge":
                others = [each.id for each in issues if each.id != issue.id]
                if others:
                    await client.issues.merge(issue.id, [self._random.choice(others)], reviewer="ann")
            case "split":
                members = [each.feedback_id for each in (await client.issues.get(issue.id)).issue.sample_comments]
                if members:
                    await client.issues.split(issue.id, members[:2], reviewer="ann")

    def _draft(self) -> correction_pb2.CorrectionDraft:
        ids = [self._known()] if self._ids else []
        return knowledge(self._random.choice(["a/b", "a/c"]), f"The page of {self._random.random()}.", feedback_ids=ids)

    async def _apply(self) -> None:
        results = await self._client.corrections.apply([self._draft()], "ann")
        print([result.WhichOneof("result") for result in results])

    async def _revert(self) -> None:
        applied = [each async for each in self._client.corrections.list()]
        print(f"one of {len(applied)}")
        if applied:
            await self._client.corrections.revert(self._random.choice(applied).id, "ann")


@pytest.mark.parametrize("seed", SEEDS)
async def test_after_random_work_the_recount_finds_nothing_and_deletion_leaves_no_words(
    start_service: StartService, seed: int
) -> None:
    often = {"trigger_interval_seconds": SOON, "verdict_interval_seconds": SOON, "pattern_refresh_seconds": SOON}
    replicas = [await start_service(retention_interval_seconds=SOON, **often) for _ in range(2)]
    mongo = replicas[0].mongo
    work = Work(seed, [replica.client for replica in replicas])
    for number in range(STEPS):
        print(f"\n{number}", end=" ")
        await work.step()
        if number % CHECKED_STEPS == 0:
            assert await check(mongo, Clock()) == []

    await work.delete_everything()

    async def nothing_is_left() -> bool:
        return await mongo.collection("feedback").count({}) == 0

    await eventually(nothing_is_left, "the end of all feedback")
    await replicas[0].app.parts.feedback.compactor.run()
    assert await check(mongo, Clock()) == []
    assert [line for line in (await everything_stored(replicas[0])).splitlines() if MARKER in line] == []
