"""A verdict in words that a reviewer understands. No I/O."""

from uptake_service.corrections.model import Correction, Finding, Verdict, Votes
from uptake_service.corrections.verdict import LOOKS

_SAYS = {
    Verdict.IMPROVED: "It helped",
    Verdict.WORSE: "It made things worse",
    Verdict.NO_CHANGE: "It changed nothing that matters",
    Verdict.NOT_ENOUGH_DATA: "It cannot be told yet whether it helped",
}
_REVERT_SAYS = {
    Verdict.IMPROVED: "Reverting it helped",
    Verdict.WORSE: "Reverting it made things worse",
    Verdict.NO_CHANGE: "Reverting it changed nothing that matters",
    Verdict.NOT_ENOUGH_DATA: "It cannot be told yet whether reverting it helped",
}


def summary(correction: Correction) -> str:
    """What the verdict of a correction is and what it rests on."""
    return " ".join([*_reverted(correction), *_measured(correction)])


def _reverted(correction: Correction) -> list[str]:
    revert = correction.revert
    if revert is None or not correction.basis.pattern_id:
        return []
    verdict = revert.verdict.value.lower().replace("_", " ")
    return [f"It was reverted on {revert.time:%d %b %Y}; until then the verdict was: {verdict}."]


def _measured(correction: Correction) -> list[str]:
    basis, measured = correction.basis, correction.measured
    before = "under it" if correction.revert else "before it"
    after = "since the revert" if correction.revert else "after it"
    if not basis.pattern_id:
        return ["It names neither a review nor feedback, so no votes can measure it."]
    if not basis.baseline.votes:
        without = "" if correction.revert else ", but for those that opened its review"
        return [f"There were no votes on answers {before} to compare with{without}."]
    says = (_REVERT_SAYS if correction.revert else _SAYS)[correction.verdict]
    if measured and measured.later.votes == LOOKS[-1]:
        says = says.replace("told yet", "told")
    baseline = f"{_of(basis.baseline)} on answers {before} were negative"
    finding = measured.finding if measured else None
    later = measured.later if measured else Votes()
    if finding is None:
        sentences = [f"{says}: {baseline}; of at least {LOOKS[0]} votes on answers {after} {later.votes:,} are in."]
    else:
        sentences = [
            f"{says}: {baseline}, {_of(finding.later)} {after}. {_difference(finding)}",
            _control(finding),
        ]
        if correction.covered_time is None:
            sentences += _next_look(later)
    if correction.covered_time is not None:
        sentences.append("A later correction covers it; votes since then do not count.")
    left_out = basis.baseline.left_out + later.left_out
    if left_out:
        sentences.append(f"Without {left_out:,} more of voters who already count as often as one may.")
    if measured and measured.old.votes:
        sentences.append(f"Apart from that, {_of(measured.old)} since then on older answers were negative.")
    return sentences


def _difference(finding: Finding) -> str:
    return (
        f"The difference is {_points(finding.difference)} points "
        f"(interval {_points(finding.low)} to {_points(finding.high)})."
    )


def _control(finding: Finding) -> str:
    if finding.drift is None:
        return "There is no control: too few votes on patterns without a correction."
    return f"Patterns without a correction moved by {_points(finding.drift)} points meanwhile, which is taken out."


def _next_look(later: Votes) -> list[str]:
    following = next((look for look in LOOKS if look > later.votes), None)
    return [f"The next look is at {following} votes; {later.votes:,} are in."] if following else []


def _of(votes: Votes) -> str:
    return f"{votes.negative:,} of {votes.votes:,} votes ({votes.rate:.0%})"


def _points(share: float) -> str:
    return f"{100 * share:+.0f}"
