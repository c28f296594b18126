"""Rollups as a projection: what a batch counts anew, hour by hour."""

from collections.abc import Sequence

from uptake_service.coordination.recount import Recount
from uptake_service.domain.clock import Clock
from uptake_service.domain.feedback import Transition
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.projections.projection import Batch, Commit, Projection, Update
from uptake_service.projections.recount import RollupRecount
from uptake_service.projections.rollup_deltas import RollupDeltas
from uptake_service.projections.rollups import RollupStore


class RollupCounts(Projection):
    """Counts feedback in its hour, as a whole and by model, source, pattern and score, in the delta log."""

    STORES = (RollupStore,)

    @classmethod
    def recounts(cls, mongo: Mongo, clock: Clock) -> Sequence[Recount]:
        return (RollupRecount(mongo),)

    def begin(self, batch: Batch) -> Update:
        return _Counted()


class _Counted(Update):
    async def write(self, transitions: Sequence[Transition], commit: Commit, session: Session) -> None:
        for change in RollupDeltas.of_transitions(transitions).documents():
            commit.deltas[change["project"]].rollups.append(change)
