"""What a change brings, without what a project does not want to store."""

from collections.abc import Mapping
from dataclasses import replace

from uptake_service.domain.feedback import Content, Draft, Interaction
from uptake_service.domain.project import Redaction
from uptake_service.ingest.changes import Amend, Change, Collect
from uptake_service.ingest.redaction import redacting
from uptake_service.ingest.redaction.steps import Steps, finished


def redacted_change(change: Change, redaction: Redaction) -> Change:
    """A change that brings no more than a project wants to store."""
    return finished(redacting_change(change, redaction))


def redacting_change(change: Change, redaction: Redaction) -> Steps[Change]:
    """What `redacted_change` does, in steps of well below a millisecond."""
    if redaction.disabled:
        return change
    match change:
        case Collect(draft):
            fresh = yield from _draft(draft, redaction)
            return change if fresh is draft else Collect(fresh)
        case Amend(change=original, comment=comment, correction=correction):
            # Made in the commit, where nothing may take long: so what the amendment brings is redacted before.
            known: dict[str, str] = {}
            for text in (comment, *(correction if redaction.include_corrections else ())):
                known[text] = yield from redacting(text, redaction.phone_regions)
            return replace(
                change,
                change=lambda old: _amended(original(old), known, redaction),
                comment=known[comment],
            )
    return change


def _draft(draft: Draft, redaction: Redaction) -> Steps[Draft]:
    interaction, content = draft.interaction, draft.content
    said = _texts(interaction)
    fresh: dict[str, str] = {}
    for text in (*said, *_words(content, redaction)):
        if text not in fresh:
            fresh[text] = yield from redacting(text, redaction.phone_regions)
    if all(text == after for text, after in fresh.items()):
        return draft
    turns = tuple(message.model_copy(update={"content": fresh[message.content]}) for message in interaction.history)
    changes = {
        "query": fresh[interaction.query],
        "response": fresh[interaction.response],
        "history": turns,
        "contexts": tuple(fresh[context] for context in interaction.contexts),
    }
    return draft.model_copy(
        update={
            "interaction": interaction.model_copy(update=changes),
            "content": _amended(content, fresh, redaction),
        }
    )


def _texts(interaction: Interaction) -> list[str]:
    """What people and models wrote: query, response, history, contexts."""
    turns = (message.content for message in interaction.history)
    return [interaction.query, interaction.response, *turns, *interaction.contexts]


def _words(content: Content, redaction: Redaction) -> list[str]:
    """What the user wrote, as far as it is redacted."""
    correction = content.correction if redaction.include_corrections else None
    return [content.comment, *(() if correction is None else (correction.original, correction.corrected))]


def _amended(content: Content, fresh: Mapping[str, str], redaction: Redaction) -> Content:
    """With the redacted texts in the place of what was said; what is not among them stays."""
    if all(fresh.get(text, text) == text for text in _words(content, redaction)):
        return content
    changes: dict[str, object] = {"comment": fresh.get(content.comment, content.comment)}
    correction = content.correction
    if redaction.include_corrections and correction is not None:
        texts = {name: fresh.get(text := getattr(correction, name), text) for name in ("original", "corrected")}
        changes["correction"] = correction.model_copy(update=texts)
    return content.model_copy(update=changes)
