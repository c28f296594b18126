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
    metadata = {key: _unnamed_value(value, draft) for key, value in error.metadata.items()}
    return json.dumps([error.reason, _unnamed(error.message, draft), violations, metadata])


def from_record(resource: str, draft: Draft) -> DomainError | None:
    """The error of this draft that a request record holds; None if it holds an id."""
    if not resource.startswith("["):
        return None
    # Records of earlier versions end before the metadata.
    reason, message, violations, *rest = json.loads(resource)
    named = [Violation(field, _named(description, draft)) for field, description in violations]
    metadata = {key: _named_value(value, draft) for key, value in (rest[0] if rest else {}).items()}
    return DomainError(reason, _named(message, draft), violations=named, metadata=metadata)


def _unnamed(text: str, draft: Draft) -> str:
    """An error's text with the fields' names in place of what they hold."""
    for name, value in _names(draft):
        text = text.replace(repr(value), name)
    return text


def _named(text: str, draft: Draft) -> str:
    for name, value in _names(draft):
        text = text.replace(name, repr(value))
    return text


def _unnamed_value(text: str, draft: Draft) -> str:
    """A value of an error's metadata with the field's name in place of what it holds."""
    return next((name for name, value in _names(draft) if value == text), text)


def _named_value(text: str, draft: Draft) -> str:
    return next((value for name, value in _names(draft) if name == text), text)


def _names(draft: Draft) -> Iterator[tuple[str, str]]:
    """What a draft names that an error may quote, each with what stands for it."""
    ids = {f"feedback_ids[{place}]": id for place, id in enumerate(draft.feedback_ids)}
    for field, value in (("target", draft.target), ("review_id", draft.review_id), *ids.items()):
        yield f"\0{field}\0", value
