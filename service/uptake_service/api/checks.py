"""Checks of what the contract's rules (`rpc.rules`) cannot say of a request: it needs the time, state or another field.

Broken rules are told first. A request that keeps the rules is checked for the rest, and of that all is told at once. An
update is told of both at once, where the rules of its new values are checked with the rest (`Checks.check_masked`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.message import Message

from uptake_service.coordination.idempotency import RequestKey, RequestRecords
from uptake_service.domain.clock import MILLISECOND, cut
from uptake_service.domain.errors import MOST_VIOLATIONS, DomainError, InvalidRequest, Reason, Violation
from uptake_service.domain.project import DEFAULT_PROJECT
from uptake_service.domain.tokens import Sign, Tokens
from uptake_service.mongo.paging import PAGE_BYTES
from uptake_service.rpc.rules import violations_in_mask

T = TypeVar("T")
M = TypeVar("M", bound=Message)

_PATH_LENGTH, _DESCRIPTION_LENGTH = 256, 512
"""Both may quote what a caller sent."""

DEFAULT_PAGE = 50
LARGEST_PAGE = 1000

_NANOS = 1_000_000_000


class Checks:
    """Gathers violations while a request is read. The methods return what the field means.

    Attributes:
        violations: The first MOST_VIOLATIONS of them.
        found: How many there are in all.
    """

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.found = 0

    def fail(self, field: str, description: str) -> None:
        self.found += 1
        if self.found <= MOST_VIOLATIONS:
            self.violations.append(Violation(field[:_PATH_LENGTH], description[:_DESCRIPTION_LENGTH]))

    def done(self) -> None:
        """Raises InvalidRequest if anything was wrong."""
        if self.found:
            raise InvalidRequest(self.violations, self.found - len(self.violations))

    def check_masked(self, path: str, message: Message, named: Sequence[str]) -> None:
        """Adds the broken rules of an update's new values, `message` at `path`, in fields that its mask names."""
        for broken in violations_in_mask(message, path, named):
            self.fail(broken.field, broken.description)

    def time(self, field: str, message: Message, name: str) -> datetime | None:
        """The timestamp in `message.name`; None if it is unset."""
        if not message.HasField(name):
            return None
        timestamp: timestamp_pb2.Timestamp = getattr(message, name)
        if not 0 <= timestamp.nanos < _NANOS:
            self.fail(field, "nanos must be 0 to 999,999,999")
            return None
        try:
            return cut(timestamp.ToDatetime(tzinfo=UTC))
        except (ValueError, OverflowError):
            self.fail(field, "is no time between the years 1 and 9999")
            return None

    def window(
        self, message: Message, path: str = "", names: tuple[str, str] = ("start_time", "end_time")
    ) -> tuple[datetime | None, datetime | None]:
        """The two times in `message` that bound a list, None where one is unset; equal ones bound an empty list.

        Args:
            message: What has the two fields.
            path: What stands before their names in the request, for example "filter.".
            names: The fields, the one that comes first in time first.
        """
        start, end = (self.time(f"{path}{name}", message, name) for name in names)
        if start is not None and end is not None and end < start:
            self.fail(f"{path}{names[1]}", f"must not be before {names[0]}")
        return start, end

    def duration(self, field: str, message: Message, default: timedelta) -> timedelta:
        """The duration in `message.field`; `default` if it is unset."""
        if not message.HasField(field):
            return default
        value = to_timedelta(getattr(message, field))
        if value is None:
            self.fail(field, "is no duration: seconds and nanos must be of one sign, and nanos below a second")
        return default if value is None else value

    def checkpoint_interval(self, request: Message) -> timedelta:
        """How often a stream says that nothing happened."""
        return self.duration("checkpoint_interval", request, timedelta(seconds=10))


def project_of(request: Any) -> str:
    """The project of a request; whether its caller may call for it was asked before (`rpc.call`)."""
    return request.project or DEFAULT_PROJECT


def request_key(requests: RequestRecords, request: Any) -> RequestKey | None:
    """The key of a request by its request id; None without one. Its method is the request's by name."""
    method = request.DESCRIPTOR.name.removesuffix("Request")
    content = request.SerializeToString(deterministic=True)
    return requests.key(project_of(request), method, request.request_id, content)


def page_size(asked: int, *, default: int = DEFAULT_PAGE, most: int = LARGEST_PAGE) -> int:
    """How many items a page has at most: what is asked for, or the default; never more than `most`."""
    return min(asked, most) or default


def distinct_members(given: Collection[int], known: Mapping[int, T]) -> tuple[T, ...]:
    """The members that the numbers in a repeated enum field stand for, each once."""
    return tuple(known[number] for number in dict.fromkeys(given))


def to_timedelta(duration: duration_pb2.Duration) -> timedelta | None:
    """A duration, cut to microseconds; None where it is none: too long, or seconds and nanos are not of one sign."""
    seconds, nanos = duration.seconds, duration.nanos
    if abs(nanos) >= _NANOS or seconds * nanos < 0:
        return None
    try:
        return timedelta(seconds=seconds, microseconds=int(nanos / 1000))
    except OverflowError:
        return None


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


def fitting(messages: Iterable[M], room: int = PAGE_BYTES) -> list[M]:
    """As many messages, from the first, as an answer has room for; one at least. They are made as they are taken."""
    page: list[M] = []
    for message in messages:
        room -= message.ByteSize()
        if page and room < 0:
            break
        page.append(message)
    return page


class PageToken:
    """Makes and reads page tokens. A token holds where the page ended, bound to the query that it was made for."""

    def __init__(self, sign: Sign, method: str, *query: Message | str) -> None:
        parts = (
            part.encode() if isinstance(part, str) else part.SerializeToString(deterministic=True) for part in query
        )
        self._tokens = Tokens(sign, b"page", method.encode(), *parts)

    def make(self, last: Sequence[Any] | None) -> str:
        """The token of the page after these sort values; empty at the end, which is None."""
        return "" if last is None else self._tokens.make([_plain(value) for value in last])

    def read(self, token: str) -> list[Any] | None:
        """The sort values in a token; None for the empty one.

        Raises:
            DomainError: The service made no such token for this query.
        """
        if not token:
            return None
        last = self._tokens.read(token)
        if last is None:
            raise DomainError(
                Reason.ERROR_REASON_INVALID_PAGE_TOKEN,
                "page_token is damaged, or was made for another query; start from the first page",
                violations=[Violation("page_token", "must be a next_page_token of the same query")],
            )
        return [_rich(value) for value in last]


def _plain(value: object) -> object:
    return {"ms": (value - _EPOCH) // MILLISECOND} if isinstance(value, datetime) else value


def _rich(value: Any) -> Any:
    return _EPOCH + value["ms"] * MILLISECOND if isinstance(value, dict) else value
