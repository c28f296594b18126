"""`uptake reviews`, `uptake insights` and `uptake corrections`: readable tables."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text
from uptake import Client
from uptake.v1 import correction_pb2, feedback_pb2, insight_pb2, review_pb2

from uptake_service.corrections.model import CorrectionState
from uptake_service.reviews.model import ReviewState
from uptake_service.rpc.enums import numbers

_BARS = " ▁▂▃▄▅▆▇█"
_STATES = numbers(review_pb2.ReviewState, "REVIEW_STATE_", ReviewState)
_CORRECTION_STATES = numbers(correction_pb2.CorrectionState, "CORRECTION_STATE_", CorrectionState)


async def show_reviews(client: Client, console: Console, *, states: Sequence[str], order: str, limit: int) -> None:
    """Prints reviews in these states (lower case; none means all), "urgent" or "newest" first."""
    listing = client.reviews.list(
        filter=review_pb2.ReviewFilter(states=[_STATES[ReviewState(state.upper())] for state in states]),
        order=review_pb2.REVIEW_ORDER_MOST_URGENT if order == "urgent" else review_pb2.REVIEW_ORDER_NEWEST,
        page_size=limit,
    )
    page = await listing.page("")
    if not page.reviews:
        which = f"no review is {' or '.join(states)}" if states else "there are no reviews"
        console.print(f"  {which}: nothing turned bad, or there is too little feedback")
        console.print("  `uptake insights` shows what came in, `--state resolved` what was fixed")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    # Two facts a column, so that a line of 80 characters has room for the pattern.
    for heading in ("review, state", "priority, age", "negative"):
        table.add_column(heading, no_wrap=True)
    table.add_column("pattern, what to do", min_width=24)
    now = datetime.now(UTC)
    for review in page.reviews:
        state = _name(review_pb2.ReviewState.Name(review.state), "REVIEW_STATE_")
        by = f" by {one_line(review.assignee, 12)}" if review.assignee else ""
        table.add_row(
            _over(review.id, state + by),
            _over(
                _name(review_pb2.ReviewPriority.Name(review.priority), "REVIEW_PRIORITY_"),
                _age(now - review.create_time.ToDatetime(UTC)),
            ),
            Text(f"{review.negative_rate:.0%} of {review.sample_size}"),
            _over(one_line(review.pattern.representative_query, 60), one_line(review.suggested_action, 80)),
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
        console.print(f"  no feedback in the last {days} days: send some with `uptake import FILE` or a client,")
        console.print("  or look further back with `--days`")
        return
    console.print(
        f"  {metrics.total_feedback:,} pieces of feedback: {metrics.positive_rate:.1%} positive, "
        f"{metrics.negative_rate:.1%} negative"
    )
    types = (_type_count(count, metrics.average_rating) for count in metrics.type_counts)
    waiting = "1 review waits" if insights.active_review_count == 1 else f"{insights.active_review_count} reviews wait"
    console.print(f"  {', '.join(types)}; {waiting}")
    _show_days(console, insights)
    _show_opportunities(console, insights)
    if insights.user_corrections:
        console.print("\n  users corrected")
        for correction in insights.user_corrections[:5]:
            console.print(_over(*_correction_lines(correction)))


async def show_corrections(client: Client, console: Console, *, states: Sequence[str], limit: int) -> None:
    """Prints corrections in these states (lower case; none means all), newest first."""
    listing = client.corrections.list(
        filter=correction_pb2.CorrectionFilter(
            states=[_CORRECTION_STATES[CorrectionState(state.upper())] for state in states]
        ),
        page_size=limit,
    )
    corrections: list[correction_pb2.Correction] = []
    async for correction in listing:
        corrections.append(correction)
        if len(corrections) > limit:
            break
    if not corrections:
        which = f"no correction is {' or '.join(states)}" if states else "there are no corrections"
        console.print(f"  {which}: `uptake apply FILE` applies some")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("correction, state", "reviewer, age"):
        table.add_column(heading, no_wrap=True)
    table.add_column("target, verdict", min_width=24)
    now = datetime.now(UTC)
    for correction in corrections[:limit]:
        state = _name(correction_pb2.CorrectionState.Name(correction.state), "CORRECTION_STATE_")
        verdict = _name(correction_pb2.Verdict.Name(correction.verdict.verdict), "VERDICT_")
        table.add_row(
            _over(correction.id, state),
            _over(one_line(correction.reviewer, 16), _age(now - correction.create_time.ToDatetime(UTC))),
            _over(
                f"{target_of(correction)}  revision {correction.revision}",
                f"{verdict}: {one_line(correction.verdict.summary, 200)}",
            ),
        )
    console.print(table)
    if len(corrections) > limit:
        console.print("  and more: raise --limit")


def target_of(correction: correction_pb2.Correction) -> str:
    """What a correction changed, on one line: "knowledge KEY" or "instructions NAME"."""
    knowledge = correction.kind == feedback_pb2.CORRECTION_KIND_KNOWLEDGE
    return f"{'knowledge' if knowledge else 'instructions'} {one_line(correction.target, 60)}"


def one_line(text: str, longest: int) -> str:
    """Users' words on one line, without what could steer a terminal."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def _type_count(count: insight_pb2.TypeCount, average_rating: float) -> str:
    # Without ratings their mean is 0, which would read as the worst.
    is_rated = count.type == feedback_pb2.FEEDBACK_TYPE_RATING and count.count
    average = f" (average {average_rating:.2f} of 1)" if is_rated else ""
    return f"{_name(feedback_pb2.FeedbackType.Name(count.type), 'FEEDBACK_TYPE_')} {count.count:,}{average}"


def _show_days(console: Console, insights: insight_pb2.Insights) -> None:
    for heading, values in (
        ("all", [day.total_feedback for day in insights.time_series]),
        ("negative", [day.negative_count for day in insights.time_series]),
    ):
        most = f"most {max(values, default=0):,}"
        # A long window is cut at its old end rather than wrapped.
        width = max(console.width - len(most) - 25, 10)
        console.print(f"  {heading + ' a day':<14}  {_sparkline(values[-width:])}  {most}", highlight=False)


def _show_opportunities(console: Console, insights: insight_pb2.Insights) -> None:
    if not insights.improvement_opportunities:
        return
    console.print("\n  what to improve, by the negative feedback that it would remove")
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for opportunity in insights.improvement_opportunities:
        table.add_row(
            f"{opportunity.negative_count:,} of {opportunity.total_feedback:,}",
            f"{opportunity.negative_share:.0%} of all",
            Text(one_line(opportunity.title, 70)),
        )
    console.print(table)


def _correction_lines(correction: insight_pb2.UserCorrection) -> tuple[str, str]:
    query = one_line(correction.query, 90)
    corrected = one_line(correction.correction.corrected, 100)
    return f"    {corrected}", f"      asked: {query}" if query else ""


def _over(first: str, second: str) -> Text:
    """Two lines; as Text, since users' words in brackets are not rich's markup."""
    return Text.assemble(first, "\n", (second, "dim")) if second else Text(first)


def _age(age: timedelta) -> str:
    minutes = max(int(age.total_seconds() // 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def _sparkline(values: Sequence[int]) -> str:
    most = max(values, default=0)
    return "".join(_BARS[-(-value * (len(_BARS) - 1) // most)] if most else _BARS[0] for value in values)


def _name(full: str, prefix: str) -> str:
    return full.removeprefix(prefix).lower().replace("_", " ")
