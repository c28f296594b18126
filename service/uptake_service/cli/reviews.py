"""`uptake reviews`: what needs a person."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text
from uptake import Client
from uptake.v1 import review_pb2

from uptake_service.api.enums import numbers
from uptake_service.cli.listings import first_of
from uptake_service.cli.tables import age, enum_name, one_line, over, two_line_table
from uptake_service.reviews.model import ReviewState

_STATES = numbers(review_pb2.ReviewState, "REVIEW_STATE_", ReviewState)


async def show_reviews(client: Client, console: Console, *, states: Sequence[str], order: str, limit: int) -> None:
    """Prints reviews in these states (lower case; none means all), "urgent" or "newest" first."""
    listing = client.reviews.list(
        filter=states_filter(states),
        order=review_pb2.REVIEW_ORDER_MOST_URGENT if order == "urgent" else review_pb2.REVIEW_ORDER_NEWEST,
        page_size=limit,
    )
    reviews, has_more = await first_of(listing, limit)
    if not reviews:
        which = f"no review is {' or '.join(states)}" if states else "there are no reviews"
        console.print(f"  {which}: nothing turned bad, or there is too little feedback")
        console.print("  `uptake insights` shows what came in, `--state resolved` what was fixed")
        return
    console.print(reviews_table(reviews))
    if has_more:
        console.print("  and more: raise --limit")


def reviews_table(reviews: Iterable[review_pb2.Review]) -> Table:
    table = two_line_table("review, state", "priority, age", "negative", wide="pattern, what to do")
    now = datetime.now(UTC)
    for review in reviews:
        table.add_row(
            over(review.id, review_state(review, now)),
            over(
                enum_name(review_pb2.ReviewPriority.Name(review.priority), "REVIEW_PRIORITY_"),
                age(now - review.create_time.ToDatetime(UTC)),
            ),
            Text(f"{review.negative_rate:.0%} of {review.sample_size}"),
            over(one_line(review.pattern.representative_query, 60), one_line(review.suggested_action, 80)),
        )
    return table


def review_state(review: review_pb2.Review, now: datetime) -> str:
    """Where a review stands; of a claimed one also who has it, and for how long the claim holds."""
    state = enum_name(review_pb2.ReviewState.Name(review.state), "REVIEW_STATE_")
    if not review.assignee:
        return state
    left = age(review.claim_expire_time.ToDatetime(UTC) - now)
    return f"{state} by {one_line(review.assignee, 12)}, {left} left"


def states_filter(states: Sequence[str]) -> review_pb2.ReviewFilter:
    """Reviews in these states (lower case; none means all)."""
    return review_pb2.ReviewFilter(states=[_STATES[ReviewState(state.upper())] for state in states])
