"""Where reviews are kept, in the collection `reviews`.

A change by a person reads the review with the database's time, decides, and writes it back, with a line of history and
an event, in one transaction: a claim that has run out reads as open and is refused even before anybody sweeps it up,
and of two people who race one loses the write conflict and then sees what the other did.
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from uptake_service.audit.changes import changes
from uptake_service.audit.log import AuditLog
from uptake_service.clock import Clock, cut
from uptake_service.errors import Conflict, DomainError, DuplicateKey, Reason, not_found
from uptake_service.feedback.model import FeedbackType, Sentiment
from uptake_service.mongo.client import Document, Filter, Mongo, Session, Sort
from uptake_service.mongo.events import EventLog, NewEvent
from uptake_service.mongo.paging import after
from uptake_service.mongo.requests import RequestKey, RequestRecords
from uptake_service.reviews.history import ReviewHistory
from uptake_service.reviews.model import (
    Claim,
    Examined,
    Fix,
    RelatedFeedback,
    Resolution,
    Review,
    ReviewAction,
    ReviewChange,
    ReviewFilter,
    ReviewOrder,
    ReviewPriority,
    ReviewState,
)

_RANKS = {ReviewPriority.MEDIUM: 1, ReviewPriority.HIGH: 2}

SORTS: dict[ReviewOrder, Sort] = {
    ReviewOrder.NEWEST: [("create_time", -1), ("_id", -1)],
    ReviewOrder.MOST_URGENT: [("rank", -1), ("negative_rate", -1), ("create_time", -1), ("_id", -1)],
}

# Ten of a review are looked up, a hundred times a page; to call the enum takes eight times as long.
_TYPES = {type.value: type for type in FeedbackType}
_SENTIMENTS = {sentiment.value: sentiment for sentiment in Sentiment}

_IDS_AT_ONCE = 100
"""Longer lists of ids cost the embedded database more for each."""

_RACE_TRIES = 4
"""How often a change is made anew because another recorded the same request, or made the same thing, first."""

Change = Callable[[Review, datetime], tuple[Review, ReviewChange]]
"""Gives a review as it should be, and the line of history, from the review as it is and the database's time."""

Also = Callable[[Review, Session], Awaitable[tuple[Review, list[NewEvent]]]]
"""Writes what belongs to a change, in its transaction: gets the review as it should be, and gives it with what came of
that, and the events that tell of it."""


class ReviewStore:
    """The collection `reviews`."""

    def __init__(
        self,
        mongo: Mongo,
        clock: Clock,
        events: EventLog,
        requests: RequestRecords,
        request_retention_days: int,
    ) -> None:
        self._mongo = mongo
        self._reviews = mongo.collection("reviews")
        self._history = ReviewHistory(mongo)
        self._audit = AuditLog(mongo, clock)
        self._clock = clock
        self._events = events
        self._requests = requests
        self._request_retention = timedelta(days=request_retention_days)

    async def open(self) -> None:
        await self._reviews.create_index([("pattern_id", 1)], unique=True, where={"active": True})
        await self._reviews.create_index([("pattern_id", 1), ("create_time", -1)])
        await self._reviews.create_index([("fix_sampled", 1), ("pattern_id", 1)])
        for sort in SORTS.values():
            await self._reviews.create_index([("project", 1), *sort])
        await self._reviews.create_index([("state", 1), ("claim.expire_time", 1)])

    async def get(self, project: str, id: str, *, session: Session | None = None) -> Review:
        """Raises DomainError when the project has no such review."""
        found = await self._read({"_id": id, "project": project}, limit=1, session=session)
        if not found:
            raise not_found(Reason.ERROR_REASON_REVIEW_NOT_FOUND, "review", id)
        return found[0]

    async def page(
        self, project: str, filter: ReviewFilter, order: ReviewOrder, last: Sequence[Any] | None, limit: int
    ) -> list[Review]:
        """Reviews that match, from the first after the sort values `last`."""
        query: Document = {}
        if filter.states:
            stored = set(filter.states)
            if ReviewState.OPEN in stored:
                # A claim that ran out is still written as claimed.
                stored.add(ReviewState.CLAIMED)
            query["state"] = {"$in": sorted(state.value for state in stored)}
        if filter.priorities:
            query["rank"] = {"$in": sorted(_RANKS[priority] for priority in filter.priorities)}
        if filter.assignee:
            query["claim.reviewer"] = filter.assignee
        page: list[Review] = []
        while len(page) < limit:
            wanted = limit - len(page)
            if order is ReviewOrder.NEWEST:
                found = await self._newest(project, filter.pattern_id, query, last, wanted)
            else:
                condition = (
                    query | {"project": project} | ({"pattern_id": filter.pattern_id} if filter.pattern_id else {})
                )
                if last is not None:
                    condition = {"$and": [condition, after(SORTS[order], last)]}
                found = await self._read(condition, sort=SORTS[order], limit=wanted)
            page += [review for review in found if filter.matches(review)]
            if len(found) < wanted:
                break
            last = sort_values(found[-1], order)
        return page

    async def _newest(
        self, project: str, pattern_id: str, conditions: Document, last: Sequence[Any] | None, limit: int
    ) -> list[Review]:
        rest = conditions | ({"project": project} if pattern_id else {})
        if last is not None:
            rest = {"$and": [rest, after(SORTS[ReviewOrder.NEWEST], last)]}
        documents = await self._reviews.find_newest(
            {"pattern_id": pattern_id} if pattern_id else {"project": project},
            "create_time",
            rest=rest,
            most=last[0] if last else None,
            near=self._clock.now(),
            limit=limit,
        )
        # Asked for once, and only if claims are there that may have run out.
        now = await self._mongo.now() if any(document["claim"] for document in documents) else None
        return [_to_review(document | {"now": now}) for document in documents]

    async def by_ids(self, project: str, ids: Sequence[str]) -> list[Review]:
        """Those of these reviews that the project has."""
        return await self._read({"_id": {"$in": list(ids)}, "project": project})

    async def history(self, review: Review) -> list[ReviewChange]:
        """The newest changes of a review as it was read, oldest first, at most a thousand."""
        return await self._history.of(review)

    async def active_count(self, project: str) -> int:
        return await self._reviews.count({"project": project, "active": True})

    async def active_of_patterns(self, pattern_ids: Sequence[str]) -> dict[str, str]:
        """For each pattern with an active review, that review's id."""
        documents = await self._reviews.find(
            {"pattern_id": {"$in": list(pattern_ids)}, "active": True}, projection={"pattern_id": 1}
        )
        return {document["pattern_id"]: document["_id"] for document in documents}

    async def newest_of_patterns(self, pattern_ids: Sequence[str], session: Session) -> dict[str, Review]:
        """For each pattern the review that the trigger has to go by: the active one, else the newest."""
        newest: dict[str, Review] = {}
        if pattern_ids:
            for review in await self._read({"pattern_id": {"$in": list(pattern_ids)}}, session=session):
                known = newest.get(review.pattern_id)
                if known is None or (review.active, review.create_time) > (known.active, known.create_time):
                    newest[review.pattern_id] = review
        return newest

    async def short_of_sample(self, pattern_ids: Sequence[str], session: Session) -> frozenset[str]:
        """Those of `pattern_ids` that have too little feedback on answers after their fix to be judged by."""
        found: set[str] = set()
        for start in range(0, len(pattern_ids), _IDS_AT_ONCE):
            documents = await self._reviews.find(
                {"fix_sampled": False, "pattern_id": {"$in": pattern_ids[start : start + _IDS_AT_ONCE]}},
                projection={"pattern_id": 1},
                session=session,
            )
            found.update(document["pattern_id"] for document in documents)
        return frozenset(found)

    async def note_after_fix(self, review: Review, session: Session) -> None:
        """Writes what the trigger saw of the time after the fix; nobody is told of that."""
        noted = {"fix": fix_document(review.fix), "fix_sampled": review.fix_sampled}
        await self._reviews.update({"_id": review.id}, {"$set": noted}, session=session)

    async def everything(self, session: Session) -> list[Review]:
        """All reviews of all projects."""
        return await self._read({}, session=session)

    async def add(self, review: Review, line: ReviewChange, session: Session) -> None:
        """Writes a review that was opened, and its first line of history.

        Raises:
            DuplicateKey: The pattern has an active review already.
        """
        await self._reviews.insert(_to_document(review), session=session)
        await self._history.add(review, [line], session)

    async def write_examined(self, review: Review, reopened: ReviewChange | None, session: Session) -> None:
        """Writes what the trigger found; of a review that it reopened also what follows from that, and the line."""
        document = _to_document(review)
        names = ["rank", "related", "negative_rate", "suggested_action", "update_time", "revision"]
        if reopened:
            names += ["state", "active", "claim", "resolution", "reopen_count", "trigger_feedback_id"]
            names += ["people_revision"]
        changed = await self._reviews.update(
            {"_id": review.id, "revision": review.revision - 1},
            {"$set": {name: document[name] for name in names}},
            session=session,
        )
        if not changed:
            # Read and written in one snapshot, so this cannot be; a wrong review must not pass silently.
            raise AssertionError(f"review {review.id} changed under its transaction")
        if reopened:
            await self._history.add(review, [reopened], session)

    async def claim(
        self,
        project: str,
        id: str,
        reviewer: str,
        lease: timedelta,
        etag: str,
        key: RequestKey | None,
        key_id: str,
    ) -> tuple[Review, str]:
        """Takes the review for a reviewer.

        Returns:
            The review and the claim's token. A repeated request gets the token that it got before.
        """

        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            if review.claim is not None:
                raise DomainError(
                    Reason.ERROR_REASON_REVIEW_CLAIMED,
                    "another claim holds the review; it can be claimed when that is released or expires",
                    subject=id,
                )
            _must_be_active(review)
            claim = Claim(number=review.claim_count + 1, reviewer=reviewer, expire_time=now + lease)
            changes = {"state": ReviewState.CLAIMED, "claim": claim, "claim_count": claim.number}
            return review.model_copy(update=changes), ReviewChange(
                time=now, action=ReviewAction.CLAIMED, actor=reviewer, key_id=key_id
            )

        review, resource = await self._make(
            project, id, change, etag, key, lambda review: f"{review.id}:{review.claim_count}"
        )
        id, number = resource.split(":")
        return review, self._token(id, int(number))

    async def renew(self, project: str, id: str, token: str, lease: timedelta, key_id: str) -> Review:
        number = self._number(id, token)

        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            claim = _must_hold(review, number)
            renewed = review.model_copy(update={"claim": claim.model_copy(update={"expire_time": now + lease})})
            return renewed, ReviewChange(time=now, action=ReviewAction.RENEWED, actor=claim.reviewer, key_id=key_id)

        return (await self._make(project, id, change))[0]

    async def release(
        self, project: str, id: str, token: str, note: str, key: RequestKey | None, key_id: str
    ) -> Review:
        number = self._number(id, token)

        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            claim = _must_hold(review, number)
            released = review.model_copy(update={"state": ReviewState.OPEN, "claim": None})
            return released, ReviewChange(
                time=now, action=ReviewAction.RELEASED, actor=claim.reviewer, note=note, key_id=key_id
            )

        return (await self._make(project, id, change, "", key))[0]

    async def finish(
        self,
        project: str,
        id: str,
        token: str,
        note: str,
        fix_of: Callable[[datetime], Fix] | None,
        etag: str,
        key: RequestKey | None,
        key_id: str,
        also: Also | None = None,
    ) -> tuple[Review, list[str]]:
        """Resolves the review with the fix that `fix_of` gives for the time of the end, or dismisses it without.

        Returns:
            The review, and the ids of the corrections that came with its end. A repeated request gets those that it
            got before, also when the review was reopened since.
        """
        number = self._number(id, token)

        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            claim = _must_hold(review, number)
            fix = fix_of(now) if fix_of else None
            state, action = (
                (ReviewState.RESOLVED, ReviewAction.RESOLVED)
                if fix
                else (ReviewState.DISMISSED, ReviewAction.DISMISSED)
            )
            resolution = Resolution(note=note, reviewer=claim.reviewer, end_time=now, fix=fix)
            changes: dict[str, object] = {"state": state, "claim": None, "resolution": resolution}
            if fix:
                changes |= {"fix": fix, "fix_sampled": False}
            finished = review.model_copy(update=changes)
            return finished, ReviewChange(time=now, action=action, actor=claim.reviewer, note=note, key_id=key_id)

        def resource_of(review: Review) -> str:
            return ":".join([review.id, *(review.resolution.correction_ids if review.resolution else ())])

        review, resource = await self._make(project, id, change, etag, key, resource_of, also)
        return review, resource.split(":")[1:]

    async def reopen(
        self, project: str, id: str, reviewer: str, note: str, etag: str, key: RequestKey | None, key_id: str
    ) -> Review:
        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            if review.active:
                raise DomainError(Reason.ERROR_REASON_REVIEW_NOT_FINISHED, "the review is not finished yet", subject=id)
            changes = {"state": ReviewState.OPEN, "resolution": None, "reopen_count": review.reopen_count + 1}
            return review.model_copy(update=changes), ReviewChange(
                time=now, action=ReviewAction.REOPENED, actor=reviewer, note=note, key_id=key_id
            )

        try:
            return (await self._make(project, id, change, etag, key))[0]
        except DuplicateKey:
            raise DomainError(
                Reason.ERROR_REASON_ACTIVE_REVIEW_EXISTS, "the pattern has another active review", subject=id
            ) from None

    async def reopen_failed(self, review: Review, note: str, told: Sequence[NewEvent], session: Session) -> None:
        """Reopens a resolved review whose fix failed, in the transaction that found it.

        Args:
            review: The review.
            note: What was found.
            told: What else the transaction tells of, before the reopening. It is to append no more events.
            session: The transaction.
        """

        def change(review: Review, now: datetime) -> tuple[Review, ReviewChange]:
            changes = {"state": ReviewState.OPEN, "resolution": None, "reopen_count": review.reopen_count + 1}
            return review.model_copy(update=changes), ReviewChange(time=now, action=ReviewAction.REOPENED, note=note)

        async def also(review: Review, session: Session) -> tuple[Review, list[NewEvent]]:
            return review, [*told]

        await self._apply(review.project, review.id, change, "", session, also)

    async def expire_claims(self, limit: int) -> int:
        """Opens reviews whose claims ran out, with their events; tells how many."""
        claimed = await self._reviews.find_with_now({"state": ReviewState.CLAIMED.value})
        run_out = [document for document in claimed if document["claim"]["expire_time"] <= document["now"]][:limit]
        for document in run_out:
            await self._events.transaction(
                [document["project"]],
                lambda session, document=document: self._apply(  # type: ignore[misc]
                    document["project"], document["_id"], None, "", session
                ),
            )
        return len(run_out)

    async def _make(
        self,
        project: str,
        id: str,
        change: Change,
        etag: str = "",
        key: RequestKey | None = None,
        resource_of: Callable[[Review], str] = lambda review: review.id,
        also: Also | None = None,
    ) -> tuple[Review, str]:
        """Makes a change once for each request key, with its event.

        Returns:
            The review as it is now, and the resource recorded for the request.
        """

        async def body(session: Session) -> tuple[Review, str]:
            made = await self._requests.resource_of(key, session=session)
            if made is not None:
                return await self.get(project, made.split(":")[0], session=session), made
            review = await self._apply(project, id, change, etag, session, also)
            if key is not None:
                expire_time = self._clock.now() + self._request_retention
                await self._requests.add([(key, resource_of(review))], expire_time=expire_time, session=session)
            return review, resource_of(review)

        if await self._requests.resource_of(key) is None:
            # Most who are too late learn it here, without a turn.
            _changed(await self._found(project, id), change, etag)
        for tries_left in reversed(range(_RACE_TRIES)):
            try:
                return await self._events.transaction([project], body)
            except DuplicateKey:
                # What this one did not see was recorded since: look again. Anything else fails again.
                if not tries_left:
                    raise
        raise Conflict

    async def _apply(
        self, project: str, id: str, change: Change | None, etag: str, session: Session, also: Also | None = None
    ) -> Review:
        """Makes one change in a transaction, with a line of history and an event; before it, if the claim has run
        out, that is told too. Without a change only that is."""
        document = await self._found(project, id, session)
        review, lines = _expired(document)
        if change is None and not lines:
            return review
        told = [review.event(line.action) for line in lines]
        if change is not None:
            changed, line = _changed(document, change, etag)
            if also is not None:
                changed, events = await also(changed, session)
                told += events
            review = _next(changed, line)
            lines.append(line)
            told.append(review.event(line.action))
        fresh = _to_document(review)
        del fresh["_id"]
        await self._reviews.update({"_id": id}, {"$set": fresh}, session=session)
        await self._history.add(review, lines, session)
        if change is not None:
            await self._audit.add(project, id, changes(_to_review(document), review), session, actor=line.actor)
        await self._events.append(project, told, session)
        return review

    async def _found(self, project: str, id: str, session: Session | None = None) -> Document:
        """A review's document, with the database's time."""
        documents = await self._reviews.find_with_now({"_id": id}, session=session)
        if not documents or documents[0]["project"] != project:
            raise not_found(Reason.ERROR_REASON_REVIEW_NOT_FOUND, "review", id)
        return documents[0]

    def _number(self, id: str, token: str) -> int:
        """The number of the claim that a token was made for.

        Raises:
            DomainError: The service never made this token for this review.
        """
        number = token.partition(".")[0]
        # Digits of other scripts are decimal too, and int() would take them.
        known = number.isascii() and number.isdecimal() and len(number) <= 9
        if known and hmac.compare_digest(self._token(id, int(number)).encode(), token.encode()):
            return int(number)
        raise DomainError(Reason.ERROR_REASON_CLAIM_LOST, "this is no claim token of this review", subject=id)

    def _token(self, id: str, number: int) -> str:
        # Made, not stored: whoever reads the database's reviews cannot act on a claim.
        return f"{number}.{self._requests.digest(f'claim:{id}:{number}'.encode()).hex()}"

    async def _read(
        self,
        filter: Filter,
        *,
        sort: Sort | None = None,
        limit: int = 0,
        session: Session | None = None,
    ) -> list[Review]:
        """Reads reviews, with claims that ran out by the database's clock as open."""
        pipeline: list[Document] = [{"$match": filter}]
        if sort:
            pipeline.append({"$sort": dict(sort)})
        if limit:
            pipeline.append({"$limit": limit})
        pipeline.append({"$addFields": {"now": "$$NOW"}})
        return [_to_review(document) for document in await self._reviews.aggregate(pipeline, session=session)]


def sort_values(review: Review, order: ReviewOrder) -> list[Any]:
    """The values of a review that its place in an order depends on."""
    newest = [review.create_time, review.id]
    if order is ReviewOrder.NEWEST:
        return newest
    return [_RANKS[review.examined.priority], review.examined.negative_rate, *newest]


def _expired(document: Document) -> tuple[Review, list[ReviewChange]]:
    """A stored review, and the line that is to come first where its claim has run out."""
    review = _to_review(document)
    if document["claim"] and review.claim is None:
        line = ReviewChange(time=cut(document["now"]), action=ReviewAction.EXPIRED)
        return _next(review, line), [line]
    return review, []


def _changed(document: Document, change: Change, etag: str) -> tuple[Review, ReviewChange]:
    """What a change makes of a stored review, and its line of history.

    Raises:
        DomainError: It cannot be made.
    """
    if etag and etag != _to_review(document).etag:
        raise DomainError(Reason.ERROR_REASON_ETAG_MISMATCH, "the review changed since it was read; read it again")
    return change(_expired(document)[0], cut(document["now"]))


def _must_be_active(review: Review) -> None:
    if not review.active:
        raise DomainError(
            Reason.ERROR_REASON_REVIEW_FINISHED,
            f"the review is {review.state.value.lower()} already",
            subject=review.id,
        )


def _must_hold(review: Review, number: int) -> Claim:
    """The claim, if it is the one of this number and has not run out."""
    _must_be_active(review)
    if review.claim is None or review.claim.number != number:
        raise DomainError(
            Reason.ERROR_REASON_CLAIM_LOST,
            "this claim holds the review no longer; claim it again",
            subject=review.id,
        )
    return review.claim


def _next(review: Review, line: ReviewChange) -> Review:
    """A changed review, after the line of history that tells of the change."""
    return review.model_copy(
        update={
            "revision": review.revision + 1,
            "people_revision": review.people_revision + 1,
            "update_time": line.time,
        }
    )


def fix_document(fix: Fix | None) -> Document | None:
    """A fix as it is stored."""
    if fix is None:
        return None
    versions = [{"k": name, "v": value} for name, value in sorted(fix.versions)]
    return {"time": fix.time, "versions": versions, "versions_tell": fix.versions_tell}


def to_fix(document: Document | None) -> Fix | None:
    """A fix as it was stored by `fix_document`."""
    if document is None:
        return None
    versions = frozenset((version["k"], version["v"]) for version in document["versions"])
    return Fix(time=document["time"], versions=versions, versions_tell=document["versions_tell"])


def _to_document(review: Review) -> Document:
    resolution = review.resolution
    return {
        "_id": review.id,
        "project": review.project,
        "pattern_id": review.pattern_id,
        "state": review.state.value,
        "active": review.active,
        "rank": _RANKS[review.examined.priority],
        "related": [
            {
                "feedback_id": related.feedback_id,
                "type": related.type.value,
                "sentiment": related.sentiment.value,
                "occur_time": related.occur_time,
            }
            for related in review.examined.related
        ],
        "negative_rate": review.examined.negative_rate,
        "suggested_action": review.examined.suggested_action,
        "trigger_feedback_id": review.trigger_feedback_id,
        "claim": review.claim.model_dump() if review.claim else None,
        "claim_count": review.claim_count,
        "fix": fix_document(review.fix),
        "fix_sampled": review.fix_sampled,
        "resolution": resolution.model_dump(exclude={"fix"}) | {"fix": fix_document(resolution.fix)}
        if resolution
        else None,
        "reopen_count": review.reopen_count,
        "revision": review.revision,
        "people_revision": review.people_revision,
        "create_time": review.create_time,
        "update_time": review.update_time,
    }


def _to_review(document: Document) -> Review:
    claim, resolution, state = document["claim"], document["resolution"], ReviewState(document["state"])
    now: datetime | None = document.get("now")
    if state is ReviewState.CLAIMED and now is not None and claim["expire_time"] <= now:
        state, claim = ReviewState.OPEN, None
    ranks = {rank: priority for priority, rank in _RANKS.items()}
    return Review(
        id=document["_id"],
        project=document["project"],
        pattern_id=document["pattern_id"],
        state=state,
        examined=Examined(
            related=tuple(
                RelatedFeedback(
                    feedback_id=related["feedback_id"],
                    type=_TYPES[related["type"]],
                    sentiment=_SENTIMENTS[related["sentiment"]],
                    occur_time=related["occur_time"],
                )
                for related in document["related"]
            ),
            negative_rate=document["negative_rate"],
            priority=ranks[document["rank"]],
            suggested_action=document["suggested_action"],
        ),
        trigger_feedback_id=document["trigger_feedback_id"],
        claim=Claim(**claim) if claim else None,
        claim_count=document["claim_count"],
        fix=to_fix(document["fix"]),
        fix_sampled=document["fix_sampled"],
        resolution=Resolution(
            note=resolution["note"],
            reviewer=resolution["reviewer"],
            end_time=resolution["end_time"],
            fix=to_fix(resolution["fix"]),
            correction_ids=tuple(resolution["correction_ids"]),
            merged_into_review_id=resolution["merged_into_review_id"],
        )
        if resolution
        else None,
        reopen_count=document["reopen_count"],
        revision=document["revision"],
        people_revision=document["people_revision"],
        create_time=document["create_time"],
        update_time=document["update_time"],
    )
