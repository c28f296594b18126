"""Redaction before storage: on unless a project says otherwise, and never of corrections unless it says so."""

import asyncio
from typing import Any

from uptake import Client, correction, thumbs_down
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import project_pb2

from tests.benchmarks.redaction_attacks import ATTACKS
from tests.conftest import Service

SAID = "mail ann@example.com"


async def set_redaction(client: Client, **redaction: Any) -> None:
    settings = project_pb2.ProjectSettings(redaction=project_pb2.Redaction(**redaction))
    await client.projects.update(settings, ["redaction"])


async def test_words_are_redacted_before_anything_is_made_of_them(service: Service) -> None:
    client = service.client
    for _ in range(2):
        first = await client.collect(thumbs_down("i", query=SAID, response=SAID, comment=SAID), request_id="r")
    amended = await client.feedback.amend(first.id, pb.Feedback(comment=f"{SAID}!"), ["comment"])
    corrected = await client.collect(correction("j", SAID, original=SAID, query="q"))

    assert [first.interaction.query, first.interaction.response, first.comment] == ["mail [email]"] * 3
    assert amended.comment == "mail [email]!"
    assert (corrected.correction.corrected, corrected.correction.original) == (SAID, SAID)
    database = service.mongo.database
    holding = {
        name
        for name in await database.list_collection_names()
        async for document in database[name].find({})
        if "ann@example.com" in repr(document)
    }
    assert holding == {"feedback"}
    assert [each.interaction.id async for each in client.feedback.list()][::-1] == ["i", "j"]


async def test_a_project_can_have_it_otherwise(service: Service) -> None:
    async with Client(service.address, project="plain") as client:
        await set_redaction(client, disabled=True)
        assert (await client.collect(thumbs_down("i", comment=SAID))).comment == SAID
    async with Client(service.address, project="strict") as client:
        await set_redaction(client, include_corrections=True)
        corrected = await client.collect(correction("j", SAID, original=SAID, query="q"))
        assert (corrected.correction.corrected, corrected.correction.original) == ("mail [email]", "mail [email]")


async def test_what_an_amendment_brings_is_redacted_too(service: Service) -> None:
    async with Client(service.address, project="strict") as client:
        await set_redaction(client, include_corrections=True)
        first = await client.collect(correction("j", "plain", original="plain", query="q"))
        changed = correction("j", SAID, original=f"{SAID}!", query="q")
        changed.comment = SAID
        amended = await client.feedback.amend(first.id, changed, ["comment", "correction"])
        assert amended.comment == "mail [email]"
        assert (amended.correction.corrected, amended.correction.original) == ("mail [email]", "mail [email]!")


async def test_a_text_made_to_take_long_is_redacted_while_others_are_served(service: Service) -> None:
    """Its regular expressions and lookups are cut into steps, between which the event loop takes its turns."""
    client = service.client
    long = thumbs_down("long", query="q", comment=ATTACKS["'0### ########\\n', drawn"](10_000))
    redacting = asyncio.create_task(client.collect(long))
    others = [await client.collect(thumbs_down(f"other-{number}", query="q")) for number in range(3)]
    assert [other.interaction.id for other in others] == ["other-0", "other-1", "other-2"]
    assert "[phone]" in (await redacting).comment
