"""What of a comment counts when comments are grouped and named."""

import html
import re

WORD = r"[^\W\d_](?:[\w'-]*\w)?"
"""What counts as a word of a text, as a regular expression."""

_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|\bt\.co/\S+|@\w+|\d+|[#_]")


def clean(text: str) -> str:
    """The text in lower case without handles, links, numbers, markup entities and hash signs."""
    text = html.unescape(html.unescape(text)).replace("\u2019", "'")
    return " ".join(_NOT_WORDS.sub(" ", text).lower().split())
