"""How much digits in groups look like a phone number, and letters like a key, whatever is said of them."""

import re
from enum import IntEnum


class Looks(IntEnum):
    NONE = 0
    ODD = 1
    """It could still be one."""
    LIKELY = 2
    """As many and as few digits as most have, but much else has them too."""
    SURE = 3
    """A trunk zero, and groups."""


def looks(groups: list[str], separators: list[str]) -> Looks:
    """Of groups of digits with what stands between them, one fewer."""
    if len(groups) == 1:
        return _in_one_piece(groups[0])
    if " -" in separators:
        return Looks.NONE  # Numbers below zero.
    digits, sizes = "".join(groups), [len(group) for group in groups]
    zero = digits[0] == "0" and digits[1] != "0"
    if len(digits) > 13 or _is_date_or_list(groups, sizes, zero) or _is_fraction_or_range(groups, sizes, separators):
        return Looks.NONE
    if "." in separators and ")" not in "".join(separators):
        return _with_dots(groups, sizes, separators, zero)
    if sizes == [5, 4] and separators == ["-"]:
        return Looks.LIKELY
    if zero and len(sizes) == 3 and set(sizes) == {4} and are_times(groups):
        return Looks.ODD
    if set(sizes) == {2} and is_row_of_pairs(groups):
        return Looks.LIKELY if zero and len(groups) == 5 and groups != sorted(groups) else Looks.ODD
    american = sizes[-3:] == [3, 3, 4] and groups[-3][0] > "1" and groups[-2][0] > "1" and len(set(separators)) == 1
    if any("-" in each and each[0] == " " for each in separators) and not (zero or american):
        return Looks.ODD  # As sums are written.
    tidy = len(groups) < 6 and 1 not in sizes[1:]
    if zero and len(groups) > 1 and tidy and sizes[0] > 1 and 9 <= len(digits) <= 12:
        return Looks.SURE
    if zero and sizes == [1, 3, 3, 2, 2]:
        return Looks.SURE
    if zero:
        return Looks.LIKELY if 10 <= len(digits) <= 12 else Looks.ODD
    return Looks.LIKELY if tidy and 8 <= len(digits) <= 11 else Looks.ODD


def _in_one_piece(digits: str) -> Looks:
    """Of one group of seven digits at least."""
    if len(digits) > 13:
        return Looks.NONE
    if len(digits) < 9:
        first, last = digits[:4], digits[4:]
        is_date = _is_year(first) or (_is_year(last) and first[:2] < "32" and first[2:] < "13")
        return Looks.NONE if is_date else Looks.ODD
    zero = digits[0] == "0" and digits[1] != "0"
    return Looks.LIKELY if 10 <= len(digits) <= 12 - (not zero) else Looks.ODD


def is_amount(groups: list[str], separators: list[str]) -> bool:
    """Whether thousands are written so: +1 250 000."""
    return (
        len(groups) > 1
        and len(groups[0]) < 4
        and all(len(group) == 3 for group in groups[1:])
        and len(set(separators)) == 1
    )


def is_row_of_pairs(groups: list[str]) -> bool:
    """Whether pairs are small numbers in a row, as of a lottery, and no French phone number."""
    return (groups == sorted(groups) and groups[-1] <= "50") or sum(group[0] == "0" for group in groups) > 2


def _is_year(group: str) -> bool:
    return len(group) == 4 and "1900" <= group < "2100"


def _is_date_or_list(groups: list[str], sizes: list[int], zero: bool) -> bool:
    if len(groups) > 1 and all(
        size == 4 and "1000" <= group < "2101" for group, size in zip(groups, sizes, strict=True)
    ):
        return True  # Years.
    if sizes.count(1) > 2 and not (max(sizes) == 1 and zero):
        return True
    others = [size for group, size in zip(groups, sizes, strict=True) if not _is_year(group)]
    if len(others) == len(groups) - 1 and len(groups) > 2 and max(others) <= 2:
        return True  # Day, month and year in any order, a time maybe.
    return len(groups) == 2 and _is_year(groups[0]) and sizes[1] == 3  # Year and day of the year.


def _is_fraction_or_range(groups: list[str], sizes: list[int], separators: list[str]) -> bool:
    slashes = [place for place, each in enumerate(separators) if "/" in each]
    if slashes and (slashes != [0] or (min(sizes[:2]) < 2 and "(" not in separators[0])):
        return True
    if any("(" in each for each in separators[1:]):
        return True  # Pages and a year: 533-989 (2071).
    if sizes == [5, 4] and separators == ["-"] and groups[0][0] != "9":
        return True  # ZIP+4; of those in the west, Brazil's mobile phones have the same writing.
    # From one time to another, or a row of them; Indonesia's mobile phones have such groups too.
    return (
        len(sizes) > 1 and set(sizes) == {4} and are_times(groups) and not (groups[0][:2] == "08" and len(sizes) == 3)
    )


def are_times(groups: list[str]) -> bool:
    """Whether each is a time of day without a colon: 0815 0930."""
    return all(len(group) == 4 and group[:2] < "25" and group[2:] < "60" for group in groups)


def _with_dots(groups: list[str], sizes: list[int], separators: list[str], zero: bool) -> Looks:
    """Versions, decimals and amounts have dots too."""
    if set(separators) != {"."} or 1 in sizes[1:] or groups[0] == "0" or _is_year(groups[0]) or sizes == [3, 3, 3, 3]:
        return Looks.NONE
    if zero:
        return Looks.SURE if 9 <= sum(sizes) <= 11 else Looks.ODD
    if sizes[-3:] == [3, 3, 4]:
        return Looks.LIKELY
    return Looks.ODD if len(sizes) > 2 and 9 <= sum(sizes) <= 11 else Looks.NONE


_PIECE = re.compile(r"[A-Za-z0-9]{16,}")
_NUMBER = re.compile(r"\d+")
_CASE_CHANGE = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")


def looks_random(key: str) -> bool:
    """Whether it was drawn and not spelled: a long piece has digits among its letters, or capitals anywhere in it.

    Of names that people write (`sk-learn-contrib`, `pk_user_id_of_account_2024`) the pieces are words. Drawn from
    letters and digits, 24 characters have no digit in 1.4% of all cases, and then still capitals that no CamelCase has.
    """
    return any(_is_drawn(piece) for piece in _PIECE.findall(key)) or len(_NUMBER.findall(key)) > 5


def _is_drawn(piece: str) -> bool:
    digits = sum(map(str.isdigit, piece))
    mixed = not piece.islower() and not piece.isupper()
    return (0 < digits < len(piece) and (digits > 1 or mixed)) or 6 * len(_CASE_CHANGE.findall(piece)) >= len(piece)
