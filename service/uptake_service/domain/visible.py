"""Whether a text shows anything."""

import unicodedata

# Characters that fonts draw nothing for, though their category is that of a letter, a mark or a symbol.
_DRAWN_AS_NOTHING = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)


def is_visible(text: str) -> bool:
    """Whether a text has a character that can be seen; white space, control and format characters cannot."""
    return any(map(_is_visible, text))


def _is_visible(character: str) -> bool:
    return character not in _DRAWN_AS_NOTHING and unicodedata.category(character) not in ("Cc", "Cf", "Zs", "Zl", "Zp")
