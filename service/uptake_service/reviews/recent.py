"""The newest feedback of patterns, remembered for the trigger.

What a window holds is certain: this process's commits are put into it, and those of others, which the transaction that
judges learns of by the revisions of the writers' slots and reads in the delta log. A pattern of which something was
changed or taken back, or whose commits have left the delta log, is forgotten.
"""

from bisect import bisect_left
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from uptake_service.coordination.leases import Writers
from uptake_service.domain.feedback import (
    CorrectionKind,
    Evidence,
    FeedbackState,
    FeedbackType,
    Sentiment,
    Transition,
)
from uptake_service.feedback.store import FeedbackStore
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.documents import Document
from uptake_service.mongo.session import Session
from uptake_service.patterns.shares import ShareStore
from uptake_service.projections.delta_log import DeltaLog
from uptake_service.projections.projection import Batch, Commit, Projection, Update
from uptake_service.reviews.rules import LOOKED_THROUGH, Gathered

_PATTERNS = 2_000
"""How many patterns are remembered; those least lately judged are forgotten."""

_SPARE = 30
"""How much more of a pattern is read than is asked for, so that a larger batch is served too."""

_COMMITS = 500
"""After more commits of another process it is all read anew: to follow them would cost more."""

_LOOKS_PAST = 5
"""How often more is looked for, a thousand pieces each time: each time it is of other voters."""

_LONGEST = 4 * LOOKED_THROUGH
"""A window that grew longer, since nothing bad came that it was cut for, is forgotten."""

_LOOK_BACK = timedelta(seconds=10)
"""In how much of the newest time a pattern's feedback is looked for first, divided by what one batch brought of it:
what is popular has a page of feedback in a moment, and all of a window is read."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of a pattern.

    Attributes:
        project: The pattern's project.
        scores: Of which scores feedback is evidence.
        number: How many voters' votes, at least, with what lies between them; there may be less.
        touched: How much a batch brought of it.
        most: How much of one voter counts; past LOOKED_THROUGH pieces no more of theirs is asked for.
    """

    project: str
    scores: tuple[str, ...]
    number: int
    touched: int
    most: int = 1

    @property
    def most_of_voter(self) -> int:
        """So much of one voter that enough is left without what the batch brought."""
        return self.most + self.touched


@dataclass
class _Window:
    """The newest feedback of a pattern that is of these scores, oldest first; all of it if `whole`.

    Past LOOKED_THROUGH pieces what is missing is of voters of whom `most` newer pieces are there.
    """

    scores: tuple[str, ...]
    most: int
    evidence: list[Evidence]
    whole: bool

    def serves(self, wanted: Wanted) -> bool:
        if (self.scores, self.most) != (wanted.scores, wanted.most):
            return False
        return self.whole or _voters(self.evidence) >= wanted.number

    def put(self, added: Evidence) -> None:
        if added.score not in self.scores:
            return
        if self.whole or added.order > self.evidence[0].order:
            place = bisect_left(self.evidence, added.order, key=lambda evidence: evidence.order)
            if self.evidence[place : place + 1] != [added]:
                self.evidence.insert(place, added)

    def cut(self, wanted: Wanted) -> None:
        """Forgets what is not asked for again."""
        if len(self.evidence) <= wanted.number + 2 * _SPARE:
            return
        kept = Gathered(wanted.most_of_voter)
        for place, each in enumerate(reversed(self.evidence)):
            if place >= wanted.number + 2 * _SPARE and len(kept.voters) >= wanted.number + _SPARE:
                self.whole = False
                break
            if place < LOOKED_THROUGH or (each.voter, each.is_vote) not in kept.enough:
                kept.add(each)
        self.evidence = kept.evidence[::-1]


class RecentFeedback(Projection):
    """The newest feedback of the patterns that were judged lately."""

    def __init__(self, mongo: Mongo, feedback: FeedbackStore, shares: ShareStore) -> None:
        self._feedback = feedback
        self._shares = shares
        self._writers = Writers(mongo)
        self._log = DeltaLog(mongo)
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._revisions: dict[int, int] = {}
        self._written: set[str] = set()
        """Patterns written to since the transaction began that looks now: what it reads of them may be old."""

    async def catch_up(self, session: Session) -> None:
        """Begins a transaction in which `newest` will be asked, with what others committed until then."""
        self._written.clear()
        for writer, revision in (await self._writers.revisions(session)).items():
            known = self._revisions.get(writer, 0)
            if revision <= known:
                continue
            if self._windows and revision - known > _COMMITS:
                self._windows.clear()
            elif self._windows:
                entries = await self._log.of_writer(writer, known, "feedback", session=session)
                for id in await self._shares.folded_since(writer, known, session):
                    self._windows.pop(id, None)
                for entry in entries:
                    self._follow(entry["feedback"], writer, entry["revision"])
            self._revisions[writer] = max(revision, self._revisions.get(writer, 0))

    def begin(self, batch: Batch) -> Update:
        return _Told(self)

    def committed(self, transitions: Sequence[Transition], writer: int, revision: int) -> None:
        """Brings the windows up to what this process has just committed.

        Args:
            transitions: What became of feedback.
            writer: This process's slot.
            revision: The slot's revision that the commit made.
        """
        known = self._revisions.get(writer, 0)
        if revision <= known:
            return  # A transaction saw the commit before its answer came; the patterns are forgotten or read since.
        if revision == known + 1:
            self._revisions[writer] = revision
        for before, after in transitions:
            self._written.add(after.pattern_id)
            if before is not None:
                self._written.add(before.pattern_id)
                self._windows.pop(before.pattern_id, None)
            if before is None and after.state is FeedbackState.ACTIVE:
                if after.content.type is not FeedbackType.COMMENT:
                    self._put(after.pattern_id, Evidence.of(after))
            else:
                self._windows.pop(after.pattern_id, None)

    async def newest(self, wanted: Mapping[str, Wanted], session: Session) -> dict[str, list[Evidence]]:
        """The newest active feedback of patterns that says something of their answers, newest first.

        Args:
            wanted: What is asked of each pattern.
            session: The transaction.
        """
        found: dict[str, list[Evidence]] = {}
        for id, asked in wanted.items():
            window = self._windows.get(id)
            if window is not None and window.serves(asked):
                window.cut(asked)
                self._windows.move_to_end(id)
                found[id] = window.evidence[::-1]
        missing = [id for id in wanted if id not in found]
        # More than there is would be looked for through all time.
        projects = {wanted[id].project for id in missing}
        members = await self._shares.members(missing, projects, session) if missing else {}
        for id in missing:
            found[id], whole = await self._read(id, wanted[id], members[id], session)
            if id not in self._written:
                asked = wanted[id]
                self._windows[id] = _Window(asked.scores, asked.most, found[id][::-1], whole)
        while len(self._windows) > _PATTERNS:
            self._windows.popitem(last=False)
        return found

    async def _read(self, pattern_id: str, asked: Wanted, there: int, session: Session) -> tuple[list[Evidence], bool]:
        """A pattern's newest feedback, newest first, and whether nothing older is to be found.

        Who votes very often must not hide the others: what lies past LOOKED_THROUGH pieces is looked for without those
        of whom there is enough.
        """
        width = _LOOK_BACK / max(asked.touched, 1)
        rows: list[Evidence] = []
        for number in sorted({min(asked.number + _SPARE, LOOKED_THROUGH), LOOKED_THROUGH}):
            rows = await self._feedback.evidence.newest_of_pattern(
                pattern_id, asked.scores, min(number, there), width=width, session=session
            )
            if len(rows) < number:
                return rows, True
            if _voters(rows) >= asked.number:
                return rows, False
        gathered = Gathered(asked.most_of_voter, rows)
        for _ in range(_LOOKS_PAST):
            older = await self._feedback.evidence.newest_of_pattern(
                pattern_id,
                asked.scores,
                LOOKED_THROUGH,
                width=width,
                but_of=gathered.enough,
                before=gathered.evidence[-1],
                session=session,
            )
            for each in older:
                gathered.add(each)
            if len(older) < LOOKED_THROUGH:
                return gathered.evidence, True
            if len(gathered.voters) >= asked.number:
                return gathered.evidence, False
        return gathered.evidence, True

    def _follow(self, told: Document, writer: int, revision: int) -> None:
        for each in told["added"]:
            if "voter" not in each:
                # The first edition did not tell.
                self._windows.pop(each["pattern"], None)
                continue
            evidence = Evidence(
                id=each["id"],
                type=FeedbackType(each["type"]),
                sentiment=Sentiment(each["sentiment"]),
                occur_time=each["occur_time"],
                create_time=each["create_time"],
                writer=writer,
                revision=revision,
                voter=each["voter"],
                score=each["score"],
                kind=CorrectionKind(each["kind"]) if each["kind"] else None,
            )
            self._put(each["pattern"], evidence)
        for id in told["changed"]:
            self._windows.pop(id, None)

    def _put(self, pattern_id: str, added: Evidence) -> None:
        window = self._windows.get(pattern_id)
        if window is not None:
            window.put(added)
            if len(window.evidence) > _LONGEST:
                del self._windows[pattern_id]


def _voters(evidence: Sequence[Evidence]) -> int:
    return len({each.voter for each in evidence if each.is_vote})


class _Told(Update):
    """Tells the triggers of all processes of a commit: of others by the delta log."""

    def __init__(self, recent: RecentFeedback) -> None:
        self._recent = recent

    async def write(self, transitions: Sequence[Transition], commit: Commit, session: Session) -> None:
        of_project: defaultdict[str, list[Transition]] = defaultdict(list)
        for transition in transitions:
            of_project[transition.after.project].append(transition)
        for project, some in of_project.items():
            commit.deltas[project].feedback = to_log_entry(some)

    async def committed(self, transitions: Sequence[Transition], commit: Commit) -> None:
        self._recent.committed(transitions, commit.writer, commit.revision)


def to_log_entry(changes: Sequence[Transition]) -> Document:
    """What the delta log tells other processes of a commit in a project: {added: [evidence], changed: [pattern]}."""
    added = [after for before, after in changes if before is None and after.state is FeedbackState.ACTIVE]
    changed = [each for before, after in changes if before is not None for each in (before, after)]
    gone = [after for _, after in changes if after.state is not FeedbackState.ACTIVE]
    return {
        "added": [
            {
                "pattern": feedback.pattern_id,
                "id": feedback.id,
                "type": feedback.content.type.value,
                "sentiment": feedback.sentiment.value,
                "occur_time": feedback.occur_time,
                "create_time": feedback.create_time,
                "voter": feedback.voter,
                "score": feedback.score,
                "kind": feedback.content.correction.kind.value if feedback.content.correction else None,
            }
            for feedback in added
            if feedback.content.type is not FeedbackType.COMMENT
        ],
        "changed": sorted({feedback.pattern_id for feedback in (*changed, *gone)}),
    }
