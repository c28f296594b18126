"""The recount of verdicts: what they rest on, counted anew from feedback, and what follows from it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from uptake_service.coordination.recount import Recount
from uptake_service.corrections import rules
from uptake_service.corrections.model import Correction, Finding, Revision
from uptake_service.corrections.store import scan
from uptake_service.corrections.verdict import conclude
from uptake_service.corrections.verdict_updater import VerdictProgress
from uptake_service.corrections.vote_classifier import Counted, VoteClassifier, same_count
from uptake_service.domain.feedback import CorrectionKind, StoredFeedback
from uptake_service.domain.project import Project
from uptake_service.feedback.evidence import Vote, vote_of
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session
from uptake_service.patterns.shares import ShareStore
from uptake_service.reviews.store import ReviewStore

_ROUNDING = 1e-9


class CorrectionRecount(Recount):
    """Corrections and what they made, and their verdicts."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._reviews = ReviewStore(mongo)
        self._of_pattern: defaultdict[str, list[Correction]] = defaultdict(list)
        self._corrections: list[Correction] = []
        self._heads: list[tuple[CorrectionKind, Revision]] = []
        self._pending: set[str] = set()
        self._verdicts: dict[str, VerdictRecount] = {}

    async def read(self, session: Session) -> set[str]:
        self._corrections, self._heads = await scan(self._mongo, session)
        for correction in self._corrections:
            self._of_pattern[correction.basis.pattern_id].append(correction)
        done = await VerdictProgress(self._mongo).revisions(session)
        self._pending = await ShareStore(self._mongo).changed_since(done, session)
        return {correction.project for correction in self._corrections}

    def count(self, feedback: StoredFeedback, project: Project) -> None:
        if feedback.pattern_id in self._of_pattern:
            self._of(feedback.pattern_id).count(feedback)

    async def differences(self, session: Session) -> list[str]:
        found = [line for id in sorted(self._of_pattern) for line in self._of(id).differences()]
        found += rules.differences(self._corrections, self._heads)
        review_of = {correction.id: correction.review_id for correction in self._corrections}
        for review in await self._reviews.scan(session):
            for id in review.resolution.correction_ids if review.resolution else ():
                if review_of.get(id) != review.id:
                    found.append(f"review {review.id}: its correction {id} is not there")
        return found

    def _of(self, pattern_id: str) -> "VerdictRecount":
        if pattern_id not in self._verdicts:
            corrections = self._of_pattern[pattern_id]
            self._verdicts[pattern_id] = VerdictRecount(corrections, pending=pattern_id in self._pending)
        return self._verdicts[pattern_id]


class VerdictRecount:
    """Looks at one pattern's feedback as it goes by, oldest first.

    Args:
        corrections: All corrections that the pattern measures.
        pending: Whether feedback was written since verdicts were worked out last; then they may lag behind.
    """

    def __init__(self, corrections: Sequence[Correction], *, pending: bool) -> None:
        self._corrections = corrections
        self._pending = pending
        self._start = min((correction.basis.fix.time for correction in corrections), default=None)
        self._votes: list[Vote] = []

    def count(self, feedback: StoredFeedback) -> None:
        if self._start is not None and feedback.occur_time >= self._start:
            vote = vote_of(feedback)
            if vote is not None:
                self._votes.append(vote)

    def differences(self) -> Iterator[str]:
        """Names what is wrong, once all feedback of the pattern went by."""
        for correction in self._corrections:
            measured = correction.measured
            if measured is None or correction.unmeasured:
                continue
            counted = self._counted(correction)
            if not self._pending and not same_count(measured, counted):
                left_out = measured.later.left_out, counted.later.left_out
                yield (
                    f"verdict on correction {correction.id}: rests on {measured.later.negative} negative of "
                    f"{measured.later.votes} later votes and {measured.old.votes} on older answers, feedback says "
                    f"{counted.later.negative} of {counted.later.votes} and {counted.old.votes}"
                    + (f"; leaves {left_out[0]} out, feedback {left_out[1]}" if len({*left_out}) > 1 else "")
                )
            verdict, finding = conclude(correction.basis, measured.looks)
            if verdict is not correction.verdict:
                yield f"verdict on correction {correction.id}: is {correction.verdict}, its looks say {verdict}"
            elif not _close(measured.finding, finding):
                yield f"verdict on correction {correction.id}: its difference is not that of its looks"

    def _counted(self, correction: Correction) -> Counted:
        fix, end = correction.basis.fix, correction.covered_time
        votes = [vote for vote in self._votes if vote.occur_time >= fix.time and (end is None or vote.occur_time < end)]
        counting = VoteClassifier(fix, correction.basis.voter_share)
        counting.add(votes)
        return counting.counted


def _close(stored: Finding | None, found: Finding | None) -> bool:
    """Whether two findings are the same but for what another processor rounds otherwise."""
    if stored is None or found is None:
        return stored is found
    numbers = [(each.difference, each.low, each.high, each.drift or 0.0) for each in (stored, found)]
    same = all(abs(one - other) < _ROUNDING for one, other in zip(*numbers, strict=True))
    return same and stored.later == found.later and (stored.drift is None) is (found.drift is None)
