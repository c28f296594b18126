"""The newest feedback of patterns, remembered for the trigger.

What a window holds is certain: this process's commits are put into it, and those of others, which the transaction that
judges learns of by the revisions of the writers' slots and reads in the journal. A pattern of which something was
changed or taken back, or whose commits have left the journal, is forgotten.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from uptake_service.feedback.model import Evidence, FeedbackState, FeedbackType, Sentiment, StoredFeedback
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.client import Document, Mongo, Session
from uptake_service.mongo.journal import Journal
from uptake_service.mongo.leases import Writers
from uptake_service.patterns.store import Patterns, folded_since

_PATTERNS = 2_000
"""How many patterns are remembered; those least lately judged are forgotten."""

_SPARE = 30
"""How much more of a pattern is read than is asked for, so that a larger batch is served too."""

_LOOK_BACK = timedelta(seconds=10)
"""In how much of the newest time a pattern's feedback is looked for first, divided by what one batch brought of it:
what is popular has a page of feedback in a moment, and all of a window is read."""


@dataclass
class _Window:
    """The newest feedback of a pattern, oldest first; all of the pattern if `whole`."""

    evidence: list[Evidence]
    whole: bool

    def serves(self, number: int) -> bool:
        return self.whole or len(self.evidence) >= number

    def put(self, added: Evidence) -> None:
        if self.whole or added.order > self.evidence[0].order:
            place = bisect_left(self.evidence, added.order, key=lambda evidence: evidence.order)
            if self.evidence[place : place + 1] != [added]:
                self.evidence.insert(place, added)

    def cut(self, most: int) -> None:
        if len(self.evidence) > most:
            del self.evidence[:-most]
            self.whole = False


class RecentFeedback:
    """The newest feedback of the patterns that were judged lately."""

    def __init__(self, mongo: Mongo, feedback: FeedbackStore, patterns: Patterns) -> None:
        self._mongo = mongo
        self._feedback = feedback
        self._patterns = patterns
        self._writers = Writers(mongo)
        self._journal = Journal(mongo)
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._revisions: dict[int, int] = {}
        self._written: set[str] = set()
        """Patterns written to since the transaction began that looks now: what it reads of them may be old."""

    async def begin(self, session: Session) -> None:
        """Begins a transaction in which `newest` will be asked, with what others committed until then."""
        self._written.clear()
        for writer, revision in (await self._writers.revisions(session)).items():
            known = self._revisions.get(writer, 0)
            if revision <= known:
                continue
            if self._windows:
                commits = await self._journal.of_writer(writer, known, revision, "feedback", session=session)
                for id in await folded_since(self._mongo, writer, known, session):
                    self._windows.pop(id, None)
                for commit in commits:
                    self._follow(commit["feedback"], writer, commit["revision"])
            self._revisions[writer] = max(revision, self._revisions.get(writer, 0))

    def committed(
        self, changes: Sequence[tuple[StoredFeedback | None, StoredFeedback]], writer: int, revision: int
    ) -> None:
        """Brings the windows up to what this process has just committed.

        Args:
            changes: Feedback before (None for new) and after.
            writer: This process's slot.
            revision: The slot's revision that the commit made.
        """
        known = self._revisions.get(writer, 0)
        if revision <= known:
            return  # A transaction saw the commit before its answer came; the patterns are forgotten or read since.
        if revision == known + 1:
            self._revisions[writer] = revision
        for before, after in changes:
            self._written.add(after.pattern_id)
            if before is None and after.state is FeedbackState.ACTIVE:
                self._put(after.pattern_id, Evidence.of(after))
            else:
                self._windows.pop(after.pattern_id, None)

    async def newest(
        self, wanted: Mapping[str, int], touched: Mapping[str, int], session: Session
    ) -> dict[str, list[Evidence]]:
        """The newest active feedback of patterns, newest first.

        Args:
            wanted: For each pattern how much of it, at least; there may be less.
            touched: For each pattern how much a batch brought of it.
            session: The transaction.
        """
        found: dict[str, list[Evidence]] = {}
        for id, number in wanted.items():
            window = self._windows.get(id)
            if window is not None and window.serves(number):
                window.cut(number + 2 * _SPARE)
                self._windows.move_to_end(id)
                found[id] = window.evidence[::-1]
        missing = [id for id in wanted if id not in found]
        # More than there is would be looked for through all time.
        totals = await self._patterns.totals(missing, session) if missing else {}
        for id in missing:
            number = wanted[id] + _SPARE
            found[id] = await self._feedback.newest_of_pattern(
                id, min(number, totals[id]), width=_LOOK_BACK / max(touched[id], 1), session=session
            )
            if id not in self._written:
                self._windows[id] = _Window(found[id][::-1], whole=len(found[id]) < number)
        while len(self._windows) > _PATTERNS:
            self._windows.popitem(last=False)
        return found

    def _follow(self, told: Document, writer: int, revision: int) -> None:
        for each in told["added"]:
            evidence = Evidence(
                id=each["id"],
                type=FeedbackType(each["type"]),
                sentiment=Sentiment(each["sentiment"]),
                occur_time=each["occur_time"],
                create_time=each["create_time"],
                writer=writer,
                revision=revision,
            )
            self._put(each["pattern"], evidence)
        for id in told["changed"]:
            self._windows.pop(id, None)

    def _put(self, pattern_id: str, added: Evidence) -> None:
        window = self._windows.get(pattern_id)
        if window is not None:
            window.put(added)


def told_of(changes: Sequence[tuple[StoredFeedback | None, StoredFeedback]]) -> Document:
    """What the journal tells other processes of a commit: {added: [evidence], changed: [pattern]}."""
    return {
        "added": [
            {
                "pattern": after.pattern_id,
                "id": after.id,
                "type": after.content.type.value,
                "sentiment": after.sentiment.value,
                "occur_time": after.occur_time,
                "create_time": after.create_time,
            }
            for before, after in changes
            if before is None and after.state is FeedbackState.ACTIVE
        ],
        "changed": sorted(
            {after.pattern_id for before, after in changes if before or after.state is not FeedbackState.ACTIVE}
        ),
    }
