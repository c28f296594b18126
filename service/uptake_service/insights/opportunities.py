"""What to improve: patterns and issues together, the one whose fix would remove most negative feedback first.

A pattern says which question is answered badly, an issue what users complain of. Where one issue is what is wrong with
one pattern they are one opportunity; else each stands for itself, and the same feedback may count for both.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from uptake_service.domain.feedback import FeedbackFilter, Sentiment
from uptake_service.feedback.store import FeedbackStore
from uptake_service.insights.model import Metrics, Opportunity, shown
from uptake_service.insights.totals import PatternTotals
from uptake_service.issues.model import IssueState
from uptake_service.issues.view import SeenIssue
from uptake_service.patterns.patterns import Patterns
from uptake_service.patterns.store import Pattern
from uptake_service.projections.rollup_deltas import Counts
from uptake_service.reviews.model import UPDATE_INSTRUCTIONS, UPDATE_KNOWLEDGE
from uptake_service.reviews.store import ReviewStore

MOST = 10
EVIDENCE = 3
SAME = 0.5
"""An issue and a pattern are one opportunity if each holds at least this share of the other's negative feedback."""

_FIXED = (IssueState.RESOLVED, IssueState.IGNORED)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to fix: a pattern, an issue or both; `pattern_ids` are those that it is about, most first."""

    pattern_id: str
    issue: SeenIssue | None
    pattern_ids: tuple[str, ...]
    negative: int
    total: int


def rank(patterns: Mapping[str, Counts], issues: Iterable[SeenIssue]) -> list[Candidate]:
    """Patterns (counts of a window by id) and issues of the same window as candidates, the worst first."""
    left = {id: counts for id, counts in patterns.items() if counts.get("negative", 0) > 0}
    found = []
    for seen in issues:
        if seen.issue.state in _FIXED or not seen.frequency:
            continue
        id = _same(seen, left)
        counts = left.pop(id, {})
        negative = max(seen.frequency, counts.get("negative", 0))
        found.append(
            Candidate(
                pattern_id=id,
                issue=seen,
                pattern_ids=tuple(pattern.pattern_id for pattern in seen.issue.patterns),
                negative=negative,
                total=max(negative, counts.get("total", 0)),
            )
        )
    found += [
        Candidate(pattern_id=id, issue=None, pattern_ids=(id,), negative=counts["negative"], total=counts["total"])
        for id, counts in left.items()
    ]
    # At equal numbers the one with fewer good answers among them, then an order that stays.
    return sorted(found, key=lambda each: (-each.negative, each.total, each.pattern_id, _issue_id(each)))


def _same(seen: SeenIssue, patterns: Mapping[str, Counts]) -> str:
    """The pattern that one issue is what is wrong with; empty if there is none."""
    members = max(seen.issue.frequency, 1)
    for pattern in seen.issue.patterns[:1]:
        negative = patterns.get(pattern.pattern_id, {}).get("negative", 0)
        share = min(pattern.count / members, 1.0)
        if negative and share >= SAME and share * seen.frequency >= SAME * negative:
            return pattern.pattern_id
    return ""


def _title(candidate: Candidate, patterns: Mapping[str, Pattern]) -> str:
    if candidate.issue:
        return candidate.issue.issue.title
    pattern = patterns.get(candidate.pattern_id)
    return pattern.representative_query if pattern else ""


def _issue_id(candidate: Candidate) -> str:
    return candidate.issue.issue.id if candidate.issue else ""


class Opportunities:
    def __init__(
        self, totals: PatternTotals, feedback: FeedbackStore, patterns: Patterns, reviews: ReviewStore
    ) -> None:
        self._totals = totals
        self._feedback = feedback
        self._patterns = patterns
        self._reviews = reviews

    async def of(
        self, project: str, scores: tuple[str, ...], metrics: Metrics, issues: Sequence[SeenIssue]
    ) -> list[Opportunity]:
        """The opportunities of the window that `metrics`, of these scores, and `issues` are of, at most MOST, the worst
        first."""
        if not metrics.negative:
            return []
        by_pattern = await self._totals.of(project, scores, metrics.start_time, metrics.end_time)
        worst = rank(by_pattern, issues)[:MOST]
        ids = sorted({id for candidate in worst for id in candidate.pattern_ids})
        patterns, reviews = await asyncio.gather(self._patterns.get_many(ids), self._reviews.active_of_patterns(ids))
        evidence = await asyncio.gather(*(self._evidence(project, scores, metrics, candidate) for candidate in worst))
        opportunities = []
        for candidate, feedback_ids in zip(worst, evidence, strict=True):
            corrected = any(by_pattern.get(id, {}).get("correction") for id in candidate.pattern_ids)
            opportunities.append(
                Opportunity(
                    title=shown(_title(candidate, patterns)),
                    pattern_id=candidate.pattern_id,
                    issue_id=_issue_id(candidate),
                    negative=candidate.negative,
                    total=candidate.total,
                    # An issue is counted by full days, which may reach over the window's edges.
                    negative_share=min(candidate.negative / metrics.negative, 1.0),
                    suggested_action=UPDATE_KNOWLEDGE if corrected else UPDATE_INSTRUCTIONS,
                    evidence_feedback_ids=feedback_ids,
                    review_id=next((reviews[id] for id in candidate.pattern_ids if id in reviews), ""),
                )
            )
        return opportunities

    async def _evidence(
        self, project: str, scores: tuple[str, ...], metrics: Metrics, candidate: Candidate
    ) -> tuple[str, ...]:
        if candidate.issue is not None:
            issue = candidate.issue.issue
            shown = ([issue.representative] if issue.representative else []) + list(issue.samples)
            return tuple(dict.fromkeys(comment.feedback_id for comment in shown))[:EVIDENCE]
        newest = await self._feedback.first(
            project,
            FeedbackFilter(
                pattern_id=candidate.pattern_id,
                sentiments=(Sentiment.NEGATIVE,),
                start_time=metrics.start_time,
                end_time=metrics.end_time,
                scores=scores,
            ),
            EVIDENCE,
        )
        return tuple(feedback.id for feedback in newest)
