"""Redaction before storage: on unless a project says otherwise, and never of corrections unless it says so."""

from uptake import Client, correction, thumbs_down
from uptake.v1 import feedback_pb2 as pb
from uptake.v1 import project_pb2

from tests.conftest import Service

SAID = "mail ann@example.com"


async def set_redaction(client: Client, **redaction: bool) -> None:
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
