"""Histories of feedback of many shapes, and a simple model of what has to be read of them."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from uptake import comment, rating, thumbs_down, thumbs_up
from uptake.builders import About
from uptake.v1 import feedback_pb2 as pb

_QUESTIONS = ("Where is my invoice?", "How do I reset my password?", "Can I change my plan?", "Do you ship to Norway?")
_THINGS = ["invoice", "password", "plan", "parcel", "refund", "account", "email", "language", "login", "report"]
_TENSE = ["broken", "slow", "late", "lost", "wrong", "missing", "double", "empty", "locked", "hidden"]


@dataclass(frozen=True)
class Row:
    """One piece of feedback, and the project that it is sent to."""

    project: str
    feedback: pb.Feedback


@dataclass(frozen=True)
class Shape:
    """How a history lies in time, in patterns and in projects; `rows` makes so many rows of it."""

    name: str
    rows: Callable[[random.Random, int], Iterator[Row]]


def _row(rng: random.Random, place: int, time: datetime, *, project: str = "default", query: str = "") -> Row:
    about: About = {
        "query": query or rng.choice(_QUESTIONS),
        "user_id": f"u{place % 97}",
        "model": rng.choice(["", "a", "b"]),
        "source": rng.choice(["web", "app"]),
        "occur_time": time,
    }
    makers: list[Callable[..., pb.Feedback]] = [thumbs_up, thumbs_up, thumbs_down, rating, comment]
    make = rng.choice(makers)
    name = f"{project}-{place}"
    if make is rating:
        return Row(project, rating(name, rng.randint(1, 5), **about))
    if make is comment:
        return Row(project, comment(name, f"words {place}", **about))
    return Row(project, make(name, **about))


def _over_ten_years(rng: random.Random, number: int) -> Iterator[Row]:
    now = datetime.now(UTC)
    for place in range(number):
        yield _row(rng, place, now - timedelta(seconds=rng.randrange(10 * 365 * 86_400)))


def _at_one_instant(rng: random.Random, number: int) -> Iterator[Row]:
    time = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    for place in range(number):
        yield _row(rng, place, time)


def _one_hot_vote(rng: random.Random, number: int) -> Iterator[Row]:
    """One user says one vote again and again, every time later; half of all rows, among others."""
    start = datetime.now(UTC) - timedelta(hours=number / 60)
    for place in range(number):
        time = start + timedelta(minutes=place)
        if place % 2:
            yield _row(rng, place, time)
        else:
            said = rng.choice([thumbs_up, thumbs_down])
            yield Row("default", said("hot", query=_QUESTIONS[0], user_id="bot", occur_time=time))


def _many_patterns(rng: random.Random, number: int) -> Iterator[Row]:
    """Each of its own question: numbers keep unlike texts apart by their letters."""
    now = datetime.now(UTC)
    for place in range(number):
        query = f"{rng.choice(_THINGS)} {rng.getrandbits(64):x} {rng.choice(_TENSE)} {rng.getrandbits(64):x}?"
        yield _row(rng, place, now - timedelta(minutes=rng.randrange(60 * 24 * 20)), query=query)


def _many_projects(rng: random.Random, number: int) -> Iterator[Row]:
    now = datetime.now(UTC)
    for place in range(number):
        yield _row(rng, place, now - timedelta(minutes=rng.randrange(60 * 24)), project=f"p{place % (number // 3)}")


def _clocks_apart(rng: random.Random, number: int) -> Iterator[Row]:
    """Clocks are ahead by less than is refused, or behind by up to the year 2002."""
    now = datetime.now(UTC)
    for place in range(number):
        behind = timedelta(days=rng.choice([0, 1, 400, 9_000]) * rng.random())
        yield _row(rng, place, now - behind + timedelta(seconds=rng.choice([0, 0, 100])))


SHAPES = (
    Shape("over ten years", _over_ten_years),
    Shape("at one instant", _at_one_instant),
    Shape("one hot vote", _one_hot_vote),
    Shape("many patterns", _many_patterns),
    Shape("many projects", _many_projects),
    Shape("clocks apart", _clocks_apart),
)


class Model:
    """What has to be stored: of each project its pieces, a user's one vote being the newest of it."""

    def __init__(self) -> None:
        self.pieces: dict[str, dict[tuple[str, str], pb.Feedback]] = {}

    def add(self, row: Row) -> None:
        feedback = row.feedback
        key = (feedback.interaction.id, "" if feedback.type == pb.FEEDBACK_TYPE_COMMENT else feedback.user_id)
        self.pieces.setdefault(row.project, {})[key] = feedback

    def by_day(self, project: str) -> Counter[tuple[datetime, str]]:
        """How many pieces there are each day, and how many of them are positive and negative."""
        counted: Counter[tuple[datetime, str]] = Counter()
        for piece in self.pieces.get(project, {}).values():
            time = piece.occur_time.ToDatetime(UTC)
            day = time.replace(hour=0, minute=0, second=0, microsecond=0)
            counted[day, "total"] += 1
            if (sentiment := _sentiment(piece)) is not None:
                counted[day, sentiment] += 1
        return counted


def _sentiment(piece: pb.Feedback) -> str | None:
    if piece.type == pb.FEEDBACK_TYPE_RATING:
        return "positive" if piece.rating.score >= 4 else "negative" if piece.rating.score <= 2 else None
    return {pb.FEEDBACK_TYPE_THUMBS_UP: "positive", pb.FEEDBACK_TYPE_THUMBS_DOWN: "negative"}.get(piece.type)
