"""Which opportunities there are, and in what order."""

from datetime import UTC, datetime

from uptake_service.insights.opportunities import Candidate, rank
from uptake_service.issues.model import Issue, IssueState, PatternCount
from uptake_service.issues.view import SeenIssue

_NOW = datetime(2026, 3, 1, tzinfo=UTC)


def seen(id: str, frequency: int, patterns: dict[str, int], state: IssueState = IssueState.ONGOING) -> SeenIssue:
    issue = Issue(
        id=id,
        project="default",
        found_title=id,
        centroid=b"",
        radius=1.0,
        state=state,
        frequency=sum(patterns.values()),
        first_seen_time=_NOW,
        last_seen_time=_NOW,
        patterns=tuple(PatternCount(pattern_id=pattern, count=count) for pattern, count in patterns.items()),
        create_time=_NOW,
        update_time=_NOW,
    )
    return SeenIssue(issue=issue, frequency=frequency, trend=0.0, last_seen_time=_NOW, days=(_NOW,), daily=(frequency,))


def named(candidates: list[Candidate]) -> list[tuple[str, str, int, int]]:
    return [
        (each.pattern_id, each.issue.issue.id if each.issue else "", each.negative, each.total) for each in candidates
    ]


def test_the_one_that_removes_most_comes_first_and_without_negative_feedback_none() -> None:
    patterns = {
        "few": {"negative": 2, "total": 40},
        "most": {"negative": 9, "total": 10},
        "good": {"positive": 7, "total": 7},
    }
    assert named(rank(patterns, [seen("spread", 5, {"a": 2, "b": 2, "c": 1})])) == [
        ("most", "", 9, 10),
        ("", "spread", 5, 5),
        ("few", "", 2, 40),
    ]


def test_an_issue_that_is_what_is_wrong_with_a_pattern_is_one_with_it() -> None:
    assert named(rank({"p": {"negative": 10, "total": 30}}, [seen("i", 12, {"p": 8, "q": 4})])) == [("p", "i", 12, 30)]


def test_an_issue_that_is_a_small_part_of_a_pattern_stands_for_itself() -> None:
    found = named(rank({"p": {"negative": 100, "total": 300}}, [seen("i", 8, {"p": 8})]))
    assert found == [("p", "", 100, 300), ("", "i", 8, 8)]


def test_a_pattern_that_is_a_small_part_of_an_issue_stands_for_itself() -> None:
    found = named(rank({"p": {"negative": 3, "total": 4}}, [seen("i", 40, {"p": 3, "q": 3, "r": 2})]))
    assert [each[:2] for each in found] == [("", "i"), ("p", "")]


def test_a_pattern_is_one_with_one_issue_alone() -> None:
    issues = [seen("first", 6, {"p": 6}), seen("second", 6, {"p": 6})]
    assert named(rank({"p": {"negative": 12, "total": 12}}, issues)) == [("p", "first", 12, 12), ("", "second", 6, 6)]


def test_what_people_fixed_or_ignored_is_no_opportunity() -> None:
    issues = [seen("done", 9, {}, IssueState.RESOLVED), seen("whatever", 9, {}, IssueState.IGNORED)]
    assert rank({}, [*issues, seen("back", 1, {}, IssueState.REGRESSED)])[0].negative == 1
    assert rank({}, issues) == []


def test_at_equal_numbers_the_order_stays() -> None:
    patterns = {id: {"negative": 3, "total": 5} for id in "cab"} | {"worse": {"negative": 3, "total": 3}}
    assert [each.pattern_id for each in rank(patterns, [])] == ["worse", "a", "b", "c"]
