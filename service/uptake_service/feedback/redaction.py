"""Replaces what nobody needs to tell what users say: e-mail addresses, phone and card numbers, and keys.

Numbers are recognised by Google's rules (phonenumbers), written internationally or as in a few large countries; cards
by their check digit; keys by the prefixes that their makers chose to make them recognisable, as gitleaks lists them.
"""

import itertools
import re
from dataclasses import replace

from phonenumbers import Leniency, PhoneNumberMatcher

from uptake_service.feedback.model import Content, Draft
from uptake_service.feedback.plan import Amend, Change, Collect
from uptake_service.projects.model import Redaction

_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bAIza[\w-]{35}"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|npm_|hf_|pypi-)\w[\w-]{19,}"
    r"|\b(?:sk|rk|pk)[-_](?:live|test|proj|ant|or)?[\w-]{20,}"
    r"|\bxox[abeoprs]-[\w-]{10,}"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    re.DOTALL,
)
_MARKS = (
    *("PRIVATE KEY-----", "AKIA", "ASIA", "AIza", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
    *("npm_", "hf_", "pypi-", "sk-", "sk_", "rk-", "rk_", "pk-", "pk_", "xox", "eyJ"),
)
"""One of these is in whatever _KEY matches; to look for them takes a tenth of its time."""
_OWN_KEY = re.compile(r"\b[0-9a-f]{16}\.[\w-]{43}(?![\w-])")
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]\d)")
_DIGITS = re.compile(r"\d[\s().\-/]{0,3}\d")
_NUMBER = re.compile(r"[+(]?\d(?:[\s().\-/]{0,3}\d){6,20}")
_MOST_NUMBERS = 100
"""So many are looked at in one text, which takes some milliseconds; the others are replaced unseen."""

_REGIONS = ("US", "GB", "DE", "FR")
"""Whose national numbers are known; a number with its country's is known anyway."""


def redacted(text: str) -> str:
    """The text with what is recognised replaced by [email], [phone], [card] and [key]."""
    if any(mark in text for mark in _MARKS):
        text = _KEY.sub("[key]", text)
    text = _OWN_KEY.sub("[key]", text)
    if "@" in text:
        text = _EMAIL.sub("[email]", text)
    if _DIGITS.search(text) and _NUMBER.search(text):
        text = _CARD.sub(lambda match: "[card]" if _is_card(match[0]) else match[0], text)
        seen = itertools.count()
        text = _NUMBER.sub(lambda match: "[phone]" if _is_phone(match, next(seen)) else match[0], text)
    return text


def redacted_change(change: Change, redaction: Redaction) -> Change:
    """A change that brings no more than a project wants to store."""
    if redaction.disabled:
        return change
    match change:
        case Collect(draft):
            fresh = _draft(draft, redaction)
            return change if fresh is draft else Collect(fresh)
        case Amend(change=original):
            return replace(change, change=lambda old: _content(original(old), redaction))
    return change


def characters(change: Change) -> int:
    """How much there is to look through."""
    if not isinstance(change, Collect):
        return 0
    interaction, content = change.draft.interaction, change.draft.content
    return len(interaction.query) + len(interaction.response) + len(content.comment)


def _draft(draft: Draft, redaction: Redaction) -> Draft:
    interaction = draft.interaction
    query, response = redacted(interaction.query), redacted(interaction.response)
    content = _content(draft.content, redaction)
    if (query, response) == (interaction.query, interaction.response) and content is draft.content:
        return draft
    interaction = interaction.model_copy(update={"query": query, "response": response})
    return draft.model_copy(update={"interaction": interaction, "content": content})


def _content(content: Content, redaction: Redaction) -> Content:
    changes: dict[str, object] = {}
    comment, correction = redacted(content.comment), content.correction
    if comment != content.comment:
        changes["comment"] = comment
    if redaction.include_corrections and correction is not None:
        texts = {"original": redacted(correction.original), "corrected": redacted(correction.corrected)}
        changes["correction"] = correction.model_copy(update=texts)
    return content.model_copy(update=changes) if changes else content


def _is_card(number: str) -> bool:
    """Whether the last digit is the check digit of the others, by Luhn's rule."""
    digits = [int(digit) for digit in number if digit.isdigit()][::-1]
    return sum(digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits)) % 10 == 0


def _is_phone(match: re.Match[str], place: int) -> bool:
    if place >= _MOST_NUMBERS:
        return True
    # With what stands around it: part of a longer number or of a word is none.
    around = match.string[max(match.start() - 2, 0) : match.end() + 2]
    return any(PhoneNumberMatcher(around, region, leniency=Leniency.VALID).has_next() for region in _REGIONS)
