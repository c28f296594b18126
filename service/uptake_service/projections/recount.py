"""The recount of rollups: each hour counted anew from feedback."""

from collections.abc import Iterator, Mapping

from uptake_service.coordination.recount import Recount
from uptake_service.domain.feedback import StoredFeedback
from uptake_service.domain.project import Project
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.projections.rollup_deltas import Counts, RollupDeltas, RollupKey
from uptake_service.projections.rollups import RollupStore


class RollupRecount(Recount):
    def __init__(self, mongo: Mongo) -> None:
        self._rollups = RollupStore(mongo)
        self._stored: dict[RollupKey, Counts] = {}
        self._counted = RollupDeltas()

    async def read(self, session: Session) -> set[str]:
        self._stored = await self._rollups.scan(session)
        return {key.project for key in self._stored}

    def count(self, feedback: StoredFeedback, project: Project) -> None:
        self._counted.count(feedback, +1)

    async def differences(self, session: Session) -> list[str]:
        return list(_differences(self._stored, self._counted.changes()))


def _differences(stored: Mapping[RollupKey, Counts], counted: Mapping[RollupKey, Counts]) -> Iterator[str]:
    """Names each number of a rollup that is not what feedback says; zero is the same as not there."""
    for key in sorted({*stored, *counted}, key=lambda k: (k.project, k.hour, k.dimension, k.value)):
        have, want = stored.get(key, {}), counted.get(key, {})
        for name in sorted({*have, *want}):
            if have.get(name, 0) != want.get(name, 0):
                yield (
                    f"rollup {key.project} {key.hour:%Y-%m-%dT%H}h {key.dimension} {key.value!r}: "
                    f"{name} is {have.get(name, 0)}, feedback says {want.get(name, 0)}"
                )
