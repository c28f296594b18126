"""Texts made to take long: what each pattern and each detector begins with, near misses of it, and what bends it.

`ATTACKS` has how each is made, by name; most are a unit written again and again, those of digits are drawn so that no
two numbers are the same.
"""

import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from itertools import cycle, islice
from random import Random

from uptake_service.ingest.redaction.keys import SHAPES
from uptake_service.ingest.redaction.named import NAMES

Attack = Callable[[int], str]
"""Gives a text of so many characters."""

REGIONS = (
    *("DE", "US", "FR", "IN", "CN", "GB", "ES", "PT", "BR", "MX"),
    *("AR", "JP", "KR", "RU", "NG", "EG", "ZA", "TR", "ID", "VN"),
)
"""As many as a policy may name."""


def _repeated(unit: str, characters: int) -> str:
    return (unit * (characters // len(unit) + 1))[:characters]


def _drawn(shape: str, characters: int) -> str:
    """The shape again and again, with another digit for each #."""
    random = Random(shape)
    letters = islice(cycle(shape), characters)
    return "".join(random.choice("0123456789") if letter == "#" else letter for letter in letters)


_WORDS = tomllib.loads(
    resources.files("uptake_service.ingest.redaction").joinpath("words.toml").read_text(encoding="utf-8")
)
_UNITS = (
    "1",
    "0",
    "1 ",
    "4111 ",
    "@",
    "a@",
    "a.",
    "a@a.",
    " ",
    "-",
    "eyJ-",
    "eyJ.",
    "a://",
    "a://a:",
    "(",
    "+",
    "+1",
    "1-",
    "1.",
    ") 1",
    '"',
    '"a"@',
    "api_key=",
    "api key ",
    "secret",
    "Bearer ",
    "aws secret ",
    "Server=a;Password=",
    "AA11",
    "电话",
    "hooks.slack.com/services/",
    "-----BEGIN PRIVATE KEY-----\n",
    "0151 23456789 ",
    "call 0151 23456789, ",
    "telephone ",
    "+49 151 23456789 ",
    "(030) 12345678 ",
    "415-555-2671, ",
    "4111 1111 1111 1111, ",
    "4111111111111111 ",
    "电话12345678 ",
    "0123456789abcdef",
    "0123456789abcdef.",
    "2022-01-09 07:55:43 ",
    "DE89 3704 0044 0532 0130 00 ",
    "tel 1234567 x ",
    "01 23 45 67 89 ",
    "１２３４５６７８ ",
)
_FOUND = (
    "-1234 12 , 号码://011",
    "1234号码01-011",
    ' my"%555-2671号码',
    "é号码3704 0044\n",
    ",(030) 12345678銀行卡,(030) 12345678銀行卡01 23 45 67 89銀行卡",
    "μήνυμα4111 1111 1111 1111моей of123-45-6789番号 ",
    "הסיסמה:=",
    "Password=อeyJaرقمdeadbeefsecret",
    " اتصل01 23 45 67 89",
)
"""The worst that a search among half a million texts found, by which the detectors were mended."""
_DRAWN = (
    "#",
    "# ",
    "## ",
    "### ",
    "#### ",
    "##########, ",
    "+## ### #######, ",
    "+#",
    "+# ",
    "0### ########\n",
    "(0##) ########",
    "(###) ###-#### ",
    "###-###-####, ",
    "4### #### #### #### ",
    "4###############,",
    "5###-####-####-####;",
    "3782 ###### ##### ",
    "DE## #### #### #### #### ## ",
    "gb## nwbk #### #### #### ##\n",
    "SSN ###-##-#### ",
    "###.###.###.### ",
    "####-##-## ##:##:## ",
    "tel ####### of ######## ",
    "番号########電話####",
    "call ### #### or ### ####, ",
    "my number is ########## ",
    "٠###１### ",
    "#\u200b",
    "#\u0301",
    "password=a#",
    "password is ####a# ",
    "key: ####abcd####ABCD#### ",
)
_BENT = ("\u200b", "\u0301", "\u200d", "ก็", "क्", "İ", "ﬁ", "\u202e", "\x00", "é", "名", "한", "\ud800", "１", "٣", "𝟗")


def _attacks() -> Iterator[tuple[str, Attack]]:
    for unit in (*_UNITS, *_FOUND, *_BENT):
        yield repr(unit), partial(_repeated, unit)
    for shape in _DRAWN:
        yield f"{shape!r}, drawn", partial(_drawn, shape)
    for key in SHAPES:
        half, short = key.example[: len(key.example) // 2], key.example[:-1]
        for mark in key.marks:
            for unit in (mark, f" {mark}", f"={mark}", f"{mark}a1"):
                yield f"{key.provider}: {unit!r}", partial(_repeated, unit)
        for name, unit in (("whole", key.example), ("half", half), ("short", short), ("joined", f"{short}é")):
            yield f"{key.provider}: {name}", partial(_repeated, unit)
            yield f"{key.provider}: {name}, spaced", partial(_repeated, f"{unit} ")
    for kind, names in NAMES.items():
        for unit in ("".join(names), "=".join(names), " is ".join(names), ": x1".join(names)):
            yield f"names, {kind}: {unit[:20]!r}", partial(_repeated, unit)
    for kind, words in _WORDS.items():
        said = [word.strip("*") for word in words]
        yield f"words, {kind}", partial(_drawn, " ####### ".join(said))
        yield f"words, {kind}, joined", partial(_drawn, "".join(f"{word}0## ########" for word in said))


ATTACKS: dict[str, Attack] = dict(_attacks())
