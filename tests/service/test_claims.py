"""Claims against a model: whatever reviewers do to a review, in whatever order and at once, one of them has it."""

import asyncio
import uuid
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from uptake_service.app.stores import create_indexes
from uptake_service.audit.log import AuditLog
from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.idempotency import RequestRecords
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.ids import new_id
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.transactions import transaction
from uptake_service.reviews.model import (
    UPDATE_INSTRUCTIONS,
    Examined,
    Fix,
    Review,
    ReviewAction,
    ReviewChange,
    ReviewPriority,
    ReviewState,
)
from uptake_service.reviews.store import ReviewStore
from uptake_service.reviews.workflow import ReviewWorkflow

from tests.processes import PATIENCE_SECONDS

LEASE = timedelta(minutes=15)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
REVIEWERS = st.sampled_from(("ann", "bob", "cem"))
HOW_MANY = st.integers(2, 3)


@dataclass
class Ground:
    """A store of reviews on the database, and the loop that it lives in."""

    runner: asyncio.Runner
    mongo: Mongo
    requests: RequestRecords
    reviews: ReviewStore
    workflow: ReviewWorkflow

    def run(self, operation: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await operation

        return self.runner.run(awaited())

    def outcomes(self, *operations: Awaitable[Any]) -> list[Any]:
        """What operations that are under way at once come to; a refusal as its reason."""

        async def gathered() -> list[Any]:
            return await asyncio.gather(*operations, return_exceptions=True)

        found = self.runner.run(gathered())
        for outcome in found:
            if isinstance(outcome, BaseException) and not isinstance(outcome, DomainError):
                raise outcome
        return [outcome.reason if isinstance(outcome, DomainError) else outcome for outcome in found]


@pytest.fixture
def ground(mongodb_uri: str) -> Iterator[Ground]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with asyncio.Runner() as runner:

        async def opened() -> Ground:
            mongo = Mongo.connect(mongodb_uri, name, PATIENCE_SECONDS)
            requests, events = RequestRecords(mongo, 30), EventLog(mongo, 7)
            reviews = ReviewStore(mongo)
            workflow = ReviewWorkflow(reviews, events, requests, AuditLog(mongo, Clock()))
            await asyncio.gather(create_indexes(mongo), requests.open())
            return Ground(runner, mongo, requests, reviews, workflow)

        ground = runner.run(opened())
        yield ground
        ground.run(ground.mongo.client.drop_database(name))
        ground.mongo.close()


class Claims(RuleBasedStateMachine):
    """The model: who holds the review under which token, whether that claim ran out, and what happened."""

    tokens = Bundle("tokens")

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.project = f"p-{uuid.uuid4().hex[:12]}"
        self.id = new_id()
        self.state = ReviewState.OPEN
        self.holder = self.held = ""
        self.lapsed = False
        self.reopened = 0
        self.history = [ReviewAction.OPENED]

    @initialize()
    def a_review_is_opened(self) -> None:
        examined = Examined(
            related=(), negative_rate=1.0, priority=ReviewPriority.MEDIUM, suggested_action=UPDATE_INSTRUCTIONS
        )
        now = Clock().now()
        review = Review(
            id=self.id,
            project=self.project,
            pattern_id=f"pattern-of-{self.id}",
            covers=(f"pattern-of-{self.id}",),
            state=ReviewState.OPEN,
            examined=examined,
            trigger_feedback_id="f",
            create_time=now,
            update_time=now,
        )
        store = self.ground.reviews
        line = ReviewChange(time=now, action=ReviewAction.OPENED)
        self.ground.run(transaction(self.ground.mongo, lambda session: store.add(review, line, session)))

    def teardown(self) -> None:
        # The sweep is of all projects.
        self.ground.run(self.ground.mongo.collection("reviews").delete_many({"project": self.project}))

    @property
    def active(self) -> bool:
        return self.state in (ReviewState.OPEN, ReviewState.CLAIMED)

    @property
    def is_held(self) -> bool:
        return bool(self.held) and not self.lapsed

    @rule(target=tokens, reviewer=REVIEWERS, at_once=HOW_MANY)
    def claim(self, reviewer: str, at_once: int) -> str:
        """Several claim at once: one gets it, if it can be claimed at all."""
        names = [f"{reviewer}-{number}" for number in range(at_once)]
        claims = [
            self.ground.workflow.claim(self.project, self.id, name, LEASE, "", self._key("ClaimReview", name), "")
            for name in names
        ]
        outcomes = self.ground.outcomes(*claims)
        won = [(name, outcome) for name, outcome in zip(names, outcomes, strict=True) if isinstance(outcome, tuple)]
        if self.is_held or not self.active:
            reason = Reason.ERROR_REASON_REVIEW_CLAIMED if self.is_held else Reason.ERROR_REASON_REVIEW_FINISHED
            assert outcomes == [reason] * at_once
            return "0.nobodys"
        ((name, (_, token)),) = won
        assert isinstance(token, str)
        self._happens(ReviewAction.CLAIMED)
        self.state, self.holder, self.held = ReviewState.CLAIMED, name, token
        return token

    @rule(target=tokens, reviewer=REVIEWERS)
    @precondition(lambda self: self.active and not self.is_held)
    def claim_and_ask_again(self, reviewer: str) -> str:
        """The same request gets the same token, however often it is sent."""
        key = self._key("ClaimReview", reviewer)
        tokens = {
            self.ground.run(self.ground.workflow.claim(self.project, self.id, reviewer, LEASE, "", key, ""))[1]
            for _ in range(2)
        }
        (token,) = tokens
        assert isinstance(token, str)
        self._happens(ReviewAction.CLAIMED)
        self.state, self.holder, self.held = ReviewState.CLAIMED, reviewer, token
        return token

    @rule(token=tokens)
    def renew(self, token: str) -> None:
        outcomes = self.ground.outcomes(self.ground.workflow.renew(self.project, self.id, token, LEASE, ""))
        if self._holds(token, outcomes):
            self._happens(ReviewAction.RENEWED)

    @rule(token=tokens)
    def release(self, token: str) -> None:
        outcomes = self.ground.outcomes(self.ground.workflow.release(self.project, self.id, token, "", None, ""))
        if self._holds(token, outcomes):
            self._happens(ReviewAction.RELEASED)
            self._ends(ReviewState.OPEN)

    @rule(token=consumes(tokens), at_once=HOW_MANY)
    def finish(self, token: str, at_once: int) -> None:
        """Several finish at once under one token, by turns as resolved and as dismissed: it is finished once."""
        finishes = [
            self.ground.workflow.finish(self.project, self.id, token, "", None if place % 2 else _fix, "", None, "")
            for place in range(at_once)
        ]
        outcomes = self.ground.outcomes(*finishes)
        if not self._is_live(token):
            assert [outcome for outcome in outcomes if isinstance(outcome, tuple)] == []
            return
        ((review, _),) = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
        self._happens(ReviewAction[review.state.value])
        self._ends(review.state)

    @rule(reviewer=REVIEWERS)
    def reopen(self, reviewer: str) -> None:
        outcomes = self.ground.outcomes(self.ground.workflow.reopen(self.project, self.id, reviewer, "", "", None, ""))
        if self.active:
            assert outcomes == [Reason.ERROR_REASON_REVIEW_NOT_FINISHED]
            return
        assert isinstance(outcomes[0], Review)
        self._happens(ReviewAction.REOPENED)
        self._ends(ReviewState.OPEN)
        self.reopened += 1

    @rule()
    @precondition(lambda self: self.is_held)
    def time_runs_out(self) -> None:
        stored = self.ground.mongo.collection("reviews")
        assert self.ground.run(stored.update({"_id": self.id}, {"$set": {"claim.expire_time": LONG_AGO}}))
        self.lapsed = True

    @rule()
    @precondition(lambda self: self.is_held)
    def the_clock_was_ahead(self) -> None:
        """What was claimed two hours ahead ends once the clock is right, and not in two hours."""
        stored = self.ground.mongo.collection("reviews")
        ahead = Clock().now() + timedelta(hours=2)
        changes = {"claim.expire_time": ahead, "claim_seconds": 600.0}
        assert self.ground.run(stored.update({"_id": self.id}, {"$set": changes}))
        self.lapsed = True

    @rule()
    def sweep(self) -> None:
        expired = self.ground.run(self.ground.reviews.expired_claims())
        assert expired == ([(self.project, self.id)] if self.lapsed else [])
        for each in expired:
            self.ground.run(self.ground.workflow.expire_claim(*each))
        if self.lapsed:
            self.history.append(ReviewAction.EXPIRED)
            self._ends(ReviewState.OPEN)

    @invariant()
    def what_is_stored_is_what_happened(self) -> None:
        review: Review = self.ground.run(self.ground.reviews.get(self.project, self.id))
        state = ReviewState.OPEN if self.lapsed else self.state
        assert (review.state, review.reopen_count) == (state, self.reopened)
        assert (review.claim.reviewer if review.claim else "") == (self.holder if self.is_held else "")
        assert [line.action for line in self.ground.run(self.ground.reviews.history(review))] == self.history
        assert review.claim_count == self.history.count(ReviewAction.CLAIMED)
        events = self.ground.run(self.ground.mongo.collection("events").find({"project": self.project}))
        told = [event["payload"]["action"] for event in sorted(events, key=lambda event: event["seq"])]
        assert told == [action.value for action in self.history[1:]]

    def _key(self, method: str, name: str) -> Any:
        return self.ground.requests.key(self.project, method, uuid.uuid4().hex, name.encode())

    def _is_live(self, token: str) -> bool:
        return self.is_held and token == self.held

    def _holds(self, token: str, outcomes: list[Any]) -> bool:
        """Whether the token is the review's; if it is not, nothing may have been done with it."""
        live = self._is_live(token)
        assert isinstance(outcomes[0], Review) is live
        if not live:
            assert outcomes[0] in (Reason.ERROR_REASON_CLAIM_LOST, Reason.ERROR_REASON_REVIEW_FINISHED)
        return live

    def _happens(self, action: ReviewAction) -> None:
        if self.lapsed:
            # That the claim before ran out is told first.
            self.history.append(ReviewAction.EXPIRED)
            self.lapsed = False
        self.history.append(action)

    def _ends(self, state: ReviewState) -> None:
        self.state, self.holder, self.held, self.lapsed = state, "", "", False


def _fix(time: datetime) -> Fix:
    return Fix(time=time)


def test_a_review_is_one_reviewers_at_a_time(ground: Ground) -> None:
    run_state_machine_as_test(
        # Hypothesis takes what makes one too.
        lambda: Claims(ground),  # type: ignore[arg-type]
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
