"""The recount of verdicts: what they rest on, counted anew from feedback, and what follows from it."""

from collections.abc import Iterator, Sequence

from uptake_service.corrections.counting import Counted, Counting, same_count
from uptake_service.corrections.model import Correction, Finding
from uptake_service.corrections.verdict import conclude
from uptake_service.feedback.model import StoredFeedback
from uptake_service.feedback.store import Vote, vote_of

_ROUNDING = 1e-9


class VerdictRecount:
    """Looks at one pattern's feedback as it goes by, oldest first.

    Args:
        corrections: All corrections that the pattern measures.
        pending: Whether feedback was written since verdicts were worked out last; then they may lag behind.
    """

    def __init__(self, corrections: Sequence[Correction], *, pending: bool) -> None:
        self._corrections = corrections
        self._pending = pending
        self._start = min((correction.yardstick.fix.time for correction in corrections), default=None)
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
                yield (
                    f"verdict on correction {correction.id}: rests on {measured.later.negative} negative of "
                    f"{measured.later.votes} later votes and {measured.old.votes} on older answers, feedback says "
                    f"{counted.later.negative} of {counted.later.votes} and {counted.old.votes}"
                )
            verdict, finding = conclude(correction.yardstick, measured.looks)
            if verdict is not correction.verdict:
                yield f"verdict on correction {correction.id}: is {correction.verdict}, its looks say {verdict}"
            elif not _close(measured.finding, finding):
                yield f"verdict on correction {correction.id}: its difference is not that of its looks"

    def _counted(self, correction: Correction) -> Counted:
        fix, end = correction.yardstick.fix, correction.covered_time
        votes = [vote for vote in self._votes if vote.occur_time >= fix.time and (end is None or vote.occur_time < end)]
        counting = Counting(fix)
        counting.add(votes)
        return counting.counted


def _close(stored: Finding | None, found: Finding | None) -> bool:
    """Whether two findings are the same but for what another processor rounds otherwise."""
    if stored is None or found is None:
        return stored is found
    numbers = [(each.difference, each.low, each.high, each.drift or 0.0) for each in (stored, found)]
    same = all(abs(one - other) < _ROUNDING for one, other in zip(*numbers, strict=True))
    return same and stored.later == found.later and (stored.drift is None) is (found.drift is None)
