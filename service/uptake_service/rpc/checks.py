"""Checks of request fields: each names what is wrong, and all of it is told at once."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.message import Message

from uptake_service.auth.caller import caller
from uptake_service.clock import cut
from uptake_service.errors import DomainError, InvalidRequest, Reason, Violation
from uptake_service.projects.model import DEFAULT_PROJECT
from uptake_service.tokens import make_token, read_token

ID_LENGTH = 256
QUERY_LENGTH = 10_000
TEXT_LENGTH = 50_000
REQUEST_ID_LENGTH = 128
MAP_SIZE = 64
MAP_KEY_LENGTH = 63
MAP_VALUE_LENGTH = 256
DEFAULT_PAGE = 50
LARGEST_PAGE = 1000

_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Checks:
    """Gathers violations while a request is read. The methods return what the field means."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def fail(self, field: str, description: str) -> None:
        self.violations.append(Violation(field, description))

    def take(self, field: str, violations: Sequence[Violation]) -> None:
        """Adds what was found wrong with a part of the request, whose path is `field`."""
        self.violations += [Violation(f"{field}.{each.field}", each.description) for each in violations]

    def done(self) -> None:
        """Raises InvalidRequest if anything was wrong."""
        if self.violations:
            raise InvalidRequest(self.violations)

    def project(self, value: str, field: str = "project") -> str:
        """The project of a call.

        Raises:
            DomainError: The caller's key is for others; told before anything else is.
        """
        project = value or DEFAULT_PROJECT
        key = caller().key
        if key is not None and not key.is_for(project):
            raise DomainError(Reason.ERROR_REASON_PERMISSION_DENIED, "this key is not for that project")
        if _PROJECT.fullmatch(project) is None:
            self.fail(field, "must match [a-z0-9][a-z0-9-]{0,62}")
        return project

    def text(self, field: str, value: str, longest: int, *, required: bool = False) -> str:
        if required and not value:
            self.fail(field, "is required")
        if len(value) > longest:
            self.fail(field, f"has {len(value):,} characters; at most {longest:,} are allowed")
        return value

    def mapping(self, field: str, value: Mapping[str, str], most: int = MAP_SIZE) -> dict[str, str]:
        if len(value) > most:
            self.fail(field, f"has {len(value):,} entries; at most {most} are allowed")
            return {}
        for key, text in value.items():
            if not 1 <= len(key) <= MAP_KEY_LENGTH:
                self.fail(field, f"keys must have 1 to {MAP_KEY_LENGTH} characters; one has {len(key):,}")
            if len(text) > MAP_VALUE_LENGTH:
                self.fail(
                    f"{field}[{key[:MAP_KEY_LENGTH]}]",
                    f"has {len(text):,} characters; at most {MAP_VALUE_LENGTH}",
                )
        return dict(value)

    def time(self, field: str, message: Message, name: str) -> datetime | None:
        """The timestamp in `message.name`; None if it is unset."""
        if not message.HasField(name):
            return None
        timestamp: timestamp_pb2.Timestamp = getattr(message, name)
        if not 0 <= timestamp.nanos < 1_000_000_000:
            self.fail(field, "nanos must be 0 to 999,999,999")
            return None
        try:
            return cut(timestamp.ToDatetime(tzinfo=UTC))
        except (ValueError, OverflowError):
            self.fail(field, "is no time between the years 1 and 9999")
            return None

    def duration(
        self,
        field: str,
        message: Message,
        name: str,
        *,
        least: timedelta,
        most: timedelta,
        default: timedelta,
    ) -> timedelta:
        """The duration in `message.name`; `default` if it is unset."""
        if not message.HasField(name):
            return default
        duration: duration_pb2.Duration = getattr(message, name)
        try:
            value = duration.ToTimedelta()
        except (ValueError, OverflowError):
            value = timedelta(-1)
        if not least <= value <= most:
            self.fail(field, f"must be {_spoken(least)} to {_spoken(most)}")
            return default
        return value

    def checkpoint_interval(self, request: Message) -> timedelta:
        """How often a stream says that nothing happened."""
        return self.duration(
            "checkpoint_interval",
            request,
            "checkpoint_interval",
            least=timedelta(seconds=1),
            most=timedelta(minutes=5),
            default=timedelta(seconds=10),
        )

    def page_size(self, field: str, value: int, *, default: int = DEFAULT_PAGE, most: int = LARGEST_PAGE) -> int:
        if value < 0:
            self.fail(field, "must not be negative")
        return min(value, most) or default


def to_timestamp(time: datetime | None) -> timestamp_pb2.Timestamp | None:
    if time is None:
        return None
    message = timestamp_pb2.Timestamp()
    put_time(message, time)
    return message


def put_time(message: timestamp_pb2.Timestamp, time: datetime) -> None:
    """Sets a timestamp by hand: a third of the time that FromDatetime takes, and every answer has several."""
    since = time - _EPOCH
    message.seconds, message.nanos = since.days * 86_400 + since.seconds, since.microseconds * 1000


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _spoken(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} seconds"


class PageToken:
    """Makes and reads page tokens. A token holds where the page ended, bound to the query that it was made for."""

    def __init__(self, method: str, *query: Message | str) -> None:
        self._query = method.encode()
        for part in query:
            raw = part.encode() if isinstance(part, str) else part.SerializeToString(deterministic=True)
            self._query += len(raw).to_bytes(8, "big") + raw

    def make(self, last: Sequence[Any]) -> str:
        """The token of the page after the item with these sort values."""
        return make_token(self._query, [_plain(value) for value in last])

    def read(self, token: str) -> list[Any] | None:
        """The sort values in a token; None for the empty one.

        Raises:
            DomainError: The token is damaged or of another query.
        """
        if not token:
            return None
        last = read_token(self._query, token)
        if last is None:
            raise DomainError(
                Reason.ERROR_REASON_INVALID_PAGE_TOKEN,
                "page_token is damaged, or was made for another query; start from the first page",
                violations=[Violation("page_token", "must be a next_page_token of the same query")],
            )
        return [_rich(value) for value in last]


def _plain(value: object) -> object:
    return {"ms": round(value.timestamp() * 1000)} if isinstance(value, datetime) else value


def _rich(value: Any) -> Any:
    return _EPOCH + timedelta(milliseconds=value["ms"]) if isinstance(value, dict) else value
