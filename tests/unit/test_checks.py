"""Checks of request fields, page tokens and resume tokens."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from uptake.v1 import feedback_pb2, insight_pb2
from uptake_service.api.checks import Checks, PageToken, page_size, to_timestamp
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.tokens import Tokens
from uptake_service.live.token import ResumeToken

DEFAULT = timedelta(seconds=10)

times = st.datetimes(
    min_value=datetime(1, 1, 1),
    max_value=datetime(9999, 12, 31),
    timezones=st.just(UTC),
).map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))
sort_values = st.one_of(times, st.text(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.booleans())


def sign(content: bytes) -> bytes:
    return hmac.digest(b"the secret of all replicas", content, "sha256")


def token_error(token: PageToken, text: str) -> DomainError:
    with pytest.raises(DomainError) as caught:
        token.read(text)
    return caught.value


@given(st.lists(sort_values, max_size=4))
def test_a_page_token_gives_back_what_it_was_made_of(last: list[Any]) -> None:
    token = PageToken(sign, "ListThings", "default")

    assert PageToken(sign, "ListThings", "default").read(token.make(last)) == last


def test_the_empty_page_token_is_the_first_page() -> None:
    assert PageToken(sign, "ListThings").read("") is None


@given(st.lists(sort_values, min_size=1, max_size=3), st.data())
def test_a_changed_page_token_is_refused(last: list[Any], data: st.DataObject) -> None:
    token = PageToken(sign, "ListThings", "default")
    text = token.make(last)
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.sampled_from("ABCabc019-_!= é").filter(lambda drawn: drawn != text[place]))

    error = token_error(token, text[:place] + character + text[place + 1 :])

    assert error.reason == Reason.ERROR_REASON_INVALID_PAGE_TOKEN
    assert [violation.field for violation in error.violations] == ["page_token"]


@pytest.mark.parametrize("place", [[], ["1"], [-1], {"seq": 1}, None, [1e308, "x"], [{"ms": 10**30}, "x"], "x"])
def test_a_token_that_is_forged_without_the_secret_is_refused(place: Any) -> None:
    """As whoever reads the code would make one: bound to the query, but without the secret, or under another."""
    body = json.dumps(place).encode()
    others = [lambda content: hashlib.sha256(content).digest(), lambda content: hmac.digest(b"mine", content, "sha256")]
    for other in others:
        forged = Tokens(other, b"page", b"ListThings", b"default").make(place)
        assert token_error(PageToken(sign, "ListThings", "default"), forged).violations
        with pytest.raises(DomainError) as caught:
            ResumeToken(sign, "SubscribeInsights", "default").read(
                Tokens(other, b"resume", b"SubscribeInsights", b"default").make(place)
            )
        assert caught.value.reason == Reason.ERROR_REASON_INVALID_RESUME_TOKEN
    for check in (b"", b"x" * 8, b"x" * 16):
        text = base64.urlsafe_b64encode(check + body).decode().rstrip("=")
        assert token_error(PageToken(sign, "ListThings", "default"), text).violations


def test_a_resume_token_is_no_page_token() -> None:
    with pytest.raises(DomainError):
        ResumeToken(sign, "ListThings", "default").read(PageToken(sign, "ListThings", "default").make([7]))
    token_error(PageToken(sign, "ListThings", "default"), ResumeToken(sign, "ListThings", "default").make(7))


def test_an_endless_token_is_refused_before_it_is_decoded() -> None:
    token = PageToken(sign, "ListThings")
    assert token_error(token, token.make(["x" * 4_000])).violations


@given(st.text(min_size=1))
def test_garbage_is_no_page_token(text: str) -> None:
    assert token_error(PageToken(sign, "ListThings"), text).reason == Reason.ERROR_REASON_INVALID_PAGE_TOKEN


@given(st.integers(1, 200))
def test_a_cut_page_token_is_refused(length: int) -> None:
    token = PageToken(sign, "ListThings")
    text = token.make([datetime(2025, 3, 10, tzinfo=UTC), "0123456789abcdef"])

    assert token_error(token, text[: min(length, len(text) - 2)]).violations


@pytest.mark.parametrize(
    "other",
    [
        PageToken(sign, "ListOthers", "default", feedback_pb2.FeedbackFilter(source="web")),
        PageToken(sign, "ListThings", "other", feedback_pb2.FeedbackFilter(source="web")),
        PageToken(sign, "ListThings", "default", feedback_pb2.FeedbackFilter(source="app")),
        PageToken(sign, "ListThings", "default"),
        PageToken(sign, "ListThings", "defaul", "t", feedback_pb2.FeedbackFilter(source="web")),
    ],
)
def test_a_page_token_of_another_query_is_refused(other: PageToken) -> None:
    token = PageToken(sign, "ListThings", "default", feedback_pb2.FeedbackFilter(source="web"))

    assert token.read(token.make(["x"])) == ["x"]
    assert token_error(token, other.make(["x"])).reason == Reason.ERROR_REASON_INVALID_PAGE_TOKEN


def test_a_page_token_is_safe_in_a_url() -> None:
    text = PageToken(sign, "ListThings").make(["ü" * 50, 1.5])

    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize(("asked", "given_"), [(0, 50), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_page_sizes(asked: int, given_: int) -> None:
    assert page_size(asked) == given_


def time_of(timestamp: Timestamp | None) -> tuple[datetime | None, list[str]]:
    checks = Checks()
    time = checks.time("start_time", insight_pb2.GetInsightsRequest(start_time=timestamp), "start_time")
    return time, [violation.field for violation in checks.violations]


@given(times)
def test_a_time_comes_back_as_it_went(time: datetime) -> None:
    assert time_of(to_timestamp(time)) == (time, [])


def test_times_are_cut_to_milliseconds() -> None:
    assert time_of(Timestamp(seconds=1, nanos=1_999_999)) == (datetime(1970, 1, 1, 0, 0, 1, 1000, tzinfo=UTC), [])


def test_an_unset_time_is_none() -> None:
    assert time_of(None) == (None, [])
    assert to_timestamp(None) is None


@pytest.mark.parametrize(
    "timestamp",
    [
        Timestamp(seconds=-62_135_596_801),
        Timestamp(seconds=253_402_300_800),
        Timestamp(seconds=2**63 - 1),
        Timestamp(seconds=-(2**63)),
        Timestamp(nanos=-1),
        Timestamp(nanos=1_000_000_000),
    ],
)
def test_times_that_are_none(timestamp: Timestamp) -> None:
    assert time_of(timestamp) == (None, ["start_time"])


def duration_of(duration: Duration | None) -> tuple[timedelta, list[str]]:
    checks = Checks()
    request = insight_pb2.SubscribeInsightsRequest(checkpoint_interval=duration)
    value = checks.duration("checkpoint_interval", request, DEFAULT)
    return value, [violation.field for violation in checks.violations]


@pytest.mark.parametrize(
    ("duration", "value"),
    [(None, DEFAULT), (Duration(seconds=1), timedelta(seconds=1)), (Duration(seconds=300), timedelta(minutes=5))],
)
def test_durations(duration: Duration | None, value: timedelta) -> None:
    assert duration_of(duration) == (value, [])


@pytest.mark.parametrize("duration", [Duration(seconds=2, nanos=-5000), Duration(seconds=1, nanos=10**9)])
def test_durations_that_are_none(duration: Duration) -> None:
    assert duration_of(duration) == (DEFAULT, ["checkpoint_interval"])


def test_a_resume_token_gives_back_what_it_was_made_of() -> None:
    token = ResumeToken(sign, "SubscribeInsights", "default")
    assert token.read(token.make(7)) == (7, [])
    assert token.read(token.make(7, "2026-11-27T00:00:00+00:00", "id")) == (7, ["2026-11-27T00:00:00+00:00", "id"])
    for other in (ResumeToken(sign, "SubscribeInsights", "other"), ResumeToken(sign, "SubscribeReviews", "default")):
        with pytest.raises(DomainError):
            other.read(token.make(7))
