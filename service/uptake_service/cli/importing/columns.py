"""Where the fields of feedback come from: the mapping, and the columns of a file whatever case their names have."""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from uptake_service.cli.importing.files import BadRow, CannotImport, Row

TYPES = ("THUMBS_UP", "THUMBS_DOWN", "CORRECTION", "RATING", "COMMENT")
SKIP = "SKIP"
"""What a case of the type's mapping gives for rows that are to be left out."""

TEXTS = ("query", "response", "model", "variant", "comment", "user_id", "source")
IDS = ("conversation_id", "trace_id", "span_id")
TIMES = ("occur_time", "interaction_create_time")
MAPS = ("labels", "versions")

FIELDS = (
    "interaction_id",
    "type",
    "score",
    "rating",
    "rating_min",
    "rating_max",
    "original",
    "corrected",
    "correction_kind",
    "minutes_ago",
    "history",
    "contexts",
    *TEXTS,
    *IDS,
    *TIMES,
    *MAPS,
)
"""What a row can hold, by the name of its column or by a mapping; `labels.NAME` and `versions.NAME` too."""

_MOST_COLUMNS = 10_000
_SHOWN_COLUMNS = 20
_SEPARATORS = re.compile(r"[\s_-]+")


@dataclass(frozen=True)
class Source:
    """Where a field comes from: a constant, or a column, whose values `cases` translate if there are any.

    Attributes:
        mapped: Whether a mapping says so; else it is the column of the field's name, if there is one.
    """

    column: str = ""
    cases: tuple[tuple[str, str], ...] = ()
    constant: str | None = None
    mapped: bool = False


def parse_mapping(mapping: Mapping[str, str]) -> dict[str, Source]:
    """Where each field comes from; a field that is not mapped comes from the column of its name.

    Raises:
        CannotImport: The mapping names a field or type that there is not, or a case has no result.
    """
    sources = {field: Source(field) for field in FIELDS}
    for field, text in mapping.items():
        whole, dot, name = field.partition(".")
        if field not in FIELDS and not (dot and name and whole in MAPS):
            near = nearest(field, FIELDS)
            raise CannotImport(f"there is no field {field!r} to map{near}; there are {', '.join(FIELDS)}, labels.NAME")
        sources[field] = _source(field, text)
    return sources


def type_name(text: str) -> str:
    """A type as the contract calls it, from any case and with spaces or hyphens: "Thumbs up" is THUMBS_UP."""
    if text in TYPES:
        return text
    return _SEPARATORS.sub("_", text.strip()).upper().removeprefix("FEEDBACK_TYPE_")


def nearest(name: str, names: Iterable[str]) -> str:
    """ "; did you mean 'x'?" with the one of the names that is most alike, or nothing if none is."""
    plain = {_plain(each): each for each in names}
    near = difflib.get_close_matches(_plain(name), plain, n=1)
    return f"; did you mean {plain[near[0]]!r}?" if near else ""


def listed(names: Iterable[str]) -> str:
    """Names of columns, the first of them if they are many."""
    known = [name or "(no name)" for name in names]
    more = f" and {len(known) - _SHOWN_COLUMNS:,} more" if len(known) > _SHOWN_COLUMNS else ""
    return ", ".join(known[:_SHOWN_COLUMNS]) + more


class Columns:
    """The columns of a file, and which of them each field comes from.

    The name as it stands comes first; without it, one that differs in case, spaces, hyphens and underscores only.

    Attributes:
        sources: Where each field comes from.
        present: The fields that something can come from, as far as the file is read.
        of_maps: The columns named like `labels.plan`, by the whole field: key and column.
        mapped_maps: The fields mapped like `labels.plan`, by the whole field: key and field.
        filled: The rows in which each column holds something.
        ignored: The rows whose type has no use for what stands in a field, by field and type.
        matched: The rows that came under each case of a mapping, by field and the case's key; lines that were tried as
            rows too.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources
        self.present = [field for field, source in sources.items() if source.constant is not None]
        self.filled: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self.matched: Counter[tuple[str, str]] = Counter()
        self._names: dict[str, str] = {}  # With their plain form.
        self._wanted = {source.column for source in sources.values() if source.constant is None}
        self._wanted_of: dict[str, list[str]] = {}
        for name in self._wanted:
            self._wanted_of.setdefault(_plain(name), []).append(name)
        self._other_names: dict[str, list[str]] = {}
        self._used: set[str] = set()
        self.of_maps: dict[str, list[tuple[str, str]]] = {field: [] for field in MAPS}
        self.mapped_maps = {
            field: [(name.partition(".")[2], name) for name in sources if name.startswith(f"{field}.")]
            for field in MAPS
        }

    @property
    def names(self) -> list[str]:
        """Every column so far."""
        return list(self._names)

    def is_wanted(self, name: str) -> bool:
        """Whether a field comes from a column of this name."""
        return name in self._wanted or _plain(name) in self._wanted_of or self._of_map(name) is not None

    def learn(self, names: Iterable[str]) -> None:
        """These are columns of the file."""
        for name in names:
            if name in self._names:
                continue
            plain = self._names[name] = _plain(name)
            of_map = self._of_map(name)
            if name in self._wanted:
                self._used.add(name)
                self._come([name])
            elif plain in self._wanted_of:
                self._come(self._wanted_of[plain])
                for wanted in self._wanted_of[plain]:
                    self._other_names.setdefault(wanted, []).append(name)
            elif of_map is not None:
                field, key = of_map
                self.of_maps[field].append((key, name))
                self._used.add(name)

    def see(self, row: Row) -> None:
        """Counts what a row holds."""
        for name, value in row.items():
            if name not in self._names:
                if len(self._names) >= _MOST_COLUMNS and not self.is_wanted(name):
                    continue
                self.learn((name,))
            if value not in (None, "", [], {}):
                self.filled[name] += 1

    def value(self, row: Row, column: str) -> Any:
        """What a row holds in a column; None if it has none.

        Raises:
            BadRow: Two of its columns may be meant.
        """
        if column in row:
            return row[column]
        others = self._other_names.get(column)
        if not others:
            return None
        found = [name for name in others if name in row]
        if len(found) > 1:
            raise BadRow(f"{' and '.join(map(repr, found))} both fit {column!r}; say which with --map")
        self._used.update(found)
        return row[found[0]] if found else None

    def missing(self) -> dict[str, str]:
        """The columns that a mapping names and the type's, if the file has them not, by the field that needs each."""
        plain = set(self._names.values())
        return {
            field: source.column
            for field, source in self.sources.items()
            if source.constant is None
            and (source.mapped or field == "type")
            and source.column not in self._names
            and _plain(source.column) not in plain
        }

    def nothing_is_read(self) -> bool:
        """Whether no column is used at all, though there are some: then every vote would be the same."""
        return self.sources["type"].constant is not None and self.only_the_type_is_read()

    def only_the_type_is_read(self) -> bool:
        """Whether no column but the type's is used, though there are others: then every vote would be on nothing."""
        if any(each.mapped and each.constant is None for field, each in self.sources.items() if field != "type"):
            return False
        of_type = self.sources["type"]
        others = [name for name in self._names if name and _plain(name) != _plain(of_type.column)]
        return bool(others) and not any(map(self.is_wanted, others))

    def unused(self) -> list[str]:
        """The columns that nothing came from."""
        return [name for name in self._names if name not in self._used]

    def unmatched(self) -> list[tuple[str, str, str]]:
        """Each case of a mapping that no row came under: the field, the column and the case's key."""
        return [
            (field, source.column, key)
            for field, source in self.sources.items()
            for key, _ in source.cases
            if key != "*" and not self.matched[field, key]
        ]

    def check_header(self, repeated: Collection[str]) -> None:
        """Raises CannotImport where it is not clear which column a field comes from; `repeated` names stand twice."""
        for field, source in self.sources.items():
            if source.constant is not None:
                continue
            others = self._other_names.get(source.column, [])
            if source.column in self._names:
                others = []
            if len(others) > 1:
                raise CannotImport(f"{' and '.join(map(repr, others))} both fit {field}; say which with --map")
            for name in (source.column, *others):
                if name in repeated:
                    raise CannotImport(f"the header names {name!r} twice; {field} may be either")

    def _come(self, wanted: list[str]) -> None:
        """Something can come from these columns now."""
        fields = [field for field, source in self.sources.items() if source.constant is None]
        new = [field for field in fields if self.sources[field].column in wanted and field not in self.present]
        self.present += new

    def _of_map(self, name: str) -> tuple[str, str] | None:
        """The map and the key that a column named like `labels.plan` fills."""
        whole, dot, key = name.partition(".")
        field = _plain(whole)
        return (field, key.strip()) if dot and key.strip() and field in MAPS else None


def _source(field: str, text: str) -> Source:
    if text.startswith("="):
        if field == "type":
            _check_type(text[1:])
        return Source(constant=text[1:], mapped=True)
    column, asks, cases_text = text.partition("?")
    if not column:
        raise CannotImport(f"the mapping of {field} names no column")
    if not asks:
        return Source(column, mapped=True)
    cases: list[tuple[str, str]] = []
    for case in cases_text.split("|"):
        key, colon, result = case.rpartition(":")
        if not colon or key == "~":
            raise CannotImport(f"the mapping of {field} has the case {case!r}; VALUE:X, ~PART:X and *:X are cases")
        if field == "type" and result != SKIP:
            _check_type(result)
        cases.append((key, result))
    return Source(column, tuple(cases), mapped=True)


def _check_type(text: str) -> None:
    if type_name(text) not in TYPES:
        near = nearest(text, TYPES)
        raise CannotImport(
            f"the mapping of type gives {text!r}{near}; {', '.join(TYPES)} are types, {SKIP} is for none"
        )


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name).casefold()
