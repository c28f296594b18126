"""Comments of users that make issues, and the issues that a run finds in them."""

from collections.abc import Sequence

from uptake import Client, thumbs_down
from uptake.v1.issue_pb2 import Issue

from tests.processes import PATIENCE_SECONDS

_THINGS = ("invoice", "booking", "tracking", "label", "customs", "return", "address", "claim")
_MOODS = ("", "again: ", "sorry but ")
_ENDS = ("", ", please look", ", as so often", ", not good", ", why")

_PHRASES = {
    "link": "the link to the {} page is broken",
    "refund": "refund time limit wrong for my {} refund",
    "german": "answered in english, I asked in german about {}",
}
_ALL = [f"{mood}{{phrase}}{end}" for end in _ENDS for mood in _MOODS for _ in _THINGS]
EACH = 24

SAID = {
    kind: [text.format(phrase=phrase.format(_THINGS[place % len(_THINGS)])) for place, text in enumerate(_ALL)]
    for kind, phrase in _PHRASES.items()
}


async def complain(client: Client, *kinds: str, part: int = 0) -> list[str]:
    """Sends a fifth of the comments of these kinds (all by default); returns the feedback's ids."""
    sent = client.collect_many(
        thumbs_down(f"{kind}-{part}-{place}", comment=text, user_id=f"u{place}")
        for kind in kinds or SAID
        for place, text in enumerate(SAID[kind][part::5])
    )
    return [result.feedback.id async for result in sent]


async def run(client: Client) -> list[Issue]:
    """Makes a run; returns the issues, most frequent first."""
    return list((await client.insights.get(refresh_issues=True, timeout_seconds=2 * PATIENCE_SECONDS)).common_issues)


def about(issues: Sequence[Issue], word: str) -> Issue:
    found = [issue for issue in issues if word in issue.representative.text]
    assert len(found) == 1, [(issue.title, issue.representative.text) for issue in issues]
    return found[0]
