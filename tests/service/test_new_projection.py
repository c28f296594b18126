"""What a new derived number takes: a projection and its line in the list. Here: votes by language."""

from collections import Counter
from collections.abc import Sequence

import pytest
from uptake import thumbs_down, thumbs_up
from uptake_service.app import build
from uptake_service.app.check import check
from uptake_service.coordination.recount import Recount
from uptake_service.domain.clock import Clock
from uptake_service.domain.feedback import VOTES, FeedbackState, StoredFeedback, Transition
from uptake_service.domain.project import Project
from uptake_service.embedding.embed import normalise_query
from uptake_service.embedding.scripts import dominant_script
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.projections.projection import Batch, Commit, Projection, Update

from tests.conftest import StartService

# --- The projection, as it would stand in a file of its own -------------------------------------------------------


class LanguageVoteStore(Store):
    """The collection `language_votes`: {_id: "project/script/writer", project, script, votes}."""

    TEXTS = (texts("language_votes", Holds.NONE, "_id", "project", "script"),)


class LanguageVotes(Projection):
    STORES = (LanguageVoteStore,)

    def __init__(self, mongo: Mongo) -> None:
        self.votes = mongo.collection("language_votes")

    @classmethod
    def recounts(cls, mongo: Mongo, clock: Clock) -> Sequence[Recount]:
        return (LanguageRecount(mongo),)

    def begin(self, batch: Batch) -> Update:
        return _Counted(self)


class _Counted(Update):
    def __init__(self, projection: LanguageVotes) -> None:
        self._projection = projection

    async def write(self, transitions: Sequence[Transition], commit: Commit, session: Session) -> None:
        changes: Counter[tuple[str, str]] = Counter()
        for before, after in transitions:
            changes[_key(after)] += _share(after)
            if before is not None:
                changes[_key(before)] -= _share(before)
        await self._projection.votes.update_each(
            [
                (
                    # A document for each writer, so that replicas are never in each other's way.
                    {"_id": f"{project}/{script}/{commit.writer}"},
                    {"$inc": {"votes": votes}, "$setOnInsert": {"project": project, "script": script}},
                )
                for (project, script), votes in changes.items()
                if votes
            ],
            upsert=True,
            session=session,
        )


class LanguageRecount(Recount):
    def __init__(self, mongo: Mongo) -> None:
        self._votes = mongo.collection("language_votes")
        self._counted: Counter[tuple[str, str]] = Counter()

    def count(self, feedback: StoredFeedback, project: Project) -> None:
        self._counted[_key(feedback)] += _share(feedback)

    async def differences(self, session: Session) -> list[str]:
        stored: Counter[tuple[str, str]] = Counter()
        for each in await self._votes.find({}, session=session):
            stored[each["project"], each["script"]] += each["votes"]
        return [
            f"votes of {project} in {script}: {stored[project, script]}, feedback says {self._counted[project, script]}"
            for project, script in sorted({*stored, *self._counted})
            if stored[project, script] != self._counted[project, script]
        ]


def _key(feedback: StoredFeedback) -> tuple[str, str]:
    return feedback.project, dominant_script(normalise_query(feedback.text))


def _share(feedback: StoredFeedback) -> int:
    return int(feedback.state is FeedbackState.ACTIVE and feedback.content.type in VOTES)


# --- Its line in the list ------------------------------------------------------------------------------------------

LINE = build.ProjectionKind(LanguageVotes, lambda base, parts: LanguageVotes(base.mongo))


@pytest.fixture(autouse=True)
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "PROJECTIONS", (LINE, *build.PROJECTIONS))


async def test_a_projection_follows_votes_amendments_and_erasures_and_is_checked(start_service: StartService) -> None:
    service = await start_service()
    client, stored = service.client, service.mongo.collection("language_votes")

    async def votes() -> dict[str, int]:
        return {each["script"]: each["votes"] for each in await stored.find({}) if each["votes"]}

    russian = await client.collect(thumbs_down("i1", query="Как сменить пароль?", user_id="u"))
    await client.collect(thumbs_up("i2", query="How do I change my password?", user_id="u"))
    await client.collect(thumbs_up("i3", query="How do I pay?", user_id="v"))
    assert await votes() == {"CYRILLIC": 1, "LATIN": 2}
    await client.feedback.retract(russian.id)
    assert await votes() == {"LATIN": 2}
    assert await client.feedback.erase_user("u") == 2
    assert await votes() == {"LATIN": 1}
    assert await check(service.mongo, Clock()) == []

    await stored.update({"script": "LATIN"}, {"$inc": {"votes": 1}})
    assert await check(service.mongo, Clock()) == ["votes of default in LATIN: 2, feedback says 1"]
