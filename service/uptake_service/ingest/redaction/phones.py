"""Phone numbers: by a plus, by an area code in brackets, by a word beside them, or by a country's own writing."""

import re
from collections.abc import Iterator, Sequence

from phonenumbers import PhoneMetadata

from uptake_service.ingest.redaction.context import Context, is_free, is_joined_after
from uptake_service.ingest.redaction.looks import Looks, are_times, is_amount, is_row_of_pairs, looks
from uptake_service.ingest.redaction.plans import international, plan_of, policy_of
from uptake_service.ingest.redaction.scripts import regions as regions_of
from uptake_service.ingest.redaction.steps import scan
from uptake_service.ingest.redaction.words import Words

_SEPARATOR = r"(?: ?[-/] ?| {1,2}|\.|\) ?[-/.]? ?| ?[-/]?\()"
_RUN = re.compile(rf"[+(]{{0,3}}(?<!\d)\d{{1,40}}+(?!\d)(?:{_SEPARATOR}\d{{1,40}}+(?!\d)){{0,30}}+")
"""Groups of digits; of a longer row the next run has the rest, and the last groups of this one once more."""
_AGAIN = 8
_CUT = re.compile(rf"{_SEPARATOR}\d")
_GROUP = re.compile(r"\d+")
_BETWEEN_GROUPS = re.compile(r"\D+")
_BEFORE = re.compile(r"(\d+) {1,2}$")
_FEWEST_NATIONAL = 9
_MOST_FAILED, _LONGEST = 2, 24
"""Groups from which on no number of a policy's region began, and characters of one."""
_FEWEST_DIGITS, _MOST_DIGITS, _MOST_GROUPS = 7, 15, 15
"""Of a number without extension: local ones have seven, and ITU-T E.164 allows fifteen."""

_BESIDE = 40
"""Characters whose script is looked at."""

_NATIONAL = {
    # A trunk zero, and then groups.
    "zero": re.compile(r"(?<!\d)(?<!\d[./-])0[1-9](?:(?:\.\d\d){4}|\d{0,4}(?:[ /-]\d{2,8}){1,4})(?!\d)(?![./-]\d)"),
    "american": re.compile(
        r"(?<!\d)(?<!\d[./ -])(?:(?:1[-. ])?[2-9]\d\d([-. ])[2-9]\d\d\1|[2-9]\d\d/[2-9]\d\d-)\d{4}(?!\d)(?![./ -]\d)"
    ),
    # As mobile phones are written in Sweden, Switzerland, Turkey; in the Netherlands; in Japan, Korea, Indonesia.
    "mobile": re.compile(
        r"(?<!\d)(?<!\d[./-])(?:0(?:7\d|[56]\d\d)[ /-]\d{3}([ -])\d\d\1\d\d|06[ -]\d{8}|0(?:[1789]0|8\d\d)-\d{4}-\d{4})"
        r"(?!\d)(?![./-]\d)"
    ),
    "brackets": re.compile(
        r"(?<![\w)])(?:\d{1,3}[ -])?\(\d{2,5}\)(?: ?- ?| )?\d{2,9}(?:[ .-]\d{2,5}){0,3}(?!\d)(?![./-]\d)"
    ),
}
_PAIRS = re.compile(r"0\d(?:[ .-]\d\d){4}")
_IN_ROW, _GOES_ON = re.compile(r"\d[\s,;]{1,2}$"), re.compile(r"[\s,;]{1,2}\d")
_NO_TRUNK = ("CN", "RU", "GR", "IN")
"""Where a mobile number needs nothing before it; in Russia it is an 8."""
_REGIONS = {"american": ("US",), "zero": ("DE", "GB"), "pairs": ("FR",)}
"""Whose writing is enough alone. It must be that of the number's very area, so few other numbers are written so."""
_BRACKET_REGIONS = ("US", "GB", "DE", "BR", "IN", "MX", "AU", "IT", "AR", "RU", "JP", "TW")

_OF_NUMBER = re.compile(r"\d: ?$")
"""A number names it: "ISBN-10: 0987822789"."""
_EXTENSION = re.compile(
    r"(?:,? ?(?:ext\.?|extn\.?|extension|x|#|доб\.?|poste|durchwahl|转|内线) ?\d{1,6})(?!\d)", re.IGNORECASE
)
_NEXT_OF_LIST = re.compile(
    r"[\s,;/&|]*(?:(?:first|erst|zuerst)\s)?"
    r"(?:and then|or else|then|dann|sonst|puis|luego|poi|or|and|oder|und|ou|et|y|e|o|или|и|або|或|和|または|또는|أو|"
    r"veya|of|en|eller|lub|nebo|home|work|office|mobile|cell|fax|privat|dienstlich|mobil|handy|fixe|bureau|casa|trabajo|lavoro|ufficio)?[\s:.]*"
)


def phones(text: str, regions: Sequence[str], words: Words) -> Iterator[tuple[int, int] | None]:
    """(start, end) of each phone number, in order, and None where it may be paused.

    `text` has its digits and what stands between them in ASCII.
    """
    leader, last, begin = None, -1, 0
    while begin < len(text):
        match = None
        for match in scan(_RUN, text, begin):
            yield None
            if match is None or match.end() - match.start() < _FEWEST_DIGITS:
                continue
            follows = 0 <= last <= match.start() <= last + 18 and _NEXT_OF_LIST.fullmatch(text, last, match.start())
            run = _Run(text, match.start(), match.end(), regions, words, leader if follows else None)
            done = match.start()
            for start, end in run.phones():
                if start >= done:
                    extension = _EXTENSION.match(text, end)
                    done = last = end if extension is None else extension.end()
                    leader = run.context
                    yield start, done
            if _CUT.match(text, match.end()) is not None:
                groups = [group.start() for group in _GROUP.finditer(text, match.start(), match.end())]
                begin = max(done, groups[-_AGAIN:][0], match.start() + 1)
                break
        else:
            return


class _Window:
    """Groups of digits with what stands between, one fewer, and where they end."""

    __slots__ = ("_looks", "end", "groups", "separators")

    def __init__(self, groups: list[str], separators: list[str], end: int) -> None:
        self.groups, self.separators, self.end = groups, separators, end
        self._looks: Looks | None = None

    @property
    def looks(self) -> Looks:
        if self._looks is None:
            self._looks = looks(self.groups, self.separators)
        return self._looks


class _Run:
    """Groups of digits with what may stand between those of one number; there may be several numbers, or none."""

    def __init__(
        self, text: str, start: int, end: int, regions: Sequence[str], words: Words, leader: Context | None
    ) -> None:
        self.text, self.start, self.end = text, start, end
        self.regions, self.words = regions, words
        self.context = Context(text, start, end, words, leader)
        self.is_of_list = leader is not None
        self._known: dict[int, list[_Window]] = {}

    def phones(self) -> Iterator[tuple[int, int]]:
        first = done = _GROUP.search(self.text, self.start).start()  # type: ignore[union-attr]
        lead = self.text[self.start : first]
        if "+" in lead or self.text.startswith(("00", "011"), first):
            end = self._international(first, "+" in lead)
            if end:
                yield self._opened(first, end), end
                done = end
            elif "+" in lead:
                return
        while done < self.end and (end := self._as_called(done)):
            begin = _GROUP.search(self.text, done).start()  # type: ignore[union-attr]
            yield self._opened(begin, end), end
            done = end
        if done < self.end and (end := self._in_script(done)):
            begin = _GROUP.search(self.text, done).start()  # type: ignore[union-attr]
            yield self._opened(begin, end), end
            done = end
        if done < self.end:
            yield from self._national(done if done > first else self.start)

    def _context_of(self, start: int, end: int) -> Context:
        if (start, end) == (self.start, self.end) and not self.is_of_list:
            return self.context
        return Context(self.text, start, end, self.words)

    def _looks_of(self, first: int, end: int) -> Looks | None:
        """What was found before of the groups from `first` to `end`."""
        return next((window.looks for window in self._known.get(first, ()) if window.end == end), None)

    def _opened(self, first: int, end: int) -> int:
        """Where the number begins whose first digit is at `first`: with its plus, and its bracket if that is closed."""
        start = first
        while start > self.start and self.text[start - 1] in "+(":
            start -= 1
        written = self.text[start:end]
        return start + written.find("(") + 1 if written.count("(") > written.count(")") and written[0] == "(" else start

    def _windows(self, first: int) -> "list[_Window]":
        """What may be one number from `first` on, longest first."""
        if first not in self._known:
            self._known[first] = self._windows_at(first)
        return self._known[first]

    def _windows_at(self, first: int) -> "list[_Window]":
        groups: list[str] = []
        separators: list[str] = []
        ends: list[_Window] = []
        digits = 0
        match = _GROUP.match(self.text, first)
        while match is not None and len(groups) < _MOST_GROUPS:
            digits += len(match[0])
            if digits > _MOST_DIGITS:
                break
            groups.append(match[0])
            following = _GROUP.search(self.text, match.end(), self.end)
            separator = self.text[match.end() : following.start()] if following is not None else ""
            if digits >= _FEWEST_DIGITS and (
                not separator or separator[0] == " " or (separator == "/" and self.text[following.start()] == "0")  # type: ignore[union-attr]
            ):
                ends.append(_Window(groups[:], separators[:], match.end()))
            separators.append(separator)
            match = following
        return ends[::-1]

    def _international(self, first: int, plus: bool) -> int:
        """The end of the number that begins with a country's code, or 0."""
        before = self.text[self.start - 1 : self.start]
        if (before.isalnum() and not is_free(before)) or before == "_" or (not plus and self.context.is_other):
            return 0
        possible = 0
        for window in self._windows(first):
            groups, separators, end = window.groups, window.separators, window.end
            if is_joined_after(self.text, end) and _EXTENSION.match(self.text, end) is None:
                continue
            if separators[:1] == ["."] and (len(groups) == 2 or any(" " in each for each in separators)):
                continue  # One decimal, or two.
            digits = "".join(groups)
            if not plus:
                digits = digits.removeprefix("00" if digits.startswith("00") else "011")
            called = (plus and len(digits) > 8) or self.is_of_list or _is_mobile_abroad(groups[0])
            if not separators and not called and not self.context.is_called(Looks.SURE):
                continue
            number = international(digits)
            if number is None:
                continue
            amount = is_amount(groups, separators)
            if amount and groups[0] != number.code:
                continue
            if number.is_valid:
                return end
            if plus and not amount and number.is_possible:
                possible = possible or end
        return possible

    def _as_called(self, done: int) -> int:
        """The end of the number at `done` that a word beside it calls one, or 0."""
        if not self.context.may_be_called:
            return 0
        first = _GROUP.search(self.text, done).start()  # type: ignore[union-attr]
        for window in self._windows(first):
            groups, end = window.groups, window.end
            what = window.looks
            if what is Looks.NONE:
                continue
            what = self._as_some_write(groups, what)
            called = self.context.is_called(what) or (
                what is Looks.SURE and self.context.kind is None and self.context.is_at
            )
            if not called or self.context.is_joined:
                continue
            if _is_seconds(groups) and not self.context.is_named_phone:
                continue
            if (
                len(groups) == 1
                and len(groups[0]) > 11
                and groups[0][0] != "0"
                and not ((number := international(groups[0])) is not None and number.is_valid)
            ):
                continue
            if not self._is_cut(end):
                return end
        return 0

    def _as_some_write(self, groups: list[str], what: Looks) -> Looks:
        """What a number looks like, when some country's mobile phones have such numbers."""
        digits, kind = "".join(groups), self.context.kind
        if kind == "label" and what is Looks.LIKELY and (len(groups) == 1 or len(set(map(len, groups))) == 1):
            return Looks.SURE if len(groups) == 1 and digits[0] == "0" else Looks.ODD  # Or a row of measured values.
        if len(groups) == 1 and what is Looks.LIKELY and digits[0] == "0":
            return Looks.SURE
        if len(digits) == 9 and (len(groups) == 1 or list(map(len, groups)) == [3, 3, 3]):
            sure = kind == "phone" and self.context.labels
            mobile = _MOBILE_OF_NINE.fullmatch(digits) is not None
            if sure or (mobile and (kind != "reach" or self.context.is_at)):
                return max(what, Looks.LIKELY)
        return what

    def _in_script(self, done: int) -> int:
        """The end of the number at `done` that is as they are where the script beside it is written, or 0."""
        regions = regions_of(self.text[max(0, self.start - _BESIDE) : self.end + _BESIDE])
        if not regions:
            return 0
        first = _GROUP.search(self.text, done).start()  # type: ignore[union-attr]
        for window in self._windows(first):
            groups, separators, end = window.groups, window.separators, window.end
            if window.looks < Looks.LIKELY or is_amount(groups, separators) or _is_seconds(groups):
                continue
            sizes = [len(group) for group in groups]
            if "/" in "".join(separators) or (len(groups) > 1 and max(sizes) == 2) or 1 in sizes[groups[0] == "8" :]:
                continue  # Number and year, a row of small numbers, an ISBN.
            start = self.start if done == first else first
            context = self._context_of(start, end)
            if (
                context.is_other
                or context.is_joined
                or self._is_cut(end)
                or _OF_NUMBER.search(self.text, max(0, start - 3), start)
            ):
                continue
            if any(_is_usual(groups, region) for region in regions):
                return end
        return 0

    def _is_cut(self, end: int) -> bool:
        """Whether more digits follow, but too few for another number: then these are a piece of something else."""
        rest = self.text[end : self.end].replace(" ", "")
        return rest.isdigit() and len(rest) < _FEWEST_DIGITS

    def _national(self, done: int) -> list[tuple[int, int]]:
        """(start, end) of what is written from `done` on as in a country whose writing is enough, in order."""
        found = []
        written_nationally = self.end - done > _FEWEST_NATIONAL  # With something between.
        for kind, pattern in _NATIONAL.items() if written_nationally else ():
            if kind in ("zero", "mobile") and self.text.find("0", done, self.end) < 0:
                continue
            last = done
            for match in pattern.finditer(self.text, done, self.end):
                if self._is_national(kind, *match.span(), last):
                    found.append(match.span())
                    last = match.end()
        if self.regions:
            found += self._of_policy(done)
        return sorted(found)

    def _of_policy(self, done: int) -> Iterator[tuple[int, int]]:
        """(start, end) of what is a number of a region that the project names, however it is written there.

        One begins with the first group, or after another one, or is all but a first group that a space keeps apart; in
        a longer row of numbers none does.
        """
        failed = 0
        match = _GROUP.search(self.text, done, self.end)
        while match is not None and failed < _MOST_FAILED:
            if failed and (self.text[match.start() - 1] != " " or self.end - match.start() > _LONGEST):
                return
            end = self._of_region(match.start(), whole=failed > 0)
            failed = 0 if end else failed + 1
            if end:
                yield self._opened(match.start(), end), end
            match = _GROUP.search(self.text, end or match.end(), self.end)

    def _of_region(self, first: int, *, whole: bool) -> int:
        """The end of the number that begins at `first`, or 0; with `whole` it must be all that is left."""
        policy = policy_of(tuple(self.regions))
        for window in self._windows(first):
            groups, end = window.groups, window.end
            if (whole and end != self.end) or window.looks is Looks.NONE or not policy.has("".join(groups)):
                continue
            context = self._context_of(self._opened(first, end), end)
            if not (context.is_joined or context.is_other):
                return end
        return 0

    def _is_list(self, start: int, end: int) -> bool:
        """Whether it may be three numbers, not one: in the brackets of a matrix, or beside words that are not Latin."""
        return self.text[start - 1 : start] == "[" or bool(
            regions_of(self.text[max(0, start - _BESIDE) : end + _BESIDE])
        )

    def _is_national(self, kind: str, start: int, end: int, last: int) -> bool:
        """Whether what is written as in one country, after a number that ends at `last`, is a phone number."""
        written = self.text[start:end]
        groups = _GROUP.findall(written)
        if not _FEWEST_NATIONAL <= sum(map(len, groups)) <= 13:
            return False
        what = self._looks_of(start + (self.text[start] == "("), end)
        if what is None:
            what = looks(groups, _BETWEEN_GROUPS.findall(written.strip("()")))
        context = self._context_of(start, end)
        if what is Looks.NONE or context.is_joined:
            return False
        before = _BEFORE.search(self.text, max(0, start - 5), start) if start - 1 != last else None
        if (before is None or len(before[1]) < 3) and kind != "american" and context.is_called(what):
            return True
        if kind == "brackets":
            return any(_is_valid(groups, region) for region in _BRACKET_REGIONS)
        if kind == "american" and " " in written and self._is_list(start, end):
            return False
        if kind == "zero" and sum(map(len, groups)) < 10:
            return False
        if are_times(groups) or context.is_other or before is not None:
            return False
        if _PAIRS.fullmatch(written):
            if (
                is_row_of_pairs(groups)
                or _IN_ROW.search(self.text[max(0, start - 3) : start])
                or _GOES_ON.match(self.text, end)
            ):
                return False
            kind = "pairs"
        return kind == "mobile" or any(_is_written_so(groups, region) for region in _REGIONS[kind])


def _is_written_so(groups: list[str], region: str) -> bool:
    """Whether the region writes this very number in these groups, with its zero or 1 before it or without."""
    plan = plan_of(region)
    assert plan is not None  # noqa: S101
    digits = "".join(groups)
    national = plan.national(digits)
    if not plan.is_valid(national):
        return False
    before = len(digits) - len(national)
    sizes = [len(group) for group in groups]
    if sizes[0] == before:
        sizes = sizes[1:]
    elif before:
        sizes[0] -= before
    return plan.writes(national, sizes)


def _is_valid(groups: list[str], region: str) -> bool:
    plan = plan_of(region)
    return plan is not None and plan.is_dialled("".join(groups))


def _mobiles(regions: Sequence[str]) -> re.Pattern[str]:
    """Of the mobile numbers of these regions, without spaces (Google's metadata)."""
    known = (PhoneMetadata.metadata_for_region(region) for region in regions)
    return re.compile("|".join(str(each.mobile.national_number_pattern) for each in known if each and each.mobile))


_MOBILE_OF_NINE = _mobiles(("ES", "PT", "PL", "CZ"))
"""Their mobile numbers have nine digits, and no zero before them."""


def _is_mobile_abroad(digits: str) -> bool:
    """Whether it is 00, a country's code but that of North America, and a mobile number, and no article's number."""
    if len(digits) < 12 or not digits.startswith("00") or digits[2] in "01" or _is_gtin(digits):
        return False
    number = international(digits[2:])
    return number is not None and number.is_mobile_alone


def _is_gtin(digits: str) -> bool:
    """GS1 General Specifications, section 7.9: the check digit of EAN and UPC, which have 12 to 14 digits."""
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits))) % 10 == 0


def _is_usual(groups: list[str], region: str) -> bool:
    """Whether it is a number of the region with the zero that is put before it there, and in one piece a mobile one."""
    digits = "".join(groups)
    if digits[0] != "0" and region not in _NO_TRUNK:
        return False
    plan = plan_of(region)
    assert plan is not None  # noqa: S101
    if len(groups) > 1:
        return plan.is_dialled(digits)
    return len(digits) > 10 - (digits[0] == "0" or region == "GR") and plan.is_mobile(plan.national(digits))


def _is_seconds(groups: list[str]) -> bool:
    """Whether it may be the seconds since 1970."""
    return len(groups) == 1 and len(groups[0]) == 10 and groups[0][0] == "1"
