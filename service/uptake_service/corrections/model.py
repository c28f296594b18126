"""Corrections, and what they change, as the service knows them."""

from datetime import datetime
from enum import StrEnum

from uptake_service.coordination.event_log import EventContent
from uptake_service.domain.feedback import CorrectionKind
from uptake_service.domain.model import Model
from uptake_service.reviews.model import Fix


class CorrectionState(StrEnum):
    APPLIED = "APPLIED"
    SUPERSEDED = "SUPERSEDED"
    REVERTED = "REVERTED"
    PROPOSED = "PROPOSED"


class Verdict(StrEnum):
    NOT_ENOUGH_DATA = "NOT_ENOUGH_DATA"
    IMPROVED = "IMPROVED"
    WORSE = "WORSE"
    NO_CHANGE = "NO_CHANGE"


class Draft(Model):
    """A correction as a caller sends it, checked. `base_revision` is None where any head will do."""

    kind: CorrectionKind
    target: str
    content: str
    base_revision: int | None = None
    feedback_ids: tuple[str, ...] = ()
    review_id: str = ""
    note: str = ""


class Author(Model):
    """Who makes a change: the reviewer as named in the request, and the key of the call."""

    reviewer: str
    key_id: str = ""


class Votes(Model):
    """Votes, how many of them are negative, and how many more do not count, as their voters had counted enough."""

    votes: int = 0
    negative: int = 0
    left_out: int = 0

    @property
    def rate(self) -> float:
        """Share of negative ones, 0 to 1; 0 without votes."""
        return self.negative / self.votes if self.votes else 0.0


class MeasurementBasis(Model):
    """What the verdict measures a correction by, frozen when it is applied.

    Attributes:
        pattern_id: The pattern whose feedback measures it; empty if none does.
        baseline: The votes on answers before the fix.
        start: From when those are.
        fix: What tells later answers apart.
        margin: What differs by no more than this counts as no change, 0 to 1.
        voter_share: Largest share of the votes that count which one voter's may be, above 0 to 1.
    """

    pattern_id: str
    baseline: Votes
    start: datetime
    fix: Fix
    margin: float
    voter_share: float = 1.0


class ControlVotes(Model):
    """Votes on patterns without a correction, before a fix and after it."""

    before: Votes
    after: Votes


class Look(Model):
    """What was there at one look.

    Attributes:
        later: The first so many later votes.
        time: When the last of them occurred.
        control: The control until then; None if there is not enough of one.
    """

    later: Votes
    time: datetime
    control: ControlVotes | None = None


class Finding(Model):
    """What one look says of the difference: after less before, less the drift; each from -2 to 2.

    Attributes:
        later: The votes that it looked at.
        low: Lower end of the difference's interval.
        high: Upper end.
        drift: By how much the control's rate rose; None without a control.
        control_left_out: How many votes of the control do not count.
    """

    later: Votes
    difference: float
    low: float
    high: float
    drift: float | None
    control_left_out: int = 0


class Measured(Model):
    """What a verdict rests on.

    Attributes:
        later: The votes on answers after the fix, up to those of the last look.
        old: Votes since the fix on answers from before it.
        looks: The looks that there are votes enough for, the first one first.
        finding: What the look says that the verdict goes by; None before the first.
        time: When it was worked out.
    """

    later: Votes = Votes()
    old: Votes = Votes()
    looks: tuple[Look, ...] = ()
    finding: Finding | None = None
    time: datetime


class Revision(Model):
    """One revision of a target: a knowledge entry, or named instructions.

    Attributes:
        content: None where this revision deleted the target.
        correction_id: The correction whose content this is: the one in force, also where undoing a later one brought
            its content back. Empty for a deletion.
    """

    project: str
    target: str
    revision: int
    content: str | None
    correction_id: str
    time: datetime


class Revert(Model):
    """How a correction was undone, the revision that this made, and the verdict until then."""

    revision: int
    verdict: Verdict
    author: Author
    note: str
    time: datetime


class Correction(Model):
    """A change to a target that was applied.

    Of one target's corrections those that are not reverted lie on one another: the newest is APPLIED and in force, each
    `covers` the one before it, and those are SUPERSEDED.

    Attributes:
        base_revision: The revision before; 0 when the target did not exist, or had been deleted.
        covers: The correction that was in force before; empty when none was.
        basis: What the verdict goes by; once it is reverted that of the revert.
        covered_time: When a later one covered it first: what comes then measures it no longer. None if none did.
        measured: What the verdict rests on; None before it was worked out.
        unmeasured: Whether it has to be worked out though no vote changed.
    """

    id: str
    project: str
    kind: CorrectionKind
    target: str
    revision: int
    base_revision: int
    content: str
    diff: str
    feedback_ids: tuple[str, ...]
    review_id: str
    author: Author
    note: str
    state: CorrectionState
    covers: str
    basis: MeasurementBasis
    covered_time: datetime | None = None
    verdict: Verdict = Verdict.NOT_ENOUGH_DATA
    measured: Measured | None = None
    unmeasured: bool = False
    create_time: datetime
    revert: Revert | None = None


class CorrectionEvent(EventContent):
    """A correction came to a state when its target came to a revision."""

    KIND = "CORRECTION"

    correction_id: str
    state: CorrectionState
    revision: int


class VerdictEvent(EventContent):
    """A correction came to a verdict."""

    KIND = "VERDICT"

    correction_id: str
    verdict: Verdict
    later_votes: int

    @property
    def severity(self) -> str:
        return "CRITICAL" if self.verdict is Verdict.WORSE else "INFO"


class CorrectionFilter(Model):
    """Narrows a list: every set field must match, a tuple matches any of its values."""

    kinds: tuple[CorrectionKind, ...] = ()
    states: tuple[CorrectionState, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    target: str = ""
    review_id: str = ""
    pattern_id: str = ""
