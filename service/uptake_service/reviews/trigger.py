"""The trigger: opens a review when a pattern turns bad, keeps an active one up to date, reopens a failed fix.

It runs for marks, after the commit that made them. Judging and clearing a mark are one transaction, so that whatever
happens a mark is judged at least once, and twice does no harm.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from uptake_service.clock import Clock
from uptake_service.errors import DuplicateKey
from uptake_service.feedback.model import Answer, Evidence, Sentiment
from uptake_service.feedback.store import FeedbackStore
from uptake_service.ids import new_id
from uptake_service.mongo.client import Session
from uptake_service.mongo.events import EventLog, NewEvent
from uptake_service.patterns.store import Patterns
from uptake_service.projects.model import ReviewPolicy
from uptake_service.projects.store import ProjectStore
from uptake_service.reviews.marks import Mark, Marks
from uptake_service.reviews.model import Fix, Review, ReviewAction, ReviewChange, ReviewState
from uptake_service.reviews.recent import RecentFeedback
from uptake_service.reviews.rules import LOOKED_THROUGH, is_quiet, judge
from uptake_service.reviews.store import ReviewStore

_log = logging.getLogger(__name__)

_RACE_TRIES = 4
_LEFT_AT_ONCE = 50


class Trigger:
    def __init__(
        self,
        clock: Clock,
        feedback: FeedbackStore,
        recent: RecentFeedback,
        patterns: Patterns,
        projects: ProjectStore,
        marks: Marks,
        reviews: ReviewStore,
        events: EventLog,
    ) -> None:
        self._clock = clock
        self._feedback = feedback
        self._recent = recent
        self._patterns = patterns
        self._projects = projects
        self._marks = marks
        self._reviews = reviews
        self._events = events

    async def run(self, marks: Sequence[Mark]) -> None:
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

    async def run_left(self, older_than_seconds: float) -> int:
        """Judges marks that a crash or an outage left; tells of how many batches."""
        judged = 0
        while True:
            left = await self._marks.left(timedelta(seconds=older_than_seconds), _LEFT_AT_ONCE)
            for marks in left:
                await self.run(marks)
            judged += len(left)
            if len(left) < _LEFT_AT_ONCE:
                break
        if judged:
            _log.info("judged what %d batches marked and nobody had judged", judged)
        return judged

    async def _judge_all(self, marks: Sequence[Mark], policies: dict[str, ReviewPolicy], session: Session) -> None:
        cleared, _, reviews = await session.together(
            self._marks.clear(marks, session),
            self._recent.begin(session),
            self._reviews.newest_of_patterns([mark.pattern_id for mark in marks], session),
        )
        if not cleared:
            return
        touched = {mark.pattern_id: mark.touched for mark in marks}
        wanted = {mark.pattern_id: policies[mark.project].window_size + touched[mark.pattern_id] for mark in marks}
        newest = await self._recent.newest(wanted, touched, session)
        enough = [mark for mark in marks if len(newest[mark.pattern_id]) >= policies[mark.project].minimum_sample]
        events: defaultdict[str, list[NewEvent]] = defaultdict(list)
        for mark in enough:
            review = reviews.get(mark.pattern_id)
            changed = await self._judge(mark, newest[mark.pattern_id], policies[mark.project], review, session)
            if changed is not None:
                review, action = changed
                events[mark.project].append(review.event(action))
        for project in sorted(events):
            await self._events.append(project, events[project], session)

    async def _judge(
        self, mark: Mark, newest: list[Evidence], policy: ReviewPolicy, review: Review | None, session: Session
    ) -> tuple[Review, ReviewAction] | None:
        if review is not None and review.fix is not None:
            fix, newest = await self._newest_after(review.fix, mark, policy, session)
            sampled = len(newest) >= policy.minimum_sample
            if (fix, sampled) != (review.fix, review.fix_sampled):
                review = review.model_copy(update={"fix": fix, "fix_sampled": sampled})
                await self._reviews.note_after_fix(review, session)
        now = self._clock.now()
        negatives = await self._negatives_since(mark, review, session)

        def quiet_before(later: Sequence[Evidence]) -> bool:
            return is_quiet(review, policy, negatives - _negatives_among(later, review), now)

        found = judge(newest, mark, policy, quiet_before)
        if found is None:
            return None
        trigger_feedback_id, last = found
        if review is None or review.state is ReviewState.DISMISSED:
            opened = Review(
                id=new_id(),
                project=mark.project,
                pattern_id=mark.pattern_id,
                state=ReviewState.OPEN,
                examined=last,
                trigger_feedback_id=trigger_feedback_id,
                fix=review.fix if review else None,
                create_time=now,
                update_time=now,
            )
            await self._reviews.add(opened, ReviewChange(time=now, action=ReviewAction.OPENED), session)
            await self._patterns.set_review(mark.pattern_id, opened.id, session)
            return opened, ReviewAction.OPENED
        changes: dict[str, object] = {"examined": last, "revision": review.revision + 1, "update_time": now}
        reopened: ReviewChange | None = None
        if review.state is ReviewState.RESOLVED:
            reopened = ReviewChange(time=now, action=ReviewAction.REOPENED, note="answers given after the fix are bad")
            changes |= {
                "state": ReviewState.OPEN,
                "resolution": None,
                "claim": None,
                "reopen_count": review.reopen_count + 1,
                "people_revision": review.people_revision + 1,
                "trigger_feedback_id": trigger_feedback_id,
            }
        updated = review.model_copy(update=changes)
        await self._reviews.write_examined(updated, reopened, session)
        return updated, reopened.action if reopened else ReviewAction.UPDATED

    async def _newest_after(
        self, fix: Fix, mark: Mark, policy: ReviewPolicy, session: Session
    ) -> tuple[Fix, list[Evidence]]:
        """The pattern's newest feedback on answers after its fix, newest first, and the fix as it is known now."""
        wanted = policy.window_size + mark.touched
        seen: list[tuple[Evidence, Answer]] = []
        found: list[Evidence] = []
        async for evidence, answer in self._feedback.answers_since(
            mark.pattern_id, fix.time, LOOKED_THROUGH, session=session
        ):
            seen.append((evidence, answer))
            if fix.is_new(answer) and not fix.versions_tell:
                fix = fix.model_copy(update={"versions_tell": True})
                found = [evidence for evidence, answer in seen if fix.is_before(answer)]
            elif fix.is_before(answer):
                found.append(evidence)
            if len(found) == wanted:
                break
        return fix, found

    async def _negatives_since(self, mark: Mark, review: Review | None, session: Session) -> int:
        if review is None or review.resolution is None or review.state is not ReviewState.DISMISSED:
            return 0
        return await self._feedback.count_negative_since(mark.pattern_id, review.resolution.end_time, session=session)


def _negatives_among(feedback: Sequence[Evidence], review: Review | None) -> int:
    """How many of these count as negatives that came in after the review's end."""
    if review is None or review.resolution is None:
        return 0
    end_time = review.resolution.end_time
    return sum(item.sentiment is Sentiment.NEGATIVE and item.create_time > end_time for item in feedback)
