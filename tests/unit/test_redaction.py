"""What is redacted, and what is left as it was said."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uptake_service.feedback import redaction
from uptake_service.feedback.redaction import redacted


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("write to ann.lee+x@mail.example.co.uk, please", "write to [email], please"),
        ("jürgen@exämple.de", "[email]"),
        ("call +49 151 23456789 or (415) 555-2671", "call [phone] or [phone]"),
        ("0151 23456789", "[phone]"),
        ("tel. 020 7946 0958.", "tel. [phone]."),
        ("06 12 34 56 78", "[phone]"),
        ("my card 4111 1111 1111 1111 is refused", "my card [card] is refused"),
        ("5500-0000-0000-0004", "[card]"),
        ("key AKIAIOSFODNN7EXAMPLE", "key [key]"),
        ("Bearer sk-proj-abcdefghijklmnopqrstuvwxyz0123", "Bearer [key]"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[key]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.dozjgNryP4J3jVmNHl0w5N", "[key]"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb", "a\n[key]\nb"),
        ("0123456789abcdef." + "A" * 43, "[key]"),
    ],
)
def test_what_nobody_needs_is_replaced(said: str, kept: str) -> None:
    assert redacted(said) == kept
    assert redacted(kept) == kept


@pytest.mark.parametrize(
    "said",
    [
        "order 1234567890 of 2026-11-25 never came",
        "4111 1111 1111 1112 has a wrong check digit",
        "it took 12:30:45 at 10.0.0.1:50051, version 1.2.3.4",
        "me @home, a@b, @ann",
        "skiing in the pk-5 region with eyJ",
        "3.14159265358979 and 1,000,000,000",
        "00340434161094042557",
        "",
    ],
)
def test_the_rest_is_left(said: str) -> None:
    assert redacted(said) == said


def test_of_very_many_numbers_none_is_left_because_there_are_too_many() -> None:
    assert not re.search(r"\d", redacted("+49 151 23456789, " * 300))


@given(st.from_regex(redaction._KEY))
def test_no_key_is_without_the_marks_that_keys_are_looked_for_by(text: str) -> None:
    assert any(mark in text for mark in redaction._MARKS)


@given(st.text(max_size=200))
def test_no_text_is_too_strange_and_none_changes_twice(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once
