"""The service against a model of a few lines, in whatever order people do things."""

import asyncio
import threading
import uuid
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from uptake import Client, UptakeError, thumbs_down, thumbs_up
from uptake.v1 import correction_pb2, review_pb2
from uptake.v1 import feedback_pb2 as pb
from uptake_service.app.check import check
from uptake_service.app.server import App
from uptake_service.config import load_settings
from uptake_service.domain.clock import Clock

from tests.corrections import apply, knowledge
from tests.processes import PATIENCE_SECONDS

T = TypeVar("T")

QUERIES = ("How do I reset my password?", "Where is my parcel?")
USERS = ("", "ann", "bob")
KEYS = ("opening", "prices")
CONTENTS = ("It opens at nine.", "Nothing is known.", "Ask at the desk.")
ANY = st.integers(0, 10**6)
"""Which of those that there are: taken modulo their number."""


class Running:
    """A service on a loop of its own, for callers that cannot wait."""

    def __init__(self, uri: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        settings = {"port": 0, "mongodb_uri": uri, "database": f"test_{uuid.uuid4().hex[:12]}"}
        settings["database_timeout_seconds"] = PATIENCE_SECONDS
        self.app = App(load_settings(**settings))
        self.run(self.app.start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * PATIENCE_SECONDS)

    def client(self, project: str) -> Client:
        async def make() -> Client:
            return Client(f"localhost:{self.app.port}", project=project, timeout_seconds=PATIENCE_SECONDS)

        return self.run(make())

    def stop(self) -> None:
        self.run(self.app.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Said:
    """A piece of feedback as the model has it."""

    interaction: str
    user: str
    liked: bool
    active: bool = True


@dataclass
class Entry:
    """A knowledge entry as the model has it: what was applied and not undone, by correction, newest last."""

    applied: list[tuple[str, str]] = field(default_factory=list)


class Model(RuleBasedStateMachine):
    def __init__(self, running: Running) -> None:
        super().__init__()
        self.running = running
        self.client = running.client(f"p{uuid.uuid4().hex[:12]}")
        self.said: dict[str, Said] = {}
        self.entries = {key: Entry() for key in KEYS}
        self.undone: set[str] = set()

    def reason(self, work: Coroutine[Any, Any, object]) -> str:
        """Why a call is refused; empty if it is not."""
        try:
            self.running.run(work)
        except UptakeError as error:
            return error.reason
        return ""

    def one(self, which: int) -> tuple[str, Said]:
        return list(self.said.items())[which % len(self.said)]

    @rule(interaction=st.sampled_from("abc"), user=st.sampled_from(USERS), liked=st.booleans(), query=ANY)
    def collect(self, interaction: str, user: str, liked: bool, query: int) -> None:
        make = thumbs_up if liked else thumbs_down
        sent = make(interaction, query=QUERIES[query % len(QUERIES)], user_id=user)
        id = self.running.run(self.client.collect(sent)).id
        same = [
            known
            for known, said in self.said.items()
            if user and said.active and (said.interaction, said.user) == (interaction, user)
        ]
        assert [id] == same or (not same and id not in self.said)
        self.said[id] = Said(interaction, user, liked)

    @precondition(lambda self: self.said)
    @rule(which=ANY, liked=st.booleans())
    def amend(self, which: int, liked: bool) -> None:
        id, said = self.one(which)
        kind = pb.FEEDBACK_TYPE_THUMBS_UP if liked else pb.FEEDBACK_TYPE_THUMBS_DOWN
        reason = self.reason(self.client.feedback.amend(id, pb.Feedback(type=kind), ["type"]))
        assert reason == ("" if said.active else "FEEDBACK_RETRACTED")
        if said.active:
            said.liked = liked

    @precondition(lambda self: self.said)
    @rule(which=ANY)
    def retract(self, which: int) -> None:
        id, said = self.one(which)
        assert self.reason(self.client.feedback.retract(id)) == ""
        said.active = False

    @precondition(lambda self: any(said.user for said in self.said.values()))
    @rule(user=st.sampled_from(USERS[1:]))
    def erase(self, user: str) -> None:
        gone = [id for id, said in self.said.items() if said.user == user]
        assert self.running.run(self.client.feedback.erase_user(user)) == len(gone)
        for id in gone:
            del self.said[id]
            assert self.reason(self.client.feedback.get(id)) == "FEEDBACK_NOT_FOUND"

    @rule(how=st.sampled_from(("release", "resolve", "dismiss")), which=ANY)
    def review(self, how: str, which: int) -> None:
        async def work() -> None:
            listed = [review async for review in self.client.reviews.list()]
            reviews = [review for review in listed if review.state == review_pb2.REVIEW_STATE_OPEN]
            if not reviews:
                return
            id = reviews[which % len(reviews)].id
            claim = await self.client.reviews.claim(id, "ann")
            with pytest.raises(UptakeError) as caught:
                await self.client.reviews.claim(id, "bob")
            assert caught.value.reason == "REVIEW_CLAIMED"
            await getattr(claim, how)()
            state = {
                "release": review_pb2.REVIEW_STATE_OPEN,
                "resolve": review_pb2.REVIEW_STATE_RESOLVED,
                "dismiss": review_pb2.REVIEW_STATE_DISMISSED,
            }[how]
            assert (await self.client.reviews.get(id)).review.state == state

        self.running.run(work())

    @rule(
        key=st.sampled_from(KEYS), text=st.sampled_from(("It opens at nine.", "Nothing is known.", "Ask at the desk."))
    )
    def apply(self, key: str, text: str) -> None:
        (made,) = self.running.run(apply(self.client, knowledge(key, text)))
        self.entries[key].applied.append((made.id, text))

    @precondition(lambda self: any(entry.applied for entry in self.entries.values()))
    @rule(key=st.sampled_from(KEYS), which=ANY)
    def revert(self, key: str, which: int) -> None:
        applied = self.entries[key].applied
        if not applied:
            return
        place = which % len(applied)
        reason = self.reason(self.client.corrections.revert(applied[place][0], "ann"))
        newest = place == len(applied) - 1
        assert reason == ("" if newest else "CORRECTION_SUPERSEDED")
        if newest:
            self.undone.add(applied.pop()[0])

    @invariant()
    def numbers_are_the_models(self) -> None:
        metrics = self.running.run(self.client.insights.get()).metrics
        active = [said for said in self.said.values() if said.active]
        assert metrics.total_feedback == len(active)
        assert metrics.positive_count == sum(said.liked for said in active)

    @invariant()
    def knowledge_is_the_models(self) -> None:
        async def work() -> dict[str, str]:
            found = await self.client.corrections.search_knowledge("opening prices", minimum_similarity=-1.0)
            return {match.entry.key: match.entry.content for match in found}

        heads = {key: entry.applied[-1][1] for key, entry in self.entries.items() if entry.applied}
        assert self.running.run(work()) == heads

    def teardown(self) -> None:
        async def work() -> tuple[dict[str, pb.FeedbackState], dict[str, correction_pb2.CorrectionState]]:
            feedback = {each.id: each.state async for each in self.client.feedback.list(filter=_EVERY)}
            corrections = {each.id: each.state async for each in self.client.corrections.list()}
            return feedback, corrections

        feedback, corrections = self.running.run(work())
        assert feedback == {
            id: pb.FEEDBACK_STATE_ACTIVE if said.active else pb.FEEDBACK_STATE_RETRACTED
            for id, said in self.said.items()
        }
        in_force = {entry.applied[-1][0] for entry in self.entries.values() if entry.applied}
        for id, state in corrections.items():
            assert (state == correction_pb2.CORRECTION_STATE_APPLIED) == (id in in_force)
            assert (state == correction_pb2.CORRECTION_STATE_REVERTED) == (id in self.undone)
        assert self.running.run(check(self.running.app.mongo, Clock())) == []
        self.running.run(self.client.close())


_EVERY = pb.FeedbackFilter(states=[pb.FEEDBACK_STATE_ACTIVE, pb.FEEDBACK_STATE_RETRACTED])


@pytest.fixture
def running(mongodb_uri: str) -> Iterator[Running]:
    running = Running(mongodb_uri)
    yield running
    running.stop()


def test_the_service_does_what_the_model_does(running: Running) -> None:
    run_state_machine_as_test(
        # Hypothesis takes what makes one too.
        lambda: Model(running),  # type: ignore[arg-type]
        settings=settings(
            max_examples=3, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
