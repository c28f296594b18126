"""`--watch`: the numbers, events and reviews as they change, until Ctrl-C.

On a terminal one view is drawn again and again; elsewhere each change is a line.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text
from uptake import Client
from uptake.v1 import insight_pb2, review_pb2

from uptake_service.cli.events import event_line
from uptake_service.cli.reviews import review_state, reviews_table, states_filter
from uptake_service.cli.tables import one_line

_LINES_AROUND = 6


async def watch_insights(client: Client, console: Console) -> None:
    """Shows the numbers of the last 30 days and the newest events."""
    events: deque[str] = deque(maxlen=max(console.height - _LINES_AROUND, 5))
    metrics = insight_pb2.Metrics()
    with _screen(console) as show:
        async with client.insights.subscribe() as updates:
            async for update in updates:
                match update.WhichOneof("update"):
                    case "snapshot":
                        metrics = update.snapshot.metrics
                        line = _numbers(metrics)
                    case "metrics":
                        metrics = update.metrics
                        line = _numbers(metrics)
                    case "event":
                        line = event_line(update.event)
                        events.append(line)
                    case _:
                        continue
                show(line, Group(Text(_numbers(metrics), style="bold"), "", *map(Text, events)))


async def watch_reviews(client: Client, console: Console, *, states: Sequence[str]) -> None:
    """Shows the reviews in these states, the most urgent first."""
    reviews: dict[str, review_pb2.Review] = {}
    with _screen(console) as show:
        async with client.reviews.subscribe(filter=states_filter(states)) as updates:
            async for update in updates:
                match update.WhichOneof("update"):
                    case "review":
                        reviews[update.review.id] = update.review
                        line = _review(update.review)
                    case "removed_review_id":
                        reviews.pop(update.removed_review_id, None)
                        line = f"{update.removed_review_id}  no longer {' or '.join(states)}"
                    case _:
                        continue
                urgent = sorted(reviews.values(), key=_urgency, reverse=True)
                shown = urgent[: max((console.height - _LINES_AROUND) // 2, 5)]
                heading = Text(f"{len(reviews):,} {' or '.join(states)}", style="bold")
                show(line, Group(heading, reviews_table(shown)))


@contextlib.contextmanager
def _screen(console: Console) -> Iterator[Callable[[str, RenderableType], None]]:
    """Yields what shows a change: as a line, or by drawing the whole anew."""
    if not console.is_terminal:
        yield lambda line, whole: console.print(Text(line), soft_wrap=True)
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        yield lambda line, whole: live.update(whole, refresh=True)


def _numbers(metrics: insight_pb2.Metrics) -> str:
    return (
        f"{metrics.total_feedback:,} pieces of feedback in 30 days: {metrics.positive_rate:.1%} positive, "
        f"{metrics.negative_rate:.1%} negative"
    )


def _review(review: review_pb2.Review) -> str:
    state = review_state(review, datetime.now(UTC))
    negative = f"{review.negative_rate:.0%} of {review.sample_size}"
    return f"{review.id}  {state}, negative {negative}: {one_line(review.pattern.representative_query, 60)}"


def _urgency(review: review_pb2.Review) -> tuple[int, float, int, str]:
    return (review.priority, review.negative_rate, review.create_time.ToMilliseconds(), review.id)
