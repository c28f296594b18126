"""`uptake insights`: what the feedback means."""

from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text
from uptake import Client
from uptake.v1 import feedback_pb2, insight_pb2

from uptake_service.cli.corrections import target_of, verdict_name
from uptake_service.cli.issues import trend
from uptake_service.cli.tables import enum_name, one_line, over, sparkline

_ISSUES = 5
_CORRECTIONS = 5


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
    _show_issues(console, insights)
    _show_opportunities(console, insights)
    _show_measured(console, insights)
    if insights.user_corrections:
        console.print("\n  users corrected")
        for correction in insights.user_corrections[:_CORRECTIONS]:
            console.print(over(*_correction_lines(correction)))


def _type_count(count: insight_pb2.TypeCount, average_rating: float) -> str:
    # Without ratings their mean is 0, which would read as the worst.
    is_rated = count.type == feedback_pb2.FEEDBACK_TYPE_RATING and count.count
    average = f" (average {average_rating:.2f} of 1)" if is_rated else ""
    return f"{enum_name(feedback_pb2.FeedbackType.Name(count.type), 'FEEDBACK_TYPE_')} {count.count:,}{average}"


def _show_days(console: Console, insights: insight_pb2.Insights) -> None:
    for heading, values in (
        ("all", [day.total_feedback for day in insights.time_series]),
        ("negative", [day.negative_count for day in insights.time_series]),
    ):
        most = f"most {max(values, default=0):,}"
        # A long window is cut at its old end rather than wrapped.
        width = max(console.width - len(most) - 25, 10)
        console.print(f"  {heading + ' a day':<14}  {sparkline(values[-width:])}  {most}", highlight=False)


def _show_issues(console: Console, insights: insight_pb2.Insights) -> None:
    if not insights.common_issues:
        return
    console.print("\n  what users complain of")
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for issue in insights.common_issues[:_ISSUES]:
        table.add_row(
            f"{issue.frequency:,}",
            trend(issue),
            over(one_line(issue.title, 70), one_line(issue.representative.text, 90)),
        )
    console.print(table)
    if len(insights.common_issues) > _ISSUES:
        console.print("  and more: `uptake issues`")


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


def _show_measured(console: Console, insights: insight_pb2.Insights) -> None:
    if not insights.measured_corrections:
        return
    console.print("\n  whether corrections worked")
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for correction in insights.measured_corrections[:_CORRECTIONS]:
        table.add_row(
            verdict_name(correction.verdict),
            over(target_of(correction), one_line(correction.verdict.summary, 600)),
        )
    console.print(table)
    if len(insights.measured_corrections) > _CORRECTIONS:
        console.print("  and more: `uptake corrections`")


def _correction_lines(correction: insight_pb2.UserCorrection) -> tuple[str, str]:
    query = one_line(correction.query, 90)
    corrected = one_line(correction.correction.corrected, 100)
    return f"    {corrected}", f"      asked: {query}" if query else ""
