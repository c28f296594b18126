"""`uptake issues` and the issues in `uptake insights`, as a person reads them."""

from datetime import UTC, datetime, timedelta

from rich.console import Console
from uptake import Client, thumbs_down
from uptake.v1.issue_pb2 import ISSUE_STATE_IGNORED, Issue
from uptake_service.cli.insights import show_insights
from uptake_service.cli.issues import show_issue, show_issues, trend

from tests.issues import about, complain, run


async def listed(client: Client, *states: str, limit: int = 20, refresh: bool = False) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        await show_issues(client, console, states=states, days=30, limit=limit, refresh=refresh)
    return capture.get()


async def test_issues_are_listed_most_frequent_first(client: Client) -> None:
    assert "there are no issues" in await listed(client)
    await complain(client)
    await complain(client, "german", part=1)

    shown = await listed(client, refresh=True)

    issues = [issue async for issue in client.issues.list()]
    assert len(issues) == 3
    places = [shown.index(issue.id) for issue in issues]
    assert places == sorted(places)
    for issue in issues:
        assert issue.title in shown
        assert issue.representative.text in shown
        assert f" {issue.frequency} " in shown

    most = await listed(client, limit=1)
    assert issues[0].id in most
    assert issues[1].id not in most
    assert "raise --limit" in most


async def test_ignored_issues_are_listed_when_asked_for(client: Client) -> None:
    await complain(client)
    link = about(await run(client), "link")
    await client.issues.update(link.id, state=ISSUE_STATE_IGNORED)

    assert link.id not in await listed(client)
    assert link.id in await listed(client, "ignored", "resolved")
    assert "no issue is resolved or regressed" in await listed(client, "resolved", "regressed")


async def test_one_issue_is_shown_with_its_words_and_days(client: Client) -> None:
    await complain(client)
    link = about(await run(client), "link")
    console = Console(width=200)

    with console.capture() as capture:
        await show_issue(client, console, link.id)

    shown = capture.get()
    for words in (link.title, *link.keywords, *(comment.text for comment in link.sample_comments)):
        assert words in shown
    assert f"most {link.frequency} a day" in shown


async def test_insights_show_issues_and_users_words_steer_no_terminal(client: Client) -> None:
    earlier = datetime.now(UTC) - timedelta(days=1)
    sent = client.collect_many(
        thumbs_down(f"i{number}", comment=f"[bold]\x1b[31mred[/bold] the label is wrong {number}", occur_time=earlier)
        for number in range(30)
    )
    assert [result.HasField("feedback") async for result in sent] == [True] * 30
    (issue,) = await run(client)
    console = Console(width=120, force_terminal=True, color_system=None)

    with console.capture() as capture:
        await show_insights(client, console, days=30)

    shown = capture.get()
    assert issue.title in shown
    assert "[bold] [31mred[/bold] the label is wrong" in shown
    assert "\x1b[31m" not in shown


def test_trends_in_words() -> None:
    trends = {0.0: "steady", 0.04: "steady", 0.2: "+20%", -0.5: "-50%", -1.0: "-100%", 1.0: "x2", 14.2: "x15"}
    assert {value: trend(Issue(frequency=100, trend=value)) for value in trends} == trends
    assert trend(Issue(frequency=100, trend=100)) == "all of late"
