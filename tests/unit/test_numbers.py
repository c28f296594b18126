"""Numbers that users send: scores at the ends of their scales, and numbers in custom values."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from uptake import rating
from uptake.v1 import feedback_pb2
from uptake_service.api.checks import Checks
from uptake_service.api.messages import feedback as messages
from uptake_service.api.messages.feedback import to_draft, write_content
from uptake_service.domain.feedback import POSITION_SCALE, Draft, Rating
from uptake_service.rpc.rules import violations_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)

SCALES = [
    # score, min, max, position as a share of the scale; None is refused
    (0.1 + 0.2, 0, 0.3, 1.0),
    (0.30000001192092896, 0, 0.3, 1.0),
    (-(0.1 + 0.2), -0.3, 0, 0.0),
    (-0.30000001192092896, -0.3, 0.3, 0.0),
    (1.100000023841858, 1, 1.1, 1.0),
    (1.1 * 3, 1, 3.3, 1.0),
    (0.7 + 0.1 + 0.1 + 0.1, 0, 1, 1.0),
    (1.0000000000000002, 0, 1, 1.0),
    (0.1 * 3 - 0.3, 0, 1, 0.0),
    (-5.6e-17, 0, 1, 0.0),
    (100.00000000000001, 0, 100, 1.0),
    (99.99999237060547, 0, 100, 0.99999992),
    (1e9, -1e9, 1e9, 1.0),
    (-1e9, -1e9, 1e9, 0.0),
    (-0.0, 0, 1, 0.0),
    (5e-324, 0, 5e-324, 1.0),
    (0.0, 0, 5e-324, 0.0),
    (1 + 2**-52, 1, 1 + 2**-52, 1.0),
    (3, -0.0, 5, 0.6),
    (0.3001, 0, 0.3, None),
    (0.31, 0, 0.3, None),
    (-0.0001, 0, 1, None),
    (1.101, 1, 1.1, None),
    (0.999, 1, 1.1, None),
    (1_000_000.01, 999_999, 1_000_000, None),
    (5.01, 1, 5, None),
    (1e9 + 300, -1e9, 1e9, None),
    (1e-300, 0, 5e-324, None),
    (math.nan, 0, 1, None),
    (math.inf, 0, 1, None),
]


@pytest.mark.parametrize(("score", "low", "high", "share"), SCALES)
def test_a_score_off_its_scale_by_rounding_alone_is_on_it(
    score: float, low: float, high: float, share: float | None
) -> None:
    message = rating("i", 0, min=low, max=high)
    # Past the builder, which refuses what is not finite.
    message.rating.score = score
    checks = Checks()
    broken = violations_of(message, "feedback.")
    draft = None if broken else to_draft(checks, "default", message, NOW, timedelta(minutes=5))
    if share is None:
        assert [violation.field for violation in broken or checks.violations] == ["feedback.rating.score"]
        return
    assert draft is not None, checks.violations
    assert draft.content.rating is not None
    kept = draft.content.rating
    assert low <= kept.score <= high
    assert kept.score == pytest.approx(score, rel=2e-7, abs=1e-15)
    assert kept.position == round(share * POSITION_SCALE)


def test_a_refused_score_is_told_so_that_it_differs_from_its_scale() -> None:
    checks = Checks()
    to_draft(checks, "default", rating("i", 5.0000011, min=1, max=5), NOW, timedelta(minutes=5))
    assert [each.description for each in checks.violations] == ["is 5.0000011, outside its scale of 1 to 5"]


@given(st.floats(allow_nan=False, allow_infinity=False), *[st.floats(allow_nan=False, allow_infinity=False)] * 2)
def test_a_position_lies_on_its_scale_whatever_the_numbers(score: float, one: float, two: float) -> None:
    if one != two:
        position = Rating(score=score, min=min(one, two), max=max(one, two)).position
        assert 0 <= position <= POSITION_SCALE


KEPT: list[object] = [
    0,
    -0.0,
    5,
    5.0,
    -1,
    0.1,
    1e-300,
    2**53 - 1,
    -(2**53 - 1),
    1e20,
    1.5e308,
    2**70,
    4503599627370497.5,
]


@pytest.mark.parametrize("number", KEPT)
def test_numbers_in_custom_values_come_back_as_sent(number: float) -> None:
    draft, checks = custom_draft(struct_pb2.Value(number_value=number))
    assert draft is not None, checks.violations
    message = to_message_of(draft)
    assert message.custom.number_value == number
    assert math.copysign(1, message.custom.number_value) == math.copysign(1, number)


@pytest.mark.parametrize("number", [2**53, 2**53 + 1, -(2**53), 1234567890123456789, 2**63 - 1, -(2**63), 2**64 - 1])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_an_integer_that_a_number_cannot_tell_from_others_is_refused(number: int, depth: int) -> None:
    value = struct_pb2.Value(number_value=number)
    for level in range(depth):
        inner = value
        value = struct_pb2.Value()
        if level % 2:
            value.list_value.values.append(inner)
        else:
            value.struct_value.fields["id"].CopyFrom(inner)
    draft, checks = custom_draft(value)
    assert draft is None
    assert [violation.field for violation in checks.violations] == ["feedback.custom"]
    assert "as text" in checks.violations[0].description


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, float("1e400")])
def test_a_custom_number_is_finite(number: float) -> None:
    draft, checks = custom_draft(struct_pb2.Value(number_value=number))
    assert draft is None
    assert [violation.field for violation in checks.violations] == ["feedback.custom"]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(0, 9).map(float)
        | st.text(st.characters(codec="utf-8", min_codepoint=0x10000) | st.characters(codec="utf-8")),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=2), inner),
        max_leaves=50,
    )
)
def test_a_character_of_json_takes_at_most_4_bytes(value: Any) -> None:
    message = json_format.ParseDict(value, struct_pb2.Value())
    text = json_format.MessageToJson(message, indent=None, ensure_ascii=False)
    assert message.ByteSize() <= 4 * len(text) + 5


def nested(levels: int, value: Any) -> Any:
    """A value in lists in lists."""
    return [nested(levels - 1, value)] if levels else value


@pytest.mark.parametrize(
    "value",
    [
        [0] * 10_000,
        [[0]] * 7_142,
        [None] * 8_333,
        [""] * 12_499,
        [[]] * 12_499,
        "\U0001f600" * 49_998,
        {"\U0001f600" * 49_989: "\U0001f600"},
        nested(30, "\U0001f600" * 49_938),
    ],
    ids=["numbers", "lists of one", "nulls", "empty texts", "empty lists", "text", "key", "nested"],
)
def test_json_of_the_most_characters_is_taken_whatever_it_is_made_of(value: Any) -> None:
    message = json_format.ParseDict(value, struct_pb2.Value())
    draft, checks = custom_draft(message)
    assert draft is not None, checks.violations
    assert draft.content.custom_json is not None
    assert 49_980 <= len(draft.content.custom_json) <= 50_000


def test_a_custom_value_that_cannot_fit_is_refused_before_anything_reads_its_nodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_depth", "_numbers"):
        monkeypatch.setattr(messages, name, lambda value: pytest.fail("reads nodes"))
    monkeypatch.setattr(json_format, "MessageToJson", lambda *args, **named: pytest.fail("writes JSON"))
    value = struct_pb2.Value()
    value.list_value.values.extend([struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)] * 400_000)
    draft, checks = custom_draft(value)
    assert draft is None
    assert [(each.field, each.description) for each in checks.violations] == [
        ("feedback.custom", "has 1,600,004 bytes, more than JSON of 50,000 characters can; at most these are allowed")
    ]


def custom_draft(value: struct_pb2.Value) -> tuple[Draft | None, Checks]:
    checks = Checks()
    message = feedback_pb2.Feedback(type=feedback_pb2.FEEDBACK_TYPE_THUMBS_UP, custom=value)
    message.interaction.id = "i"
    return to_draft(checks, "default", message, NOW, timedelta(minutes=5)), checks


def to_message_of(draft: Draft) -> feedback_pb2.Feedback:
    message = feedback_pb2.Feedback()
    write_content(message, draft.content)
    return message
