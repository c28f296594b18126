"""What a request record says of a correction that could not be applied, where else it names what was made."""

import json
from collections.abc import Iterator

from uptake_service.corrections.model import Draft
from uptake_service.domain.errors import DomainError, Violation


def to_record(error: DomainError, draft: Draft) -> str:
    """An error as a request record holds it, where else it holds the id of what was made.

    It is without what the caller named, which may be anybody's words; who sends the same again names the same.
    """
    violations = [[violation.field, _unnamed(violation.description, draft)] for violation in error.violations]
    return json.dumps([error.reason, _unnamed(error.message, draft), violations])


def from_record(resource: str, draft: Draft) -> DomainError | None:
    """The error of this draft that a request record holds; None if it holds an id."""
    if not resource.startswith("["):
        return None
    reason, message, violations = json.loads(resource)
    named = [Violation(field, _named(description, draft)) for field, description in violations]
    return DomainError(reason, _named(message, draft), violations=named)


def _unnamed(text: str, draft: Draft) -> str:
    """An error's text with the fields' names in place of what they hold."""
    for name, value in _names(draft):
        text = text.replace(value, name)
    return text


def _named(text: str, draft: Draft) -> str:
    for name, value in _names(draft):
        text = text.replace(name, value)
    return text


def _names(draft: Draft) -> Iterator[tuple[str, str]]:
    """What a draft names that an error may quote, each with what stands for it."""
    ids = {f"feedback_ids[{place}]": id for place, id in enumerate(draft.feedback_ids)}
    for field, value in (("target", draft.target), ("review_id", draft.review_id), *ids.items()):
        yield f"\0{field}\0", repr(value)
