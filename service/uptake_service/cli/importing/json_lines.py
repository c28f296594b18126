"""Rows from JSON lines: one object a line; a bad line spoils no other."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from uptake_service.cli.importing.files import LONGEST_ROW, BadRow, CannotImport, Line, Lines, Row, is_unicode

_SAMPLE_LINES = 50


def json_rows(lines: Lines) -> Iterator[tuple[int, Row | BadRow]]:
    """The rows of a file with their lines; one that cannot be read comes as its error.

    Raises:
        CannotImport: The file holds something else than JSON lines.
    """
    _check_form(lines.peek(_SAMPLE_LINES))
    for line in lines:
        if not line.whole:
            yield line.number, BadRow(f"is longer than {LONGEST_ROW:,} characters")
        elif line.text.strip():
            yield line.number, _row(line.text)


def wrapped_rows(row: Row) -> str | None:
    """The key of an object under which rows seem to lie: a list of objects that are no messages."""
    for key, value in row.items():
        if isinstance(value, list) and value and isinstance(value[0], dict) and "role" not in value[0]:
            return key
    return None


def _row(text: str) -> Row | BadRow:
    if not is_unicode(text):
        return BadRow("is not UTF-8")
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except BadRow as error:
        return error
    except (ValueError, RecursionError) as error:
        return BadRow(f"is no JSON: {error}")
    return value if isinstance(value, dict) else BadRow("is no JSON object")


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRow(f"names {twice!r} twice")
    return made


def _check_form(sample: list[Line]) -> None:
    """Tells once what each line would otherwise be bad for."""
    texts = [line.text.strip() for line in sample if line.text.strip()]
    if not texts:
        return
    first, several = texts[0], len(texts) > 1
    if first[0] == "[" and not (several and _ends(first)):
        raise CannotImport(
            "the file is one JSON array; rows are read as one object a line, which this makes of it: jq -c '.[]'"
        )
    if first[0] == "{" and several and not _ends(first):
        raise CannotImport(
            "the file is JSON over several lines; rows are read as one object a line, which this makes of it: jq -c ."
        )
    if not any(text[0] in "{[" for text in texts):
        raise CannotImport(
            f"the file is not JSON lines: it begins with {first[:80]!r}; a file of comma-separated values is named .csv"
        )


def _ends(text: str) -> bool:
    """Whether a JSON value, if it is one, ends where the text does: it is whole, or wrong somewhere before its end."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos < len(text)
    except (ValueError, RecursionError):
        return True
    return True
