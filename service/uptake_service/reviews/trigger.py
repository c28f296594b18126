"""The trigger: opens a review when a pattern turns bad, keeps an active one true, closes one whose complaints are gone,
reopens a failed fix.

It runs for marks, after the commit that made them. Judging and clearing a mark are one transaction, so that whatever
happens a mark is judged at least once, and twice does no harm.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime

from uptake_service.coordination.event_log import EventContent, EventLog
from uptake_service.domain.clock import Clock, hour_of, older
from uptake_service.domain.errors import DuplicateKey
from uptake_service.domain.feedback import Answer, Evidence, FeedbackState, Sentiment
from uptake_service.domain.ids import new_id
from uptake_service.domain.project import ReviewPolicy, TriggerRule
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.session import Session
from uptake_service.patterns.store import PatternStore
from uptake_service.projections.rollups import RollupStore
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.baseline import Baselines, hours_of
from uptake_service.reviews.model import Examined, Fix, Review, ReviewAction, ReviewChange, ReviewState
from uptake_service.reviews.outbox import OutboxEntry, TriggerOutbox
from uptake_service.reviews.recent import RecentFeedback, Wanted
from uptake_service.reviews.rules import (
    LOOKED_THROUGH,
    Gathered,
    counting_negatives,
    examine,
    is_quiet,
    is_sampled,
    judge,
    look,
    most_of_voter,
    negatives_in,
    rows_needed,
)
from uptake_service.reviews.store import ReviewStore

_RACE_TRIES = 4


class Trigger:
    def __init__(
        self,
        clock: Clock,
        feedback: FeedbackStore,
        recent: RecentFeedback,
        rollups: RollupStore,
        patterns: PatternStore,
        projects: ProjectStore,
        marks: TriggerOutbox,
        reviews: ReviewStore,
        events: EventLog,
    ) -> None:
        self._clock = clock
        self._feedback = feedback
        self._recent = recent
        self._rollups = rollups
        self._patterns = patterns
        self._projects = projects
        self._marks = marks
        self._reviews = reviews
        self._events = events

    async def run(self, marks: Sequence[OutboxEntry]) -> None:
        """Judges what a batch marked and clears the marks, in one transaction; does nothing if they are cleared."""
        if not marks:
            return
        policies = {mark.project: (await self._projects.recent(mark.project)).settings.review_policy for mark in marks}
        for tries_left in reversed(range(_RACE_TRIES)):
            try:
                await self._events.transaction(policies, lambda session: self._judge_all(marks, policies, session))
            except DuplicateKey:
                # Another replica opened the pattern's review in between; now there is one to update.
                if not tries_left:
                    raise
            else:
                return

    async def _judge_all(
        self, marks: Sequence[OutboxEntry], policies: dict[str, ReviewPolicy], session: Session
    ) -> None:
        cleared, _, reviews = await session.gather(
            self._marks.clear(marks, session),
            self._recent.catch_up(session),
            self._reviews.newest_of_patterns([mark.pattern_id for mark in marks], session),
        )
        if not cleared:
            return
        wanted: dict[str, Wanted] = {}
        for mark in marks:
            review, policy = reviews.get(mark.pattern_id), policies[mark.project]
            number = rows_needed(policy) + mark.touched
            asked = Wanted(mark.project, policy.scores, number, mark.touched, most_of_voter(policy))
            covered = review.covers if review is not None else ()
            wanted |= {id: asked for id in covered if id not in wanted} | {mark.pattern_id: asked}
        newest = await self._recent.newest(wanted, session)
        marked: defaultdict[str, set[str]] = defaultdict(set)
        for mark in marks:
            marked[mark.project].add(mark.pattern_id)
        outside = Baselines(self._rollups, self._clock, marked, session)
        events: defaultdict[str, list[EventContent]] = defaultdict(list)
        told: dict[str, Review] = {}
        for mark in marks:
            review, policy = reviews.get(mark.pattern_id), policies[mark.project]
            if review is not None:
                # Two marks may be of one review.
                review = told.get(review.id, review)
            if review is not None and review.active:
                rows = _merged([newest[id] for id in review.covers])
                changed = await self._follow(mark, rows, policy, review, session)
            else:
                changed = await self._judge(mark, newest[mark.pattern_id], policy, review, outside, session)
            if changed is not None:
                review, action = changed
                told[review.id] = review
                events[mark.project].append(review.event(action))
        for project in sorted(events):
            await self._events.append(project, events[project], session)

    async def _judge(
        self,
        mark: OutboxEntry,
        newest: list[Evidence],
        policy: ReviewPolicy,
        review: Review | None,
        outside: Baselines,
        session: Session,
    ) -> tuple[Review, ReviewAction] | None:
        """Opens a review of a pattern that has none that is active, or reopens its last one, if it turned bad."""
        review, newest = await self._after_fix(mark, (mark.pattern_id,), newest, policy, review, session)
        if len(newest) < policy.minimum_sample:
            return None
        now = self._clock.now()
        since = older(now, policy.evidence_age)
        negatives = await self._negatives_since(mark, policy, review, session)

        def quiet_before(later: Sequence[Evidence]) -> bool:
            if review is None or not is_quiet(review, policy, 0, now):
                return False
            before = negatives - _negatives_among(later, review)
            return is_quiet(review, policy, counting_negatives(before, review, policy), now)

        def found_at(rate: float) -> tuple[str, Examined] | None:
            return judge(newest, mark, lambda seen: examine(seen, policy, rate, since), quiet_before)

        # The least that the rate outside can be is no reason to read it.
        found = found_at(policy.baseline_floor)
        if found is not None and policy.trigger_rule is TriggerRule.EVIDENCE:
            of = await outside.of(mark.project, mark.pattern_id, policy)
            found = found_at(of.rate(policy))
            if found is not None:
                found = found[0], found[1].model_copy(update={"baseline_left_out": of.left_out})
        if found is None:
            return None
        if review is None or review.state is not ReviewState.RESOLVED:
            return await self._open(mark, review, *found, now, session), ReviewAction.OPENED
        return await self._reopen(review, *found, now, session), ReviewAction.REOPENED

    async def _open(
        self,
        mark: OutboxEntry,
        last: Review | None,
        trigger_feedback_id: str,
        examined: Examined,
        now: datetime,
        session: Session,
    ) -> Review:
        """Opens a review of a mark's pattern; `last`: the pattern's review before."""
        opened = Review(
            id=new_id(),
            project=mark.project,
            pattern_id=mark.pattern_id,
            covers=(mark.pattern_id,),
            state=ReviewState.OPEN,
            examined=examined,
            opened_with=examined.feedback_ids,
            trigger_feedback_id=trigger_feedback_id,
            fix=last.fix if last else None,
            create_time=now,
            update_time=now,
        )
        await self._reviews.add(opened, ReviewChange(time=now, action=ReviewAction.OPENED), session)
        await self._patterns.set_review(mark.pattern_id, opened.id, session)
        return opened

    async def _reopen(
        self, review: Review, trigger_feedback_id: str, examined: Examined, now: datetime, session: Session
    ) -> Review:
        """Reopens a review whose fix failed."""
        line = ReviewChange(time=now, action=ReviewAction.REOPENED, note="answers given after the fix are bad")
        reopened = review.reopened().model_copy(
            update={
                "examined": examined,
                "opened_with": examined.feedback_ids,
                "revision": review.revision + 1,
                "people_revision": review.people_revision + 1,
                "update_time": now,
                "trigger_feedback_id": trigger_feedback_id,
            }
        )
        await self._reviews.write_examined(reopened, line, session)
        return reopened

    async def _follow(
        self, mark: OutboxEntry, newest: list[Evidence], policy: ReviewPolicy, review: Review, session: Session
    ) -> tuple[Review, ReviewAction] | None:
        """Writes anew what an active review says, if that changed, and closes it if its complaints are gone."""
        noted, after_fix = await self._after_fix(mark, review.covers, newest, policy, review, session)
        review = noted or review
        if review.fix_sampled:
            # Until there is enough on answers after a fix, those of before say why a person opened it again.
            newest = after_fix
        examined = look(newest, policy, review.examined.baseline_rate)
        examined = examined.model_copy(update={"baseline_left_out": review.examined.baseline_left_out})
        gone = not negatives_in(newest) and (
            not await self._stands(review, policy, session) if mark.changed else review.complaints_gone
        )
        if examined == review.examined and gone == review.complaints_gone:
            return None
        now = self._clock.now()
        changes: dict[str, object] = {"examined": examined, "complaints_gone": gone, "update_time": now}
        updated = review.model_copy(update=changes | {"revision": review.revision + 1})
        if not gone or review.claim is not None:
            # What a reviewer has in hand is not taken away; it is closed once they give it back.
            await self._reviews.write_examined(updated, None, session)
            return updated, ReviewAction.UPDATED
        closed, line = updated.closed(now)
        closed = closed.model_copy(update={"people_revision": review.people_revision + 1})
        await self._reviews.write_examined(closed, line, session)
        return closed, ReviewAction.CLOSED

    async def _stands(self, review: Review, policy: ReviewPolicy, session: Session) -> bool:
        """Whether any complaint is left of the patterns that a review covers: one that it was written with, or one that
        newer feedback pushed out of what is examined."""
        ids = [each.feedback_id for each in review.examined.related if each.sentiment is Sentiment.NEGATIVE]
        if any(
            feedback.state is FeedbackState.ACTIVE
            and feedback.sentiment is Sentiment.NEGATIVE
            and feedback.pattern_id in review.covers
            for feedback in await self._feedback.by_ids(review.project, ids, session=session)
        ):
            return True
        start, end = hours_of(policy, self._clock.now())
        if review.fix is not None and review.fix_sampled:
            start = max(start, hour_of(review.fix.time))
        unfolded = await self._rollups.unfolded(review.project, start, end, session)
        left = await self._rollups.of_patterns(
            review.project, review.covers, start, end, unfolded, session, scores=policy.scores
        )
        return any(counts.get("negative") for counts in left.values())

    async def _after_fix(
        self,
        mark: OutboxEntry,
        pattern_ids: Sequence[str],
        newest: list[Evidence],
        policy: ReviewPolicy,
        review: Review | None,
        session: Session,
    ) -> tuple[Review | None, list[Evidence]]:
        """What of the newest feedback of patterns counts: after a fix that on answers given after it. Notes what was
        seen there."""
        if review is None or review.fix is None:
            return review, newest
        known = review.fix
        while True:
            fix, rows = known, []
            for id in pattern_ids:
                fix, found = await self._newest_after(fix, id, mark.touched, policy, session)
                rows.append(found)
            if fix == known or len(rows) == 1:
                break
            # What is known of the versions now holds for the patterns that were read before it was.
            known = fix
        newest = _merged(rows)
        sampled = is_sampled(newest, policy)
        if (fix, sampled) != (review.fix, review.fix_sampled):
            review = review.model_copy(update={"fix": fix, "fix_sampled": sampled})
            await self._reviews.note_after_fix(review, session)
        return review, newest

    async def _newest_after(
        self, fix: Fix, pattern_id: str, touched: int, policy: ReviewPolicy, session: Session
    ) -> tuple[Fix, list[Evidence]]:
        """A pattern's newest feedback on answers after a fix, newest first, and the fix as it is known now."""
        wanted, most = rows_needed(policy) + touched, most_of_voter(policy) + touched
        seen: list[tuple[Evidence, Answer]] = []
        found = Gathered(most)
        reading = self._feedback.evidence.answers_since(
            pattern_id, policy.scores, fix.time, LOOKED_THROUGH, found.enough, session=session
        )
        async with aclosing(reading):
            async for evidence, answer in reading:
                seen.append((evidence, answer))
                if fix.is_new(answer) and not fix.versions_tell:
                    fix = fix.model_copy(update={"versions_tell": True})
                    found.begin_again([evidence for evidence, answer in seen if fix.precedes(answer)])
                elif fix.precedes(answer):
                    found.add(evidence)
                if len(found.voters) >= wanted:
                    break
        return fix, found.evidence

    async def _negatives_since(
        self, mark: OutboxEntry, policy: ReviewPolicy, review: Review | None, session: Session
    ) -> Counter[str]:
        """How many negatives of each voter came in after the review was dismissed, if it was."""
        if review is None or review.resolution is None or review.state is not ReviewState.DISMISSED:
            return Counter()
        return await self._feedback.evidence.negatives_since(
            mark.pattern_id, policy.scores, review.resolution.end_time, session=session
        )


def _merged(newest: Sequence[list[Evidence]]) -> list[Evidence]:
    """The newest feedback of several patterns, newest first."""
    if len(newest) == 1:
        return newest[0]
    return sorted((each for rows in newest for each in rows), key=lambda each: each.order, reverse=True)


def _negatives_among(feedback: Sequence[Evidence], review: Review) -> Counter[str]:
    """How many of these count as negatives that came in after the review's end, by voter."""
    assert review.resolution is not None  # noqa: S101  Only of a review that ended.
    end_time = review.resolution.end_time
    return Counter(
        item.voter for item in feedback if item.sentiment is Sentiment.NEGATIVE and item.create_time > end_time
    )
