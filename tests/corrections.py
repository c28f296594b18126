"""Drafts of corrections, and applying them, as the tests of corrections share them."""

from typing import Any

from uptake import Client, UptakeError
from uptake.v1 import correction_pb2 as pb


def knowledge(key: str, content: str, base: int | None = None, **about: Any) -> pb.CorrectionDraft:
    """A draft that sets an entry, made against revision `base`."""
    return pb.CorrectionDraft(knowledge=pb.KnowledgeChange(key=key, content=content), base_revision=base, **about)


def instructions(name: str, content: str, base: int | None = None, **about: Any) -> pb.CorrectionDraft:
    """A draft that sets instructions, made against revision `base`."""
    change = pb.InstructionsChange(name=name, content=content)
    return pb.CorrectionDraft(instructions=change, base_revision=base, **about)


async def apply(client: Client, *drafts: pb.CorrectionDraft, **call: Any) -> list[pb.Correction]:
    """Applies drafts as Ann; raises the error of the first that cannot be."""
    corrections = []
    for result in await client.corrections.apply(drafts, "ann", **call):
        if result.HasField("error"):
            raise UptakeError.from_item(result.error)
        corrections.append(result.correction)
    return corrections
