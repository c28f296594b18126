"""Numbering plans: which digits are a country's phone numbers, and how it writes them.

The patterns are Google's metadata (libphonenumber), compiled once a region. That library's own functions cost 20 µs a
number to parse and validate, and over 100 µs to match its writing; a text of nothing but numbers asks once for every
ten characters.
"""

import re
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberFormat, PhoneMetadata, PhoneNumberDesc
from phonenumbers.data import _ALT_NUMBER_FORMATS

_TYPES = ("premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail")
_LONGEST_PREFIX = 5
_FEWEST, _MOST = 2, 17
"""Digits of a national number, as the library has it."""


class _Kind:
    """One kind of number: its lengths, and its pattern."""

    def __init__(self, description: PhoneNumberDesc) -> None:
        self._lengths = frozenset(description.possible_length)
        self.pattern = str(description.national_number_pattern)
        self._fullmatch = re.compile(self.pattern).fullmatch

    def matches(self, national: str) -> bool:
        return self._fullmatch(national) is not None

    def has(self, national: str) -> bool:
        return (not self._lengths or len(national) in self._lengths) and self.matches(national)


def _kind(description: PhoneNumberDesc | None) -> _Kind | None:
    return _Kind(description) if description is not None and description.national_number_pattern else None


class Plan:
    """The numbers of one region, or of one code that is no region's (+800)."""

    def __init__(self, metadata: PhoneMetadata) -> None:
        self.code = str(metadata.country_code)
        self.leading = re.compile(metadata.leading_digits) if metadata.leading_digits else None
        general = metadata.general_desc
        assert general is not None  # noqa: S101
        self._general = _Kind(general)
        self._lengths = frozenset(general.possible_length)
        self._possible = self._lengths | frozenset(general.possible_length_local_only)
        self._shortest, self._longest = min(self._lengths), max(self._lengths)
        self._kinds = [kind for name in _TYPES if (kind := _kind(getattr(metadata, name))) is not None]
        self._fixed, self._mobile = _kind(metadata.fixed_line), _kind(metadata.mobile)
        self._all = [kind for kind in (self._fixed, self._mobile, *self._kinds) if kind is not None]
        self._looks_valid = re.compile("|".join(kind.pattern for kind in self._all)).fullmatch
        """Of any kind, by its digits alone: what most are not."""
        self._same = bool(metadata.same_mobile_and_fixed_line_pattern)
        self._prefix = (
            re.compile(metadata.national_prefix_for_parsing) if metadata.national_prefix_for_parsing else None
        )
        prefix = metadata.national_prefix_for_parsing or ""
        self._literal = prefix if prefix.isdigit() else ""
        self._before = (len(prefix),) if prefix.isdigit() else range(1, _LONGEST_PREFIX + 1)
        """Digits that may be dialled before a number."""
        self._transform = metadata.national_prefix_transform_rule
        self._formats = [_Format(each) for each in metadata.number_format]
        self._other_formats = [_Format(each) for each in _ALT_NUMBER_FORMATS.get(int(self.code), ())]

    def may_have(self, length: int) -> bool:
        """Whether numbers may have so many digits."""
        return length in self._lengths

    def prefixes(self, length: int) -> list[str]:
        """What may be dialled before a number of so many digits with it; "" is any of many forms."""
        if len(self._before) > 1:
            before = [""] if any(length - digits in self._lengths for digits in self._before) else []
        else:
            before = [self._literal] if self._literal and length - len(self._literal) in self._lengths else []
        return before + ([self.code] if length - len(self.code) in self._lengths else [])

    def is_dialled(self, digits: str) -> bool:
        """Whether they are a valid number as it is dialled in the region, or with the country's code before it."""
        if self.is_valid(digits):
            return True
        match = self._prefix.match(digits) if self._prefix is not None else None
        if match is not None:
            rest = self.stripped(digits) if self._transform else digits[match.end() :]
            if self.is_valid(rest):
                return True
        return digits.startswith(self.code) and self.is_valid(digits[len(self.code) :])

    def is_valid(self, national: str) -> bool:
        if self._looks_valid(national) is None or len(national) not in self._lengths:
            return False
        return self._general.has(national) and any(kind.has(national) for kind in self._all)

    def is_mobile(self, national: str) -> bool:
        """Whether it is a mobile number, or one that may be either."""
        if not self._general.has(national) or any(kind.has(national) for kind in self._kinds):
            return False
        if self._fixed is not None and self._fixed.has(national):
            return self._same or (self._mobile is not None and self._mobile.has(national))
        return self._mobile is not None and self._mobile.has(national)

    def is_mobile_alone(self, national: str) -> bool:
        """Whether it is a mobile number and cannot be another."""
        return self.is_mobile(national) and not (self._fixed is not None and self._fixed.has(national))

    def is_possible(self, national: str) -> bool:
        """Whether it is as long as some are."""
        return len(national) in self._possible

    def national(self, digits: str) -> str:
        """Digits as they are dialled in the region, without what is dialled before a number.

        The country's code may stand before them too, where they are no number with it.
        """
        if len(digits) > self._shortest and digits.startswith(self.code):
            rest = self.stripped(digits[len(self.code) :])
            if len(digits) > self._longest or (not self._general.has(digits) and self._general.has(rest)):
                return rest
        return self.stripped(digits)

    def stripped(self, digits: str) -> str:
        """Without a national prefix, as of +44 (0) 20, unless too few digits are left then."""
        match = self._prefix.match(digits) if self._prefix is not None else None
        if match is None:
            return digits
        rest = digits[match.end() :]
        if self._transform and match.lastindex is not None and match[len(match.groups())] is not None:
            rest = match.expand(self._transform) + rest
        if len(rest) not in self._lengths or (self._general.has(digits) and not self._general.has(rest)):
            return digits
        return rest

    def writes(self, national: str, sizes: list[int]) -> bool:
        """Whether the region writes the number in groups of so many digits."""
        first = next((each for each in self._formats if each.match(national) is not None), None)
        forms = (*(() if first is None else (first,)), *self._other_formats)
        return any(each.groups == len(sizes) and each.sizes(national) == sizes for each in forms)


class _Format:
    """One way to write numbers that begin with certain digits."""

    def __init__(self, form: NumberFormat) -> None:
        self._leading = re.compile(form.leading_digits_pattern[-1]) if form.leading_digits_pattern else None
        pattern = re.compile(str(form.pattern))
        self.groups, self._matches = pattern.groups, pattern.fullmatch

    def match(self, national: str) -> re.Match[str] | None:
        fits = self._leading is None or self._leading.match(national) is not None
        return self._matches(national) if fits else None

    def sizes(self, national: str) -> list[int]:
        """How many digits each group has of a number that is written so; none of another."""
        match = self.match(national)
        return [] if match is None else [len(group) for group in match.groups("")]


def load_plans() -> None:
    """Compiles the plans of all regions, which takes a second: when one is needed, nothing may wait for it."""
    for code in COUNTRY_CODE_TO_REGION_CODE:
        _plans(code)


@lru_cache(maxsize=512)
def plan_of(region: str) -> Plan | None:
    """The plan of an ISO 3166-1 alpha-2 code; None if there is none."""
    metadata = PhoneMetadata.metadata_for_region(region.upper())
    return Plan(metadata) if metadata is not None else None


class Policy:
    """The numbers of the regions that a project names, as they are dialled there."""

    def __init__(self, regions: tuple[str, ...]) -> None:
        plans = [plan for region in regions if (plan := plan_of(region)) is not None]
        lengths = range(_MOST + 1)
        self._whole = [[plan for plan in plans if plan.may_have(length)] for length in lengths]
        self._after: list[dict[str, list[Plan]]] = [{} for _ in lengths]
        """By what is dialled before a number."""
        for length in lengths:
            for plan in plans:
                for prefix in plan.prefixes(length):
                    self._after[length].setdefault(prefix, []).append(plan)

    def has(self, digits: str) -> bool:
        """Whether the digits, 15 at most, are a valid number of one of the regions."""
        for plan in self._whole[len(digits)]:
            if plan.is_valid(digits):
                return True
        for prefix, plans in self._after[len(digits)].items():
            if digits.startswith(prefix):
                for plan in plans:
                    if plan.is_dialled(digits):
                        return True
        return False


@lru_cache(maxsize=64)
def policy_of(regions: tuple[str, ...]) -> Policy:
    return Policy(regions)


@lru_cache(maxsize=512)
def _plans(code: int) -> tuple[Plan, ...]:
    """Of the regions with a country's code, the largest first."""
    plans = []
    for region in COUNTRY_CODE_TO_REGION_CODE.get(code, ()):
        plan = plan_of(region)
        if plan is None:  # A code that is no region's.
            metadata = PhoneMetadata.metadata_for_nongeo_region(code)
            plan = Plan(metadata) if metadata is not None else None
        if plan is not None:
            plans.append(plan)
    return tuple(plans)


class International:
    """A number that begins with a country's code (ITU-T E.164)."""

    def __init__(self, plans: tuple[Plan, ...], national: str) -> None:
        self.code = plans[0].code
        self._plans = plans
        self._national = national
        self._own = next((each for each in plans if self._is_of(each)), None)

    def _is_of(self, plan: Plan) -> bool:
        if plan.leading is not None:
            return plan.leading.match(self._national) is not None
        return len(self._plans) == 1 or plan.is_valid(self._national)

    @property
    def is_valid(self) -> bool:
        return self._own is not None and self._own.is_valid(self._national)

    @property
    def is_mobile_alone(self) -> bool:
        return self._own is not None and self._own.is_mobile_alone(self._national)

    @property
    def is_possible(self) -> bool:
        return self._plans[0].is_possible(self._national)


def international(digits: str) -> International | None:
    """The number of digits that follow a plus; None if they begin with no country's code."""
    for length in (1, 2, 3):
        plans = _plans(int(digits[:length])) if digits[:1] != "0" and len(digits) > length else ()
        if plans:
            national = plans[0].stripped(digits[length:])
            return International(plans, national) if _FEWEST <= len(national) <= _MOST else None
    return None
