"""`uptake issues`: what users complain of."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.text import Text
from uptake import Client
from uptake.v1 import issue_pb2

from uptake_service.api.enums import numbers
from uptake_service.cli.listings import first_of
from uptake_service.cli.tables import enum_name, one_line, over, sparkline, two_line_table
from uptake_service.issues.model import IssueState

_STATES = numbers(issue_pb2.IssueState, "ISSUE_STATE_", IssueState)
_REFRESH_SECONDS = 600.0


async def show_issues(
    client: Client, console: Console, *, states: Sequence[str], days: int, limit: int, refresh: bool
) -> None:
    """Prints the issues of the last `days` days in these states (lower case; none means all but ignored)."""
    if refresh:
        with console.status("looking for issues"):
            await client.insights.get(refresh_issues=True, timeout_seconds=_REFRESH_SECONDS)
    listing = client.issues.list(
        filter=issue_pb2.IssueFilter(states=[_STATES[IssueState(state.upper())] for state in states]),
        start=datetime.now(UTC) - timedelta(days=days),
        page_size=limit,
    )
    issues, has_more = await first_of(listing, limit)
    if not issues:
        which = f"no issue is {' or '.join(states)}" if states else "there are no issues"
        console.print(f"  {which}: too little negative feedback, or nothing looked for issues yet")
        console.print("  `--refresh` looks now, `--days` looks further back")
        return
    table = two_line_table("issue, state", "feedback, trend", wide="in users' words")
    for issue in issues:
        table.add_row(
            over(issue.id, _state(issue)),
            over(f"{issue.frequency:,}", trend(issue)),
            over(one_line(issue.title, 70), one_line(issue.representative.text, 110)),
        )
    console.print(table)
    if has_more:
        console.print("  and more: raise --limit")


async def show_issue(client: Client, console: Console, id: str) -> None:
    """Prints one issue with its days, keywords and samples."""
    found = await client.issues.get(id)
    issue, daily = found.issue, [day.frequency for day in found.daily_frequencies]
    console.print(Text(f"  {one_line(issue.title, 100)}", style="bold"))
    console.print(f"  {_state(issue)}, {issue.frequency:,} in 30 days, {trend(issue)}", highlight=False)
    console.print(f"  {sparkline(daily)}  most {max(daily, default=0):,} a day", highlight=False)
    console.print(Text(f"  words: {', '.join(one_line(word, 40) for word in issue.keywords)}"))
    comments = [issue.representative] if issue.HasField("representative") else []
    seen = {comment.feedback_id for comment in comments}
    comments += [comment for comment in issue.sample_comments if comment.feedback_id not in seen]
    for comment in comments:
        console.print(Text.assemble(f"    {one_line(comment.text, 200)}  ", (comment.feedback_id, "dim")))


def trend(issue: issue_pb2.Issue) -> str:
    """How the newer half of a window compares with the older one: "steady", "+20%", "x3" from twice on."""
    if issue.trend and issue.trend == issue.frequency:
        return "all of late"
    if abs(issue.trend) < 0.05:
        return "steady"
    return f"{issue.trend:+.0%}" if issue.trend < 1 else f"x{issue.trend + 1:.0f}"


def _state(issue: issue_pb2.Issue) -> str:
    return enum_name(issue_pb2.IssueState.Name(issue.state), "ISSUE_STATE_")
