"""Classes of characters, for regular expressions."""

import itertools
import re
import unicodedata
from collections.abc import Iterable


def _ranges(points: Iterable[int]) -> str:
    """The inside of a character class: consecutive code points as ranges."""
    parts = []
    for _, group in itertools.groupby(enumerate(points), lambda pair: pair[1] - pair[0]):
        members = [point for _, point in group]
        parts.append(f"\\U{members[0]:08x}-\\U{members[-1]:08x}")
    return "".join(parts)


MARKS = _ranges(point for point in range(0x300, 0x3100) if unicodedata.category(chr(point))[0] == "M") + (
    "\\U0000a8e0-\\U0000a8f1\\U0000fe20-\\U0000fe2f\\U0000200c\\U0000200d"
)
"""Signs that belong to the letter before them, as the vowels of Hindi and Thai do; `\\w` lacks them."""

UNSPACED = (
    "\\U00000e00-\\U00000eff\\U00001000-\\U0000109f\\U00001780-\\U000017ff\\U00003040-\\U000030ff\\U000031f0-\\U000031ff"
    "\\U00003400-\\U00009fff\\U0000f900-\\U0000faff\\U0000ff66-\\U0000ff9f\\U00020000-\\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana and Han: scripts that put no space between words."""

_REGIONS = (
    # The first that is beside a number decides: Japanese has Han in it, and Latin names are everywhere.
    (re.compile("[\u3041-\u30fa]"), ("JP",)),
    (re.compile("[\uac00-\ud7a3]"), ("KR",)),
    (re.compile("[\u3400-\u9fff]"), ("CN", "TW", "HK", "JP")),
    (re.compile("[\u0e01-\u0e4e]"), ("TH",)),
    (re.compile("[\u0370-\u03ff]"), ("GR", "CY")),
    (re.compile("[\u05d0-\u05ea]"), ("IL",)),
    (re.compile("[\u0905-\u0939]"), ("IN",)),
    (re.compile("[\u0985-\u09b9]"), ("BD",)),
    (re.compile("[\u0620-\u064a]"), ("EG", "SA", "AE", "IR", "JO", "MA")),
    (re.compile("[\u0400-\u04ff]"), ("RU", "UA", "BY", "BG")),
)
_NOT_LATIN = re.compile("[\u0370-\u0e4e\u3041-\ud7a3]")


def regions(text: str) -> tuple[str, ...]:
    """Where numbers are from that stand among words of such a script; none for Latin, which half the world writes."""
    if text.isascii() or _NOT_LATIN.search(text) is None:
        return ()
    return next((some for letters, some in _REGIONS if letters.search(text) is not None), ())


PLAIN = str.maketrans(
    {
        **{
            chr(point): str(unicodedata.decimal(chr(point)))
            for point in (*range(0x660, 0x1C5A), *range(0xA620, 0xAC00), *range(0xFF10, 0xFF1A))
            if unicodedata.category(chr(point)) == "Nd"
        },
        **dict.fromkeys(map(chr, (0xA0, 0x2000, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008)), " "),
        **dict.fromkeys(map(chr, (0x2009, 0x200A, 0x202F, 0x205F, 0x3000)), " "),
        **dict.fromkeys(map(chr, (0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFF0D, 0xFE63)), "-"),
        "＋": "+",
        "（": "(",
        "）": ")",
        "．": ".",
        "／": "/",
        "：": ":",
        "，": ",",
        "＃": "#",
        "［": "[",
        "］": "]",
    }
)
"""Digits of any script, and other widths of what stands between them, as ASCII; of the same length."""
