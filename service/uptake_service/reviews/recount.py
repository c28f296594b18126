"""The recount of reviews: what the trigger should have done, what reviews say, and their histories."""

from collections import Counter, defaultdict

from uptake_service.coordination.idempotency import RequestRecord
from uptake_service.coordination.leases import Writers
from uptake_service.coordination.recount import Recount
from uptake_service.domain.feedback import FeedbackState, StoredFeedback
from uptake_service.domain.project import Project
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.patterns.store import PatternStore
from uptake_service.reviews.baseline import VotesByHour
from uptake_service.reviews.history import ReviewHistory
from uptake_service.reviews.model import Review
from uptake_service.reviews.outbox import OutboxEntry, TriggerOutbox
from uptake_service.reviews.store import ReviewStore
from uptake_service.reviews.trigger_recount import RelatedRecount, TriggerRecount, count_vote


class ReviewRecount(Recount):
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._of_records: list[str] = []
        self._store = ReviewStore(mongo)
        self._reviews: dict[str, Review] = {}
        self._of_pattern: defaultdict[str, list[Review]] = defaultdict(list)
        self._named_by_pattern: dict[str, str] = {}
        self._marks: defaultdict[str, list[OutboxEntry]] = defaultdict(list)
        self._revisions: dict[int, int] = {}
        self._votes: defaultdict[str, VotesByHour] = defaultdict(VotesByHour)
        self._triggers: dict[str, TriggerRecount] = {}
        self._related = RelatedRecount((), ())

    async def read(self, session: Session) -> set[str]:
        for mark in await TriggerOutbox(self._mongo).scan(session):
            self._marks[mark.pattern_id].append(mark)
        for review in await self._store.scan(session):
            self._reviews[review.id] = review
            for id in review.covers:
                self._of_pattern[id].append(review)
        self._named_by_pattern = await PatternStore(self._mongo).reviews(session)
        self._revisions = await Writers(self._mongo).revisions(session)
        self._related = RelatedRecount(self._reviews.values(), self._marks)
        return {review.project for review in self._reviews.values()}

    def note(self, record: RequestRecord) -> None:
        if record.method.endswith("Review"):
            id = record.resource.split(":")[0]
            if id not in self._reviews or self._reviews[id].project != record.project:
                self._of_records.append(f"request record {record.id}: its review {id} is not there")

    def count(self, feedback: StoredFeedback, project: Project) -> None:
        self._related.count(feedback)
        votes = self._votes[project.id]
        if feedback.state is FeedbackState.ACTIVE and feedback.score in project.settings.review_policy.scores:
            count_vote(votes, feedback)
        id = feedback.pattern_id
        if id not in self._triggers:
            reviews, marks = self._of_pattern.get(id, []), self._marks.get(id, [])
            self._triggers[id] = TriggerRecount(id, project, votes, reviews, marks, self._revisions)
        self._triggers[id].count(feedback)

    async def differences(self, session: Session) -> list[str]:
        found = [line for id in sorted(self._triggers) for line in self._triggers[id].differences()]
        found += self._related.differences()
        for id, marks in self._marks.items():
            if id not in self._triggers:
                found += [f"trigger mark {mark.name}: its pattern {id} has no feedback" for mark in marks]
        for id, reviews in self._of_pattern.items():
            if sum(review.active for review in reviews) > 1:
                found.append(f"pattern {id}: has more than one active review")
        for id, review_id in self._named_by_pattern.items():
            if all(review.id != review_id for review in self._of_pattern.get(id, [])):
                found.append(f"review {review_id} of pattern {id}: is gone")
        return [*found, *self._of_records, *await self._of_histories(session)]

    async def _of_histories(self, session: Session) -> list[str]:
        """What reviews' histories lack of their lines, or have too many."""
        lines: Counter[str] = Counter()
        last: Counter[str] = Counter()
        async for review_id, number in ReviewHistory(self._mongo).scan(session):
            lines[review_id] += 1
            last[review_id] = max(last[review_id], number)
        expected = {review.id: review.people_revision for review in self._reviews.values()}
        return [
            f"review {id}: its history has {lines[id]} lines up to number {last[id]}, "
            f"it should have {expected.get(id, 0)}"
            for id in sorted({*expected, *lines})
            if (lines[id], last[id]) != (expected.get(id, 0),) * 2
        ]
