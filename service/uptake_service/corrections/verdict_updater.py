"""Works out verdicts: after a correction was applied, and whenever votes on its pattern were written.

What was written is known by the revisions of the patterns' shares, so nothing is looked at twice and nothing is missed:
the revisions up to which all is worked out are kept in the collection `measuring`, and written after the verdicts are.
A verdict is always worked out anew from feedback, so working one out again does no harm, and amendments, retractions
and what comes in late change it.
"""

import asyncio
from contextlib import aclosing
from datetime import datetime

from uptake_service.coordination.event_log import EventLog
from uptake_service.coordination.job_queue import Item, JobQueue
from uptake_service.coordination.leases import Writers
from uptake_service.corrections.counts import VoteCounts
from uptake_service.corrections.model import (
    ControlVotes,
    Correction,
    CorrectionState,
    Look,
    Measured,
    Verdict,
    VerdictEvent,
)
from uptake_service.corrections.store import CorrectionStore
from uptake_service.corrections.verdict import LOOKS, conclude, enough_control
from uptake_service.corrections.vote_classifier import Counted, VoteClassifier, same_count
from uptake_service.domain.clock import HOUR, MILLISECOND, Clock, hour_of
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts
from uptake_service.mongo.transactions import snapshot
from uptake_service.patterns.shares import ShareStore
from uptake_service.reviews.store import ReviewStore
from uptake_service.reviews.workflow import ReviewWorkflow

MEASURE_JOB = "verdicts"

_MOST_OF_THE_TIME = 0.1
"""Of the database's time verdicts take no more than this share, however much they have to read."""


class VerdictUpdater:
    """Keeps the verdicts of all projects up to date. One process at a time is to run it."""

    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        feedback: FeedbackStore,
        counts: VoteCounts,
        corrections: CorrectionStore,
        reviews: ReviewStore,
        review_workflow: ReviewWorkflow,
        events: EventLog,
    ) -> None:
        self._queue = JobQueue(MEASURE_JOB, mongo, clock)
        self._mongo = mongo
        self._progress = VerdictProgress(mongo)
        self._clock = clock
        self._feedback = feedback
        self._counts = counts
        self._corrections = corrections
        self._reviews = reviews
        self._review_workflow = review_workflow
        self._events = events
        self._writers = Writers(mongo)
        self._shares = ShareStore(mongo)
        self._rests_until = 0.0

    async def run_due(self) -> None:
        """Works out what is due, unless it took long a short time ago."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        if started < self._rests_until:
            return
        await self.run()
        ended = loop.time()
        self._rests_until = ended + (ended - started) * (1 / _MOST_OF_THE_TIME - 1)

    async def run(self) -> None:
        """Works out what is due, as far as that goes; the rest is noted as due and does not hold up the others."""
        due = [Item(*each) for each in await self._corrections.unmeasured()]
        revisions = await self._writers.revisions()
        done = await self._progress.revisions()
        touched: list[Item] = []
        if revisions != done:
            changed = await self._shares.changed_since(done)
            touched = [Item(*each) for each in await self._corrections.of_patterns(changed)]
        unfinished = set(await self._queue.run([*due, *touched], self._step))
        if revisions != done:
            await self._corrections.note_unmeasured([item.id for item in touched if item in unfinished])
            await self._progress.reach(revisions)

    async def _step(self, item: Item) -> bool:
        """Works one verdict out; tells whether it has to be done again: it was covered, reverted or worked out by
        another meanwhile."""
        return not await self._measure(item.project, item.id)

    async def _measure(self, project: str, id: str) -> bool:
        """Works one verdict out; tells whether nothing came in between."""
        # Read apart from what is written: a transaction that takes long loses against every event of its project.
        async with snapshot(self._mongo) as session:
            seen = await self._corrections.get(project, id, session=session)
            counted = await self._counted(seen, session)
            measured = seen.measured
            if measured is None or not same_count(measured, counted):
                known = {(look.later, look.time): look for look in measured.looks} if measured else {}
                # What a look saw of its control is kept: that others' votes change later is no news of the fix.
                looks = [
                    known.get((look.later, look.time)) or await self._with_control(seen, look, session)
                    for look in counted.looks
                ]
                verdict, finding = conclude(seen.basis, looks)
                measured = Measured(
                    later=counted.later, old=counted.old, looks=tuple(looks), finding=finding, time=self._clock.now()
                )
            elif not seen.unmeasured:
                return True
            else:
                verdict = seen.verdict
        fresh = seen.model_copy(update={"verdict": verdict, "measured": measured, "unmeasured": False})
        return await self._events.transaction([project], lambda session: self._write(seen, fresh, session))

    async def _write(self, seen: Correction, fresh: Correction, session: Session) -> bool:
        if await self._corrections.get(seen.project, seen.id, session=session) != seen:
            return False
        await self._corrections.write_measured(fresh, session)
        if fresh.verdict is seen.verdict:
            return True
        assert fresh.measured is not None  # noqa: S101
        later = fresh.measured.later.votes
        told = [VerdictEvent(correction_id=fresh.id, verdict=fresh.verdict, later_votes=later)]
        if fresh.verdict is Verdict.WORSE and fresh.state is CorrectionState.APPLIED:
            pattern_id, fix = fresh.basis.pattern_id, fresh.basis.fix
            review = (await self._reviews.newest_of_patterns([pattern_id], session)).get(pattern_id)
            resolution = review.resolution if review else None
            # A fix that came after this one has a verdict of its own.
            if review and resolution and resolution.fix and resolution.fix.time <= fix.time:
                await self._review_workflow.reopen_failed(review, _reason(fresh), told, session)
                return True
        await self._events.append(fresh.project, told, session)
        return True

    async def _counted(self, correction: Correction, session: Session) -> Counted:
        known = correction.measured
        if known is not None and known.looks and known.looks[-1].later.votes == LOOKS[-1]:
            # Nothing that comes after the last look counts, and a pattern may have much of it.
            last = known.looks[-1].time + MILLISECOND
            counted = await self._counted_until(correction, last, session)
            if counted.later.votes == LOOKS[-1]:
                return counted
        return await self._counted_until(correction, None, session)

    async def _counted_until(self, correction: Correction, last: datetime | None, session: Session) -> Counted:
        fix, covered = correction.basis.fix, correction.covered_time
        end = min(last, covered) if last and covered else last or covered
        counting = VoteClassifier(fix, correction.basis.voter_share)
        reading = self._feedback.evidence.votes_since(correction.basis.pattern_id, fix.time, end, session=session)
        async with aclosing(reading):
            async for votes in reading:
                counting.add(votes)
                if counting.complete:
                    break
        return counting.counted

    async def _with_control(self, correction: Correction, look: Look, session: Session) -> Look:
        """A look with the votes on the project's other patterns, by full hours, but for those corrected meanwhile."""
        project, basis = correction.project, correction.basis
        start, fixed, end = hour_of(basis.start), hour_of(basis.fix.time), hour_of(look.time)
        if fixed + HOUR >= end:
            return look
        others = await self._corrections.corrected_patterns(project, start, look.time, session)
        without, share = {*others, basis.pattern_id}, basis.voter_share
        control = ControlVotes(
            before=await self._counts.of_others(project, without, start, fixed, share, session),
            after=await self._counts.of_others(project, without, fixed + HOUR, end, share, session),
        )
        return look.model_copy(update={"control": control}) if enough_control(control) else look


class VerdictProgress(Store):
    """The collection `measuring`: {_id: "progress", revisions: [{writer, revision}]}."""

    TEXTS = (texts("measuring", Holds.NONE, "_id"),)

    def __init__(self, mongo: Mongo) -> None:
        self._measuring = mongo.collection("measuring")

    async def revisions(self, session: Session | None = None) -> dict[int, int]:
        """For each writer slot up to which of its revisions verdicts are worked out."""
        document = await self._measuring.get({"_id": "progress"}, session=session)
        return {each["writer"]: each["revision"] for each in document["revisions"]} if document else {}

    async def reach(self, revisions: dict[int, int]) -> None:
        stored = [{"writer": writer, "revision": revision} for writer, revision in sorted(revisions.items())]
        await self._measuring.update_each([({"_id": "progress"}, {"$set": {"revisions": stored}})], upsert=True)


def _reason(correction: Correction) -> str:
    baseline, measured = correction.basis.baseline, correction.measured
    assert measured is not None and measured.finding is not None  # noqa: S101  There is no verdict without.
    return (
        f"verdict on correction {correction.id}: worse, {baseline.rate:.0%} of votes before it were negative, "
        f"{measured.finding.later.rate:.0%} after"
    )
