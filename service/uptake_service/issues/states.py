"""Where an issue stands, from what is seen of it. No I/O."""

from datetime import datetime, timedelta

from uptake_service.issues.model import Issue, IssueState

RECENT = timedelta(days=7)
"""The newest days, which escalation holds against those before."""

_CLEARLY = 0.01
"""Chance at which as much would be seen of an issue that is steady."""

_RECENT_LEAST = 5
_BACK_AT = 3
"""A resolved issue is back with so many members after its resolution: one may be late, two a coincidence."""


def next_state(
    issue: Issue | None, *, recent: int, before: int, recent_share: float, since_resolved: int
) -> IssueState:
    """The state after a run.

    Args:
        issue: The issue as it was; None for one that is new.
        recent: Members in the newest RECENT of the window.
        before: Members in the rest of the window.
        recent_share: The newest days' share of the window, 0 to 1.
        since_resolved: Members after it was resolved.
    """
    if issue is None:
        return IssueState.NEW
    if issue.state is IssueState.RESOLVED:
        return IssueState.REGRESSED if is_back(since_resolved) else IssueState.RESOLVED
    if issue.state in (IssueState.IGNORED, IssueState.REGRESSED):
        return issue.state
    return IssueState.ESCALATING if escalates(recent, before, recent_share) else IssueState.ONGOING


def escalates(recent: int, before: int, recent_share: float) -> bool:
    """Whether the newest days have clearly more than their share.

    Of a steady issue the number in the newest days, given the total, is binomial (Przyborowski and Wilenski 1940, the
    conditional test of two Poisson rates); the one-sided exact test has to find less than one chance in a hundred.
    """
    # Only the process that clusters gets here; the service that reads states would load it at each start.
    from scipy.stats import binomtest

    if recent < _RECENT_LEAST or not 0 < recent_share < 1:
        return False
    return bool(binomtest(recent, recent + before, recent_share, alternative="greater").pvalue < _CLEARLY)


def is_back(since_resolved: int) -> bool:
    """Whether a resolved issue came back."""
    return since_resolved >= _BACK_AT


def trend(newer: int, older: int) -> float:
    """Frequency in the newer half of a window over that in the older half, minus 1; an empty older half counts as 1."""
    return (newer - older) / max(older, 1) if newer or older else 0.0


def halves(start: datetime, end: datetime) -> datetime:
    """The middle of a window: from there on is its newer half."""
    return start + (end - start) / 2
