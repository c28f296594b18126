"""Reviews on the wire to and from reviews as the service knows them."""

from datetime import datetime

from uptake.v1 import pattern_pb2, stream_pb2
from uptake.v1 import review_pb2 as pb

from uptake_service.api.checks import distinct_members, put_time, to_timestamp
from uptake_service.api.enums import members, numbers
from uptake_service.api.messages.feedback import SENTIMENT_NUMBERS, TYPE_NUMBERS
from uptake_service.patterns.store import Pattern
from uptake_service.reviews.model import (
    Resolution,
    Review,
    ReviewAction,
    ReviewChange,
    ReviewFilter,
    ReviewOrder,
    ReviewPriority,
    ReviewState,
)
from uptake_service.reviews.subscriptions import Update
from uptake_service.rpc.errors import stream_end

_STATES = members(pb.ReviewState, "REVIEW_STATE_", ReviewState)
_PRIORITIES = members(pb.ReviewPriority, "REVIEW_PRIORITY_", ReviewPriority)
ORDERS = {int(pb.REVIEW_ORDER_UNSPECIFIED): ReviewOrder.NEWEST} | members(pb.ReviewOrder, "REVIEW_ORDER_", ReviewOrder)

STATE_NUMBERS = numbers(pb.ReviewState, "REVIEW_STATE_", ReviewState)
PRIORITY_NUMBERS = numbers(pb.ReviewPriority, "REVIEW_PRIORITY_", ReviewPriority)
ACTION_NUMBERS = numbers(pb.ReviewAction, "REVIEW_ACTION_", ReviewAction)


def to_filter(message: pb.ReviewFilter) -> ReviewFilter:
    return ReviewFilter(
        states=distinct_members(message.states, _STATES),
        priorities=distinct_members(message.priorities, _PRIORITIES),
        assignee=message.assignee,
        pattern_id=message.pattern_id,
    )


def to_message(review: Review, pattern: Pattern | None) -> pb.Review:
    message = pb.Review(
        id=review.id,
        state=STATE_NUMBERS[review.state],
        priority=PRIORITY_NUMBERS[review.examined.priority],
        suggested_action=review.examined.suggested_action,
        pattern=_pattern(review, pattern),
        trigger_feedback_id=review.trigger_feedback_id,
        negative_rate=review.examined.negative_rate if review.examined.related else None,
        sample_size=review.examined.sample_size,
        reopen_count=review.reopen_count,
        etag=review.etag,
        create_time=to_timestamp(review.create_time),
        update_time=to_timestamp(review.update_time),
        covered_pattern_ids=review.covers,
        evidence_votes=review.examined.evidence_votes,
        evidence_negatives=review.examined.evidence_negatives,
        baseline_rate=review.examined.baseline_rate if review.examined.evidence_votes else None,
        evidence_left_out=review.examined.evidence_left_out,
        baseline_left_out=review.examined.baseline_left_out,
    )
    # In place, and field by field, as lists have hundreds: less than half the time of messages that are copied in.
    for related in review.examined.related:
        added = message.related_feedback.add()
        added.feedback_id = related.feedback_id
        added.type = TYPE_NUMBERS[related.type]
        added.sentiment = SENTIMENT_NUMBERS[related.sentiment]
        added.score = related.score
        put_time(added.occur_time, related.occur_time)
    if review.claim is not None:
        message.assignee = review.claim.reviewer
        put_time(message.claim_expire_time, review.claim.expire_time)
    if review.resolution is not None:
        message.resolution.CopyFrom(_resolution(review.resolution))
    return message


def subscription_message(update: Update, now: datetime) -> pb.SubscribeReviewsResponse:
    response = pb.SubscribeReviewsResponse(resume_token=update.token)
    if update.seen is not None:
        response.review.CopyFrom(to_message(update.seen.review, update.seen.pattern))
    elif update.removed_id:
        response.removed_review_id = update.removed_id
    elif update.ending is not None:
        response.end.CopyFrom(stream_end(update.ending))
    else:
        response.checkpoint.CopyFrom(stream_pb2.Checkpoint(time=to_timestamp(now)))
    return response


def change_message(change: ReviewChange) -> pb.ReviewChange:
    return pb.ReviewChange(
        time=to_timestamp(change.time),
        action=ACTION_NUMBERS[change.action],
        actor=change.actor,
        note=change.note,
        key_id=change.key_id,
    )


def _pattern(review: Review, pattern: Pattern | None) -> pattern_pb2.Pattern:
    if pattern is None:
        return pattern_pb2.Pattern(id=review.pattern_id)
    return pattern_pb2.Pattern(
        id=pattern.id,
        representative_query=pattern.representative_query,
        feedback_count=pattern.total,
        negative_count=pattern.negative,
        create_time=to_timestamp(pattern.create_time),
    )


def _resolution(resolution: Resolution) -> pb.Resolution:
    return pb.Resolution(
        note=resolution.note,
        reviewer=resolution.reviewer,
        end_time=to_timestamp(resolution.end_time),
        fix_time=to_timestamp(resolution.fix.time if resolution.fix else None),
        correction_ids=resolution.correction_ids,
        merged_into_review_id=resolution.merged_into_review_id,
    )
