"""Replaces what nobody needs to tell what users say: keys, passwords, e-mail addresses, numbers of people.

What is replaced cannot be had back, so it is replaced only where it is sure. What a secret, a card number or a word for
a phone looks like is data: the .toml files beside this one.
"""

from collections.abc import Sequence

from uptake_service.ingest.redaction.emails import without_emails
from uptake_service.ingest.redaction.keys import without_keys
from uptake_service.ingest.redaction.numbers import without_numbers
from uptake_service.ingest.redaction.steps import Steps, finished

PLACEHOLDERS = ("[key]", "[email]", "[card]", "[phone]", "[iban]", "[ssn]")

__all__ = ["PLACEHOLDERS", "redacted", "redacting"]


def redacted(text: str, regions: Sequence[str] = ()) -> str:
    """The text with what is recognised replaced by one of PLACEHOLDERS.

    Args:
        text: of any language and length; linear in the length.
        regions: ISO 3166-1 alpha-2 codes. Numbers valid in these are replaced as they are written there, without a word
            for a phone beside them. Unknown codes have no numbers.
    """
    return finished(redacting(text, regions))


def redacting(text: str, regions: Sequence[str] = ()) -> Steps[str]:
    """What `redacted` does, in steps of well below a millisecond."""
    text = yield from without_keys(text)
    text = yield from without_emails(text)
    return (yield from without_numbers(text, regions))
