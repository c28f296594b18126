"""Feedback in any language: grouped, searched and clustered by what knows the language."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from uptake import Client, UptakeError, thumbs_down
from uptake.v1.issue_pb2 import Issue
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock
from uptake_service.embedding import embedders as table
from uptake_service.embedding.embedders import FIRST_EDITION, KINDS, NGRAMS, UNIVERSAL, WORDLLAMA
from uptake_service.embedding.universal import UniversalEmbedder
from uptake_service.patterns import grouping

from tests.conftest import Service, StartService
from tests.corrections import apply, knowledge
from tests.languages import languages

LANGUAGES = languages()


async def patterns_of(client: Client, texts: Sequence[str], name: str = "") -> list[str]:
    """The pattern of each text, sent one after another."""
    return [
        (await client.collect(thumbs_down(f"{name}{number}", query=text))).pattern_id
        for number, text in enumerate(texts)
    ]


async def embedder_of_pattern(service: Service, pattern_id: str) -> str:
    pattern = await service.mongo.collection("patterns").get({"_id": pattern_id})
    assert pattern is not None
    return str(pattern["embedder"])


@pytest.mark.parametrize("code", ["de", "id", "vi", "el", "ru", "uk", "fa", "ur", "ta", "ka", "am", "km", "zh-TW"])
async def test_questions_in_any_language_are_told_apart_and_found_again(service: Service, code: str) -> None:
    language = LANGUAGES[code]
    questions = language.questions[:10]
    again = [texts[0] for number, each in enumerate(questions) for texts in [language.again(each, number)["please"]]]
    misspelt = [language.again(each, number)["typing error"][0] for number, each in enumerate(questions)]
    patterns = await patterns_of(service.client, questions)
    assert len(set(patterns)) >= 9
    assert await patterns_of(service.client, again, "again") == patterns
    assert await patterns_of(service.client, misspelt, "misspelt") == patterns
    assert await check(service.mongo, Clock()) == []


async def test_the_same_texts_at_once_are_grouped_as_one_by_one(service: Service) -> None:
    texts = [question for code in ("en", "he", "ko", "sw") for question in LANGUAGES[code].questions[:8]]
    patterns = await patterns_of(service.client, texts)
    sent = service.client.collect_many(thumbs_down(f"m{n}", query=f" {text} ") for n, text in enumerate(texts * 3))
    assert [result.feedback.pattern_id async for result in sent] == patterns * 3
    assert await check(service.mongo, Clock()) == []


async def test_replicas_agree_on_embedder_and_pattern(start_service: StartService) -> None:
    one, other = await start_service(), await start_service()
    texts = [LANGUAGES[code].questions[0] for code in LANGUAGES]
    both = [
        (await service.client.collect(thumbs_down(f"{place}-{number}", query=text))).pattern_id
        for number, text in enumerate(texts)
        for place, service in enumerate((one, other))
    ]
    assert both[::2] == both[1::2]
    near = [LANGUAGES[code].again(text, 0)["marks"][1] for code, text in zip(LANGUAGES, texts, strict=True)]
    assert await patterns_of(other.client, near, "near") == both[::2]
    assert await check(one.mongo, Clock()) == []


@pytest.mark.parametrize("blank", ["   \n", "\t", "\u200b", "\u2060\ufeff", "\u3164\u2800", "\u00a0"])
async def test_a_query_that_shows_nothing_is_none(service: Service, blank: str) -> None:
    complaints = ["The invoice total is wrong", "ich kann mich nicht anmelden", "価格表が古いです"]
    stored = [
        await service.client.collect(thumbs_down(f"m{n}", query=blank, comment=comment))
        for n, comment in enumerate(complaints)
    ]
    assert len({feedback.pattern_id for feedback in stored}) == 3
    assert {feedback.interaction.query for feedback in stored} == {blank}
    assert [review async for review in service.client.reviews.list()] == []
    neither = [(await service.client.collect(thumbs_down(f"n{n}", query=blank, comment=blank))) for n in range(3)]
    assert len({feedback.pattern_id for feedback in neither}) == 3
    without = await service.client.collect(thumbs_down("n0"))
    assert without.pattern_id == neither[0].pattern_id
    assert await check(service.mongo, Clock()) == []


async def test_data_of_the_first_edition_go_on(start_service: StartService, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as first:
        # One embedder for all languages, and nothing by spelling.
        first.setattr(table, "embedder_of", lambda text: FIRST_EDITION)
        first.setattr(grouping, "NEARLY_EQUAL", 2.0)
        before = await start_service()
        korean, english = LANGUAGES["ko"].questions[:4], LANGUAGES["en"].questions[:4]
        collapsed = await patterns_of(before.client, korean[:3], "ko")
        assert len(set(collapsed)) == 1
        known = await patterns_of(before.client, english[:3], "en")
        await before.client.collect(thumbs_down("none"))
        await before.app.stop()
    after = await start_service()
    feedback = after.mongo.collection("feedback")
    # It did not note the embedder beside a vector.
    await feedback.update_each(
        [({"_id": each["_id"]}, {"$unset": {"embedder": ""}}) for each in await feedback.find({})]
    )
    assert await check(after.mongo, Clock()) == []

    # By its id, and by spelling; what only the old embedder thought to be like it starts a pattern of its own.
    assert await patterns_of(after.client, [korean[0]], "equal") == collapsed[:1]
    assert await patterns_of(after.client, [korean[0].replace("어떻게", "어떡해")], "nearly") == collapsed[:1]
    anew = await patterns_of(after.client, korean[1:4], "anew")
    assert len({*anew, collapsed[0]}) == 4
    assert await embedder_of_pattern(after, collapsed[0]) == FIRST_EDITION
    assert {await embedder_of_pattern(after, pattern_id) for pattern_id in anew} == {UNIVERSAL}
    again = [LANGUAGES["en"].again(text, number)["please"][0] for number, text in enumerate(english[:3])]
    assert await patterns_of(after.client, again, "again") == known
    similar = await after.client.feedback.similar(query="password reset")
    assert similar[0].feedback.pattern_id == known[0]
    assert await check(after.mongo, Clock()) == []

    # Everything can be taken back, whatever it was embedded by.
    async for stored in after.client.feedback.list():
        await after.client.feedback.retract(stored.id)
    assert await check(after.mongo, Clock()) == []
    shares = await after.mongo.collection("pattern_shares").find({})
    assert {len(share["vector_sum"]) // 4 for share in shares} <= {0, *(kind.dimension for kind in KINDS.values())}


async def test_while_an_embedder_is_loaded_others_are_answered(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    loads = 0

    def load() -> UniversalEmbedder:
        nonlocal loads
        loads += 1
        begun.set()
        assert may_end.wait(60)
        return UniversalEmbedder()

    monkeypatch.setattr(table, "KINDS", {**KINDS, UNIVERSAL: table.Kind(512, load, KINDS[UNIVERSAL].rule)})
    service = await start_service()
    thai = [
        asyncio.create_task(service.client.collect(thumbs_down(f"th{n}", query=question)))
        for n, question in enumerate(LANGUAGES["th"].questions[:5])
    ]
    await asyncio.to_thread(begun.wait, 30)
    await patterns_of(service.client, LANGUAGES["en"].questions, "en")
    await patterns_of(service.client, LANGUAGES["he"].questions, "he")
    assert not any(call.done() for call in thai)
    # What waits is answered also by a service that is told to stop.
    stopping = asyncio.create_task(service.app.stop())
    may_end.set()
    assert len({feedback.pattern_id for feedback in await asyncio.gather(*thai)}) == 5
    await stopping
    assert loads == 1


async def test_an_embedder_that_cannot_be_loaded_fails_those_who_need_it_and_no_others(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = True

    def load() -> UniversalEmbedder:
        if fails:
            raise OSError("weights.npz is damaged")
        return UniversalEmbedder()

    monkeypatch.setattr(table, "KINDS", {**KINDS, UNIVERSAL: table.Kind(512, load, KINDS[UNIVERSAL].rule)})
    service = await start_service()
    japanese, english = LANGUAGES["ja"].questions[0], LANGUAGES["en"].questions[0]
    with pytest.raises(UptakeError) as caught:
        await service.client.collect(thumbs_down("ja", query=japanese))
    assert caught.value.reason == "INTERNAL"
    assert "damaged" not in str(caught.value)
    assert (await service.client.collect(thumbs_down("en", query=english))).pattern_id
    fails = False
    assert (await service.client.collect(thumbs_down("ja", query=japanese))).pattern_id
    assert await check(service.mongo, Clock()) == []


async def test_similar_feedback_is_found_in_its_own_language(client: Client) -> None:
    for code in ("en", "el", "ja"):
        await patterns_of(client, LANGUAGES[code].questions, code)
    for code, query in (("el", "επαναφέρω κωδικό"), ("ja", "パスワードを忘れた"), ("en", "password reset")):
        best = (await client.feedback.similar(query=query))[0]
        assert best.feedback.interaction.query == LANGUAGES[code].questions[0]
        assert 0.3 < best.similarity <= 1.0
    greek = await client.collect(thumbs_down("again", query=LANGUAGES["el"].questions[4]))
    assert (await client.feedback.similar(feedback_id=greek.id))[0].similarity == pytest.approx(1.0)


async def test_knowledge_is_found_in_its_own_language(client: Client) -> None:
    entries = {
        "a": "Passwords are reset under Settings, Security.",
        "b": "パスワードは設定の画面からリセットできます。",
        "c": "営業時間は平日の九時から五時までです。",
        "d": "Ο κωδικός αλλάζει από τις ρυθμίσεις.",
        "e": "Το κατάστημα ανοίγει στις εννέα.",
    }
    for key, content in entries.items():
        await apply(client, knowledge(key, content))

    async def first(query: str) -> str:
        return (await client.corrections.search_knowledge(query))[0].entry.key

    assert await first("I forgot my password") == "a"
    assert await first("パスワードを忘れました") == "b"
    assert await first("何時に開きますか") == "c"
    assert await first("αλλαγή κωδικού") == "d"
    assert await first("πότε ανοίγει το κατάστημα;") == "e"
    await apply(client, knowledge("a", "営業時間は変わりました。", base=1))
    assert await first("パスワードを忘れました") == "b"


_SAID = {
    "en": ("the link to the {} page is broken{}", "refund time limit wrong for my {} refund{}"),
    "ja": ("{}のページへのリンクが壊れています{}", "担当者の態度がとても失礼でした、{}の件です{}"),
    "el": ("δεν ανοίγει η σελίδα για {} από χθες{}", "ο υπάλληλος ήταν αγενής όταν ρώτησα για {}{}"),
}
_THINGS = {
    "en": ("invoice", "booking", "tracking", "label", "customs", "return"),
    "ja": ("請求書", "予約", "追跡", "ラベル", "税関", "返品"),
    "el": ("τιμολόγια", "κρατήσεις", "αποστολές", "ετικέτες", "τελωνείο", "επιστροφές"),
}
_ENDS = ("", ".", "!", " :(")


async def complain(client: Client, *codes: str) -> None:
    """Sends 48 complaints of two kinds in each language; its code begins their interactions' ids."""
    for code in codes:
        texts = [said.format(thing, end) for end in _ENDS for thing in _THINGS[code] for said in _SAID[code]]
        sent = client.collect_many(
            thumbs_down(f"{code}-{n}", comment=text, user_id=f"u{n}") for n, text in enumerate(texts)
        )
        assert len([result.feedback.id async for result in sent]) == 48


async def run(client: Client) -> dict[str, Issue]:
    """The issues that a run finds, by id."""
    found = await client.insights.get(refresh_issues=True, timeout_seconds=100)
    return {issue.id: issue for issue in found.common_issues}


async def members(service: Service) -> dict[str, list[tuple[str, str]]]:
    """Language and feedback id of what belongs to each issue of the newest generation."""
    (generation,) = await service.mongo.collection("issue_generations").find({})
    feedback = {each["_id"]: each["interaction"]["id"] for each in await service.mongo.collection("feedback").find({})}
    found: dict[str, list[tuple[str, str]]] = {}
    for member in await service.mongo.collection("issue_members").find({"generation": generation["number"]}):
        if member["issue_id"] and member["active"]:
            code = feedback[member["feedback_id"]].partition("-")[0]
            found.setdefault(member["issue_id"], []).append((code, member["feedback_id"]))
    return found


async def test_complaints_are_clustered_in_each_language(service: Service) -> None:
    client = service.client
    await complain(client, *_SAID)
    issues = await run(client)
    of_issue = await members(service)
    assert issues.keys() == of_issue.keys()
    # None holds complaints of two languages, and each language has its issues, with nearly all of its complaints.
    languages_of = {id: {code for code, _ in each} for id, each in of_issue.items()}
    assert all(len(each) == 1 for each in languages_of.values())
    for code, embedder in (("en", WORDLLAMA), ("ja", UNIVERSAL), ("el", NGRAMS)):
        own = [id for id, each in languages_of.items() if each == {code}]
        assert sum(issues[id].frequency for id in own) >= 40
        stored = await service.mongo.collection("issues").find({"_id": {"$in": own}})
        assert {(issue["embedder"], len(issue["centroid"]) // 4) for issue in stored} == {
            (embedder, KINDS[embedder].dimension)
        }
        # What comes in between two runs and says what the middle of an issue says joins one of its language.
        new = {
            (await client.collect(thumbs_down(f"{code}-new-{id}", comment=issues[id].representative.text))).id
            for id in own
        }
        joined = {id: {each for _, each in found} & new for id, found in (await members(service)).items()}
        assert any(joined[id] for id in own)
        assert not any(found for id, found in joined.items() if id not in own)
    assert await run(client) != {}
    assert await check(service.mongo, Clock()) == []


async def test_people_merge_and_split_issues_across_languages(service: Service) -> None:
    client = service.client
    await complain(client, "en", "ja")
    await run(client)
    of_issue = await members(service)
    english, japanese = (
        next(id for id, each in of_issue.items() if {code for code, _ in each} == {code_of}) for code_of in ("en", "ja")
    )
    both = len(of_issue[english]) + len(of_issue[japanese])
    merged = await client.issues.merge(english, [japanese], reviewer="ann")
    assert merged.frequency == both
    issues = await run(client)
    assert issues[english].frequency == both
    assert japanese not in issues

    out = [id for _, id in (*of_issue[english][:2], *of_issue[japanese][:4])]
    split = await client.issues.split(english, out, title="Both", reviewer="ann")
    assert split.new_issue.frequency == 6
    stored = await service.mongo.collection("issues").get({"_id": split.new_issue.id})
    assert stored is not None
    assert stored["embedder"] == UNIVERSAL
    issues = await run(client)
    assert issues[split.new_issue.id].title == "Both"
    # Of each language goes along what is nearer to what was taken out.
    assert issues[split.new_issue.id].frequency >= 6
    assert issues[split.new_issue.id].frequency + issues[english].frequency == both
    await client.collect(thumbs_down("ja-new", comment=_SAID["ja"][0].format("請求書", "。")))
    assert await check(service.mongo, Clock()) == []
