"""`uptake reviews` and `uptake insights`: readable tables."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text
from uptake import Client
from uptake.v1 import feedback_pb2, insight_pb2, review_pb2

from uptake_service.reviews.model import ReviewState
from uptake_service.rpc.enums import numbers

_BARS = " ▁▂▃▄▅▆▇█"
_STATES = numbers(review_pb2.ReviewState, "REVIEW_STATE_", ReviewState)


async def show_reviews(client: Client, console: Console, *, states: Sequence[str], order: str, limit: int) -> None:
    """Prints reviews in these states (lower case), "urgent" or "newest" first."""
    listing = client.reviews.list(
        filter=review_pb2.ReviewFilter(states=[_STATES[ReviewState(state.upper())] for state in states]),
        order=review_pb2.REVIEW_ORDER_MOST_URGENT if order == "urgent" else review_pb2.REVIEW_ORDER_NEWEST,
        page_size=limit,
    )
    page = await listing.page("")
    if not page.reviews:
        console.print(f"  no reviews are {' or '.join(states)}: no pattern is bad, or not enough feedback came in yet")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("review", "state", "priority", "negative"):
        table.add_column(heading, no_wrap=True)
    table.add_column("pattern, and what to do", min_width=24)
    for review in page.reviews:
        table.add_row(
            review.id,
            _name(review_pb2.ReviewState.Name(review.state), "REVIEW_STATE_")
            + (f" by {_clean(review.assignee, 20)}" if review.assignee else ""),
            _name(review_pb2.ReviewPriority.Name(review.priority), "REVIEW_PRIORITY_"),
            f"{review.negative_rate:.0%} of {review.sample_size}",
            Text.assemble(_clean(review.pattern.representative_query, 60), "\n", (review.suggested_action, "dim")),
        )
    console.print(table)
    if page.next_page_token:
        console.print("  and more: raise --limit")


async def show_insights(client: Client, console: Console, *, days: int) -> None:
    """Prints the insights of the last `days` days."""
    start = datetime.now(UTC) - timedelta(days=days)
    insights = await client.insights.get(start=start)
    metrics = insights.metrics
    if not metrics.total_feedback:
        console.print("  no feedback in this window yet: send some, or try `uptake import FILE`")
        return
    console.print(
        f"  {metrics.total_feedback:,} pieces of feedback: {metrics.positive_rate:.1%} positive, "
        f"{metrics.negative_rate:.1%} negative, average rating {metrics.average_rating:.2f} of 1"
    )
    counts = (
        f"{_name(feedback_pb2.FeedbackType.Name(count.type), 'FEEDBACK_TYPE_')} {count.count:,}"
        for count in metrics.type_counts
    )
    console.print(f"  {', '.join(counts)}; {insights.active_review_count} reviews wait")
    console.print(f"  negative a day  {_sparkline([day.negative_count for day in insights.time_series])}")
    _show_opportunities(console, insights)
    if insights.user_corrections:
        console.print("\n  users corrected")
        for correction in insights.user_corrections[:5]:
            console.print(Text(f"    {_clean(correction.correction.corrected, 100)}"))


def _show_opportunities(console: Console, insights: insight_pb2.Insights) -> None:
    if not insights.improvement_opportunities:
        return
    console.print("\n  what to improve, by the negative feedback that it would remove")
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for opportunity in insights.improvement_opportunities:
        table.add_row(
            f"{opportunity.negative_count:,} of {opportunity.total_feedback:,}",
            f"{opportunity.negative_share:.0%} of all",
            Text(_clean(opportunity.title, 70)),
        )
    console.print(table)


def _sparkline(values: Sequence[int]) -> str:
    most = max(values, default=0)
    return "".join(_BARS[-(-value * (len(_BARS) - 1) // most)] if most else _BARS[0] for value in values)


def _name(full: str, prefix: str) -> str:
    return full.removeprefix(prefix).lower().replace("_", " ")


def _clean(text: str, longest: int) -> str:
    """Users' words on one line, without what could steer a terminal."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
