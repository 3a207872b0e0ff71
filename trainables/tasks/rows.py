"""Values of a row as the kinds that parsers count on; whatever else a file holds is an error that names its column."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]

LONGEST_TEXT = 10_000_000
"""Characters; no text of any data set comes near, and a tokenizer would take minutes and gigabytes."""
LARGEST_NUMBER = 2**31 - 1
"""Of offsets in texts."""
_SHOWN = 60


def text(row: Row, column: str) -> str:
    """The text in a column; raises ValueError for anything else."""
    return _text(row[column], column)


def texts(row: Row, column: str) -> tuple[str, ...]:
    """The list of texts in a column; raises ValueError for anything else."""
    found = _list(row[column], column, "texts")
    try:
        if len("".join(found)) <= LONGEST_TEXT:  # the usual case, fast: a file has millions of words
            return tuple(found)
    except TypeError:
        pass
    return tuple(_text(value, f"{column}[{place}]") for place, value in enumerate(found))


def numbers(row: Row, column: str) -> tuple[int, ...]:
    """The list of whole numbers in a column; raises ValueError for anything else."""
    return tuple(
        _number(value, f"{column}[{place}]") for place, value in enumerate(_list(row[column], column, "whole numbers"))
    )


def part(row: Row, column: str, *fields: str) -> Row:
    """The record in a column, with these fields; raises ValueError for anything else."""
    value = row[column]
    if not isinstance(value, Mapping) or not set(fields) <= value.keys():
        raise ValueError(f"{column} is {shown(value)}, expected a record of {' and '.join(fields)}")
    return {f"{column}.{field}": value[field] for field in fields}


def decoded(value: Any) -> Any:
    """What a text says that begins with a bracket and is JSON; any other value as it is."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def shown(value: object) -> str:
    """A value for a message: what cannot be printed is escaped, what is long is cut."""
    if value is None:
        return "null"
    short = reprlib.Repr()
    short.maxstring = short.maxother = _SHOWN
    return short.repr(value)


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{place} is {shown(value)}, expected text")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"{place} has {len(value):,} characters, allowed: {LONGEST_TEXT:,}")
    return value


def _list(value: object, column: str, of: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{column} is {shown(value)}, expected a list of {of}")
    return value


def _number(value: object, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST_NUMBER:
        raise ValueError(f"{place} is {shown(value)}, expected a whole number of at most {LARGEST_NUMBER:,}")
    return value
