"""What an issue shows once the words of some of its members are to be forgotten."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uptake_service.erasure.issues import without
from uptake_service.erasure.words import Sayings, squeezed, words
from uptake_service.issues.model import Comment, Issue

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def issue(**fields: object) -> Issue:
    about: dict[str, object] = {
        "found_title": "invoice of Doe missing",
        "keywords": ("invoice", "doe"),
        "representative": Comment(text="Doe's invoice is missing", feedback_id="gone"),
        "samples": (
            Comment(text="Doe's invoice is missing", feedback_id="gone"),
            Comment(text="an invoice is missing", feedback_id="left"),
        ),
    }
    return Issue(
        id="i",
        project="p",
        centroid=b"",
        radius=0.5,
        first_seen_time=NOW,
        last_seen_time=NOW,
        create_time=NOW,
        update_time=NOW,
        **about | fields,
    )


def test_a_title_that_only_erased_feedback_can_explain_gives_way_to_a_sample_that_is_left() -> None:
    clean = without(issue(), {"doe"}, {"gone"}, by_people=False)
    assert (clean.found_title, clean.keywords) == ("an invoice is missing", ("invoice",))
    assert clean.representative is None
    assert [sample.feedback_id for sample in clean.samples] == ["left"]


def test_a_title_gives_way_to_a_keyword_where_no_sample_is_left_and_to_nothing_where_none_is() -> None:
    everybody = {"gone", "left"}
    assert without(issue(), {"doe"}, everybody, by_people=False).found_title == "invoice"
    assert without(issue(), {"doe", "invoice"}, everybody, by_people=False).found_title == ""


def test_what_others_say_too_stays() -> None:
    before = issue()
    assert without(before, (), (), by_people=True) == before
    assert without(issue(found_title="invoice missing"), {"doe"}, {"gone"}, by_people=True).found_title == (
        "invoice missing"
    )


@pytest.mark.parametrize(("by_people", "title"), [(True, ""), (False, "Doe cannot see it")])
def test_the_title_that_a_person_gave_goes_at_a_users_wish_alone(by_people: bool, title: str) -> None:
    assert without(issue(given_title="Doe cannot see it"), {"doe"}, {"gone"}, by_people=by_people).given_title == title


def sayings(*texts: str) -> Sayings:
    said = Sayings()
    for text in texts:
        said.add(text)
    return said


@pytest.mark.parametrize(
    "text",
    [
        "We heard: the PAGE opens at noon every day.",
        "the page\nopens -- at noon, (every) day",
        "t h e p a g e o p e n s a t n o o n e v e r y d a y",
        "thepageopensatnooneveryday",
        "the\u00a0page\u200b opens at\u2009noon every day",
        "\uff54\uff48\uff45 \uff50\uff41\uff47\uff45 opens at noon every day",
        "It says that page opens at noon every day, and more",
    ],
)
def test_a_text_quotes_however_it_is_cased_spaced_or_punctuated(text: str) -> None:
    assert sayings("The page opens at noon, every day!", "too short", "").quoted_in(text)


def test_an_accent_is_the_same_written_as_one_character_or_as_two() -> None:
    said = sayings("Die Prüfung läuft für Stra\u00dfen nie durch")
    assert said.quoted_in("die Pru\u0308fung la\u0308uft fu\u0308r STRASSEN nie durch")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("my name is Erika Mustermann and it is dead", "Ask ERIKA MUSTERMANN first."),
        ("where is parcel AB-1234-XYZ of mine", "parcel ab1234xyz is late"),
        ("the xylophagousnesses page does not open", "see xylophagousnesses"),
        (
            "\u8fd4\u91d1\u306f\u3044\u3064\u5c4a\u304d\u307e\u3059\u304b",
            "\u7b54\u3048: \u8fd4\u91d1\u306f\u3044\u3064\u5c4a\u304d\u307e\u3059",
        ),
    ],
)
def test_what_is_one_persons_quotes_by_itself(said: str, text: str) -> None:
    assert sayings(said).quoted_in(text)


@pytest.mark.parametrize(
    "text", ["It is too short.", "It opens at nine.", "The page is dead.", "On 2026-03-14, for 1,000.00", ""]
)
def test_what_anybody_says_is_no_quotation(text: str) -> None:
    assert not sayings(
        "The page opens at noon, every day!", "too short", "I paid it on 2026-03-14 and it was 1,000.00 in all"
    ).quoted_in(text)


def test_an_answer_that_is_quoted_is_not_the_users() -> None:
    said = Sayings()
    said.add(
        "The shop opens at nine in the morning", but="Hello! The shop opens at nine in the morning, and closes at six."
    )
    assert not said.quoted_in("The shop opens at nine in the morning.")


def test_what_repeats_itself_takes_no_time() -> None:
    said = sayings("a" * 50_000, "ab" * 25_000)
    assert said.quoted_in("xa" * 20_000 + "a" * 20)
    assert not said.quoted_in("xaaaaaaa" * 6_000)


@given(st.text(min_size=30), st.text(), st.text())
def test_a_whole_text_within_another_is_found(text: str, before: str, after: str) -> None:
    letters = squeezed(text)
    if len(letters) >= 12:
        assert sayings(text).quoted_in(f"{before}\n{text}\n{after}")


def test_words_are_those_of_titles() -> None:
    assert words("Doe's invoice, invoice") >= {"invoice"}
