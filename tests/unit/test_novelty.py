"""What is new is taken in at a rate, of each caller; who administers the service may bring what it likes."""

import asyncio
from datetime import UTC, datetime

import pytest
from uptake_service.domain.access import Key, Role
from uptake_service.domain.caller import NOBODY, Caller
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.feedback import Content, Draft, FeedbackType, Interaction
from uptake_service.domain.grouping import Assignment
from uptake_service.domain.project import Project
from uptake_service.ingest.changes import Collect, Erase
from uptake_service.ingest.novelty import NoveltyLimiter, Rate
from uptake_service.ingest.preprocessor import Item
from uptake_service.telemetry.metrics import Metrics

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANY = Rate(1_000_000, 1.0)
OLD = Project(id="p", create_time=NOW, models=("known",))


def caller(key: str = "", role: Role = Role.COLLECTOR) -> Caller:
    found = Key(id=key, name=key, role=role, create_time=NOW) if key else None
    return Caller("id", "uptake.v1.FeedbackService/CollectFeedback", "peer", found)


def item(by: Caller, project: str = "p", *, model: str = "", source: str = "", score: str = "") -> Item:
    draft = Draft(
        project=project,
        interaction=Interaction(id="i", model=model),
        content=Content(type=FeedbackType.THUMBS_DOWN),
        user_id="",
        source=source,
        occur_time=NOW,
        said_time=NOW,
        score=score,
    )
    return Item(Collect(draft), None, None, asyncio.get_running_loop().create_future(), by, None)


class Scene:
    def __init__(self, *, patterns: Rate = MANY, projects: Rate = MANY, values: Rate = MANY) -> None:
        self.metrics = Metrics()
        self._novelty = NoveltyLimiter(self.metrics, patterns=patterns, projects=projects, values=values)

    def refused(
        self, *items: Item, patterns: list[str] | None = None, projects: list[Project] | None = None
    ) -> list[DomainError | None]:
        """What is told of each; with `patterns` each starts one of these."""
        starts = {each: Assignment(id, b"", "", starts=True) for each, id in zip(items, patterns or [], strict=False)}
        refused = self._novelty.refused(items, starts, {each.id: each for each in projects or [OLD]})
        return [refused.get(each) for each in items]


async def test_new_patterns_are_taken_at_a_rate_and_the_refusal_says_what_to_do() -> None:
    scene = Scene(patterns=Rate(5, 60.0))
    by = caller("a")
    first = scene.refused(*(item(by) for _ in range(40)), patterns=[f"new{n}" for n in range(40)])
    # Thirty of each project's own, and five of the key's.
    assert [error is None for error in first] == [True] * 35 + [False] * 5
    error = first[-1]
    assert error is not None
    assert error.reason == Reason.ERROR_REASON_RATE_LIMITED
    assert error.retry_after_seconds is not None
    assert 0 < error.retry_after_seconds <= 1
    assert "UPTAKE_NEW_PATTERNS_PER_MINUTE" in error.message
    assert error.metadata == {"limit": "new_patterns"}
    sample = scene.metrics.registry.get_sample_value("uptake_limited_total", {"limit": "new_patterns"})
    assert sample == 5

    other = caller("b")
    assert scene.refused(item(other), patterns=["of another key"]) == [None]


async def test_what_is_new_in_several_items_is_new_once() -> None:
    scene = Scene(projects=Rate(1, 0.001))
    new = [Project(id="one"), Project(id="two")]
    by = caller()
    told = scene.refused(*(item(by, id) for id in ("one", "one", "two", "two", "one")), projects=new)
    assert [error is None for error in told] == [True, True, False, False, True]


async def test_one_caller_without_a_key_leaves_other_projects_some_patterns() -> None:
    scene = Scene(patterns=Rate(1, 0.001))
    by = caller()
    told = scene.refused(*(item(by) for _ in range(50)), patterns=[f"new{n}" for n in range(50)])
    assert sum(error is None for error in told) == 31
    other = Project(id="other", create_time=NOW)
    assert scene.refused(item(by, "other"), patterns=["theirs"], projects=[other]) == [None]


async def test_values_that_are_counted_apart_are_taken_at_a_rate_and_others_cost_nothing() -> None:
    scene = Scene(values=Rate(2, 0.001))
    by = caller()
    told = scene.refused(
        item(by, model="known"),
        item(by, model="m"),
        item(by, model="m"),
        item(by, source="s"),
        item(by, score="refused"),
        item(by),
    )
    assert [error is None for error in told] == [True, True, True, True, False, True]
    full = Project(id="p", create_time=NOW, models=tuple(f"m{n}" for n in range(100)))
    assert scene.refused(item(by, model="counted as other"), projects=[full]) == [None]


@pytest.mark.parametrize("by", [caller("admin", Role.ADMIN), NOBODY], ids=["admin", "the service itself"])
async def test_who_administers_is_not_held_back(by: Caller) -> None:
    scene = Scene(patterns=Rate(1, 0.001), projects=Rate(1, 0.001), values=Rate(1, 0.001))
    items = [item(by, f"p{n}", model=f"m{n}") for n in range(50)]
    new = [Project(id=f"p{n}") for n in range(50)]
    assert scene.refused(*items, patterns=[f"new{n}" for n in range(50)], projects=new) == [None] * 50


async def test_an_erasure_is_never_held_back() -> None:
    scene = Scene(projects=Rate(1, 0.001))
    erasing = Item(Erase("gone", "id"), None, None, asyncio.get_running_loop().create_future(), caller(), None)
    assert scene.refused(erasing, erasing, projects=[Project(id="gone")]) == [None, None]
