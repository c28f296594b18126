"""Insights and events on the wire."""

from collections.abc import Mapping, Sequence
from typing import Any

from uptake.v1 import event_pb2, insight_pb2, interval_pb2, issue_pb2

from uptake_service.api.checks import distinct_members, to_timestamp
from uptake_service.api.enums import members, numbers
from uptake_service.api.messages.corrections import STATE_NUMBERS as CORRECTION_STATE_NUMBERS
from uptake_service.api.messages.corrections import VERDICT_NUMBERS, verdict_message
from uptake_service.api.messages.feedback import KIND_NUMBERS as CORRECTION_KIND_NUMBERS
from uptake_service.api.messages.feedback import TYPE_NUMBERS, correction_message
from uptake_service.api.messages.reviews import ACTION_NUMBERS, PRIORITY_NUMBERS, STATE_NUMBERS
from uptake_service.coordination.event_log import Event
from uptake_service.corrections.model import Correction, CorrectionEvent, VerdictEvent
from uptake_service.domain.feedback import FeedbackType
from uptake_service.insights.model import Insights, Metrics, Opportunity, UserCorrection, shown
from uptake_service.insights.series import MetricGroup, MetricInterval, Series
from uptake_service.issues.model import Comment, IssueEvent, IssueState
from uptake_service.issues.view import IssueFilter, SeenIssue
from uptake_service.reviews.model import ReviewEvent

KIND_NUMBERS: Mapping[str, Any] = {
    name.removeprefix("EVENT_KIND_"): event_pb2.EventKind.Value(name)
    for name in event_pb2.EventKind.DESCRIPTOR.values_by_name
}
SEVERITY_NUMBERS: Mapping[str, Any] = {
    name.removeprefix("EVENT_SEVERITY_"): event_pb2.EventSeverity.Value(name)
    for name in event_pb2.EventSeverity.DESCRIPTOR.values_by_name
}


ISSUE_STATE_NUMBERS = numbers(issue_pb2.IssueState, "ISSUE_STATE_", IssueState)
ISSUE_STATES = members(issue_pb2.IssueState, "ISSUE_STATE_", IssueState)
METRIC_INTERVALS = members(insight_pb2.MetricInterval, "METRIC_INTERVAL_", MetricInterval)
METRIC_GROUPS = members(insight_pb2.MetricGroup, "METRIC_GROUP_", MetricGroup)


def to_issue_filter(message: issue_pb2.IssueFilter) -> IssueFilter:
    return IssueFilter(
        states=distinct_members(message.states, ISSUE_STATES),
        minimum_frequency=message.minimum_frequency,
    )


def metrics_message(metrics: Metrics) -> insight_pb2.Metrics:
    return insight_pb2.Metrics(
        start_time=to_timestamp(metrics.start_time),
        end_time=to_timestamp(metrics.end_time),
        total_feedback=metrics.total,
        positive_count=metrics.positive,
        negative_count=metrics.negative,
        positive_rate=metrics.positive_rate,
        negative_rate=metrics.negative_rate,
        type_counts=[
            insight_pb2.TypeCount(type=TYPE_NUMBERS[type], count=metrics.of_type(type)) for type in FeedbackType
        ],
        average_rating=metrics.average_rating,
    )


def series_message(series: Sequence[Series]) -> insight_pb2.QueryMetricsResponse:
    return insight_pb2.QueryMetricsResponse(
        metric_series=[
            insight_pb2.MetricSeries(group_value=each.value, points=[_metric_point(point) for point in each.points])
            for each in series
        ]
    )


def insights_message(insights: Insights) -> insight_pb2.Insights:
    return insight_pb2.Insights(
        metrics=metrics_message(insights.metrics),
        common_issues=[_shown_issue(seen) for seen in insights.issues],
        improvement_opportunities=[_opportunity(opportunity) for opportunity in insights.opportunities],
        user_corrections=[_user_correction(correction) for correction in insights.user_corrections],
        time_series=[metrics_message(day) for day in insights.days],
        active_review_count=insights.active_reviews,
        measured_corrections=[_measured_correction(correction) for correction in insights.corrections],
    )


def _measured_correction(correction: Correction) -> insight_pb2.MeasuredCorrection:
    return insight_pb2.MeasuredCorrection(
        correction_id=correction.id,
        kind=CORRECTION_KIND_NUMBERS[correction.kind],
        target=correction.target,
        state=CORRECTION_STATE_NUMBERS[correction.state],
        pattern_id=correction.basis.pattern_id,
        verdict=verdict_message(correction),
        create_time=to_timestamp(correction.create_time),
    )


def issue_message(seen: SeenIssue) -> issue_pb2.Issue:
    issue = seen.issue
    return issue_pb2.Issue(
        id=issue.id,
        title=issue.title,
        keywords=issue.keywords,
        representative=_comment(issue.representative) if issue.representative else None,
        frequency=seen.frequency,
        sample_comments=[_comment(comment) for comment in issue.samples],
        trend=seen.trend,
        state=ISSUE_STATE_NUMBERS[issue.state],
        first_seen_time=to_timestamp(issue.first_seen_time),
        last_seen_time=to_timestamp(seen.last_seen_time),
        etag=issue.etag,
    )


def _shown_issue(seen: SeenIssue) -> issue_pb2.Issue:
    """An issue with as much of its comments as insights show."""
    message = issue_message(seen)
    for comment in (*message.sample_comments, *([message.representative] if seen.issue.representative else [])):
        comment.text = shown(comment.text)
    return message


def event_message(event: Event) -> event_pb2.Event:
    message = event_pb2.Event(
        seq=event.seq,
        time=to_timestamp(event.time),
        kind=KIND_NUMBERS[event.kind],
        severity=SEVERITY_NUMBERS[event.severity],
    )
    if (review := ReviewEvent.of(event)) is not None:
        message.review.CopyFrom(_review_event(review))
    elif (correction := CorrectionEvent.of(event)) is not None:
        message.correction.CopyFrom(_correction_event(correction))
    elif (verdict := VerdictEvent.of(event)) is not None:
        message.verdict.CopyFrom(_verdict_event(verdict))
    elif (issue := IssueEvent.of(event)) is not None:
        message.issue.CopyFrom(_issue_event(issue))
    return message


def _review_event(event: ReviewEvent) -> event_pb2.ReviewEvent:
    return event_pb2.ReviewEvent(
        review_id=event.review_id,
        pattern_id=event.pattern_id,
        action=ACTION_NUMBERS[event.action],
        state=STATE_NUMBERS[event.state],
        priority=PRIORITY_NUMBERS[event.priority],
        negative_rate=event.negative_rate if event.sample_size else None,
        sample_size=event.sample_size,
        revision=event.revision,
    )


def _correction_event(event: CorrectionEvent) -> event_pb2.CorrectionEvent:
    return event_pb2.CorrectionEvent(
        correction_id=event.correction_id,
        state=CORRECTION_STATE_NUMBERS[event.state],
        revision=event.revision,
    )


def _verdict_event(event: VerdictEvent) -> event_pb2.VerdictEvent:
    return event_pb2.VerdictEvent(
        correction_id=event.correction_id,
        verdict=VERDICT_NUMBERS[event.verdict],
        later_votes=event.later_votes,
    )


def _issue_event(event: IssueEvent) -> event_pb2.IssueEvent:
    return event_pb2.IssueEvent(
        issue_id=event.issue_id,
        state=ISSUE_STATE_NUMBERS[event.state],
        frequency=event.frequency,
        generation=event.generation,
        revision=event.revision,
        merged_into_issue_id=event.merged_into_issue_id,
    )


def _metric_point(metrics: Metrics) -> insight_pb2.MetricPoint:
    return insight_pb2.MetricPoint(
        metrics=metrics_message(metrics),
        negative_rate_interval=_interval(metrics.negative_rate_interval),
        positive_rate_interval=_interval(metrics.positive_rate_interval),
    )


def _interval(ends: tuple[float, float] | None) -> interval_pb2.Interval | None:
    return interval_pb2.Interval(low=ends[0], high=ends[1]) if ends else None


def _comment(comment: Comment) -> issue_pb2.SampleComment:
    return issue_pb2.SampleComment(text=comment.text, feedback_id=comment.feedback_id)


def _opportunity(opportunity: Opportunity) -> insight_pb2.ImprovementOpportunity:
    return insight_pb2.ImprovementOpportunity(
        title=opportunity.title,
        pattern_id=opportunity.pattern_id,
        issue_id=opportunity.issue_id,
        negative_count=opportunity.negative,
        total_feedback=opportunity.total,
        negative_share=opportunity.negative_share,
        suggested_action=opportunity.suggested_action,
        evidence_feedback_ids=opportunity.evidence_feedback_ids,
        review_id=opportunity.review_id,
    )


def _user_correction(correction: UserCorrection) -> insight_pb2.UserCorrection:
    return insight_pb2.UserCorrection(
        feedback_id=correction.feedback_id,
        query=correction.query,
        correction=correction_message(correction.correction),
        occur_time=to_timestamp(correction.occur_time),
        pattern_id=correction.pattern_id,
    )
