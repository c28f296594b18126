"""Forgets the models, sources and scores that are counted apart and that no feedback has any more."""

from collections.abc import Collection, Sequence
from functools import partial

from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.mongo.transactions import transaction
from uptake_service.projections.rollup_deltas import Breakdown
from uptake_service.projections.rollups import RollupStore, Use
from uptake_service.projects.store import OTHER, ProjectStore

BREAKDOWNS: dict[str, Breakdown] = {"models": "model", "sources": "source", "scores": "score"}
"""How what a project has a list of is counted."""

Value = tuple[str, str]
"""The name of a project's list, and a value of it."""


class UnusedValues:
    def __init__(self, mongo: Mongo, projects: ProjectStore, rollups: RollupStore) -> None:
        self._mongo = mongo
        self._projects = projects
        self._rollups = rollups

    async def drop(self, project: str, values: Collection[Value]) -> list[Value]:
        """Forgets those of these values that no feedback has, each with its rollups, in a transaction of its own.

        Returns:
            Those of which something is in the delta log yet: they are to be asked for again.
        """
        if not values:
            return []
        known = await self._projects.get(project)
        scores = sorted({"", OTHER, *known.scores, *known.settings.review_policy.scores})
        left = []
        for kind, value in sorted(values):
            if value != OTHER and not await transaction(self._mongo, partial(self._drop, project, kind, value, scores)):
                left.append((kind, value))
        return left

    async def _drop(self, project: str, kind: str, value: str, scores: Sequence[str], session: Session) -> bool:
        """Forgets a value if nothing has it; tells whether that is settled."""
        use = await self._rollups.use(project, BREAKDOWNS[kind], value, scores, session)
        if use is Use.GONE:
            await self._rollups.drop_value(project, BREAKDOWNS[kind], value, scores, session)
            await self._projects.drop_value(project, kind, value, session)
        return use is not Use.LOGGED
