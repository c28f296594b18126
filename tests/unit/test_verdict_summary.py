"""Verdicts in words."""

from datetime import UTC, datetime, timedelta

import pytest
from uptake_service.corrections.model import (
    Author,
    ControlVotes,
    Correction,
    CorrectionState,
    Look,
    Measured,
    MeasurementBasis,
    Revert,
    Verdict,
    Votes,
)
from uptake_service.corrections.verdict import conclude
from uptake_service.corrections.verdict_summary import summary
from uptake_service.domain.feedback import CorrectionKind
from uptake_service.reviews.model import Fix

START = datetime(2026, 1, 1, tzinfo=UTC)
ANN = Author(reviewer="ann")
STEADY = ControlVotes(before=Votes(votes=1_000, negative=100), after=Votes(votes=1_000, negative=120))


def correction(later: int, negative: int, control: ControlVotes | None = None, **about: object) -> Correction:
    """One whose pattern had 80 negative of 200 votes before it; what it says of later ones is of one look at all."""
    basis = MeasurementBasis(
        pattern_id="p", baseline=Votes(votes=200, negative=80), start=START, fix=Fix(time=START), margin=0.05
    )
    votes = Votes(votes=later, negative=negative)
    looks = (Look(later=votes, time=START, control=control),) if later >= 25 else ()
    verdict, finding = conclude(basis, looks)
    return Correction(
        id="c",
        project="default",
        kind=CorrectionKind.KNOWLEDGE,
        target="t",
        revision=1,
        base_revision=0,
        content="",
        diff="",
        feedback_ids=(),
        review_id="",
        author=ANN,
        note="",
        state=CorrectionState.APPLIED,
        covers="",
        basis=basis,
        verdict=verdict,
        measured=Measured(later=votes, looks=looks, finding=finding, time=START),
        create_time=START,
    ).model_copy(update=about)


BEFORE = "80 of 200 votes (40%) on answers before it were negative"
ALONE = "There is no control: too few votes on patterns without a correction."


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            correction(3, 1),
            f"It cannot be told yet whether it helped: {BEFORE}; of at least 25 votes on answers after it 3 are in.",
        ),
        (
            correction(100, 10),
            f"It helped: {BEFORE}, 10 of 100 votes (10%) after it. The difference is -30 points (interval -43 to -15). "
            f"{ALONE} The next look is at 200 votes; 100 are in.",
        ),
        (
            correction(100, 90),
            f"It made things worse: {BEFORE}, 90 of 100 votes (90%) after it. The difference is +50 points "
            f"(interval +34 to +62). {ALONE} The next look is at 200 votes; 100 are in.",
        ),
        (
            correction(400, 152, STEADY),
            f"It cannot be told whether it helped: {BEFORE}, 152 of 400 votes (38%) after it. The difference is -4 "
            "points (interval -18 to +9). Patterns without a correction moved by +2 points meanwhile, which is taken "
            "out.",
        ),
        (
            correction(400, 10, covered_time=START + timedelta(days=1)),
            f"It helped: {BEFORE}, 10 of 400 votes (2%) after it. The difference is -38 points (interval -49 to -27). "
            f"{ALONE} A later correction covers it; votes since then do not count.",
        ),
        (
            correction(
                0,
                0,
                state=CorrectionState.REVERTED,
                revert=Revert(revision=2, verdict=Verdict.WORSE, author=ANN, note="", time=START),
            ),
            "It was reverted on 01 Jan 2026; until then the verdict was: worse. It cannot be told yet whether "
            "reverting it helped: 80 of 200 votes (40%) on answers under it were negative; of at least 25 votes on "
            "answers since the revert 0 are in.",
        ),
    ],
)
def test_a_verdict_says_what_it_rests_on(given: Correction, said: str) -> None:
    assert summary(given) == said
