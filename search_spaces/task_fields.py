"""What a section of FILE.yaml says of a task of one's own, and in which words it is told what is wrong there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, StrictBool, ValidationError
from pydantic_core import ErrorDetails

from search_spaces.fields import CountOrNone, InputLength, Section, named
from search_spaces.plain_yaml import Keys
from search_spaces.recipe_fields import MLM_LANGUAGES
from search_spaces.task_checks import ROLES
from trainables.ledger.nearest import unknown
from trainables.ledger.paths import clean_text
from trainables.tasks.rows import shown
from trainables.tasks.shapes import FORMATS
from trainables.tasks.task import Role, Split

Column = str | int | tuple[str, ...]
_FAMILY = re.compile("[a-z][a-z0-9_-]*", re.ASCII)
_IN_QUOTES = "in quotes where YAML takes it for something else"


def _label(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return clean_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"allowed: a name, {_IN_QUOTES} ('yes', '1.0')")


def _labels(value: tuple[str, ...]) -> tuple[str, ...]:
    if twice := [label for label in value if value.count(label) > 1]:
        raise ValueError(f"{twice[0]!r} stands there twice; allowed: names that are distinct")
    return value


def _column(value: Any) -> Column:
    if isinstance(value, list) and value and all(isinstance(name, str) and name for name in value):
        return tuple(value)
    if (isinstance(value, str) and value) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError(f"allowed: the name of a column, {_IN_QUOTES}; its number in files such as .conll")


def _title(value: str) -> str:
    return clean_text(value.strip())


def _family(value: str) -> str:
    if not _FAMILY.fullmatch(value):
        raise ValueError("allowed: a name of a-z, 0-9, _ and -, such as ner, pos, nli, qa, paraphrase")
    return value


_Split = Annotated[Split, named("split", lambda: Split)]
_Language = Annotated[str, named("language", lambda: MLM_LANGUAGES)]
_Text = Annotated[str, AfterValidator(clean_text), Field(min_length=1)]


class HubRows(Section):
    """Where the rows of a split in a language are in a repository."""

    config: _Text = "default"
    split: _Text


class HubFields(Section):
    """A repository of the hub; `num_train_rows` is what a plan counts with before its rows are here."""

    repository: _Text
    revision: _Text = ""
    num_train_rows: CountOrNone = 0
    train: Mapping[_Language, HubRows] = {}
    stopping: Mapping[_Language, HubRows] = {}
    dev: Mapping[_Language, HubRows] = {}
    test: Mapping[_Language, HubRows] = {}

    def rows(self) -> Mapping[Split, Mapping[str, HubRows]]:
        """By split and language; splits without rows are left out."""
        return {split: held for split in Split if (held := getattr(self, split))}


class TaskFields(Section):
    """One task.

    Attributes:
        columns: column of the format -> what the file calls it, or its number in a file in columns.
        labels: in the order of the head; none: those of the train rows.
        positive: label whose F1 is measured, of pairs.
        chunk_f1: whether tags are chunks; None: where the labels look like IOB.
        metrics: none: those of the format.
        max_length: sub-words; 0: those of the paper's tasks of the format.
        shares_rows: train rows may be evaluated, too.
    """

    role: Annotated[Role, named("role", lambda: ROLES)]
    format: Annotated[str, named("format", lambda: FORMATS)]
    title: Annotated[str, AfterValidator(_title)] = ""
    family: Annotated[str, AfterValidator(_family)] = ""
    files: Mapping[_Split, Mapping[_Language, _Text]] = {}
    hub: HubFields | None = None
    columns: Mapping[str, Annotated[Any, AfterValidator(_column)]] = {}
    labels: Annotated[
        tuple[Annotated[Any, AfterValidator(_label)], ...], Field(min_length=2), AfterValidator(_labels)
    ] = ()
    positive: Annotated[Any, AfterValidator(_label)] = ""
    chunk_f1: StrictBool | None = None
    metrics: tuple[str, ...] = ()
    max_length: InputLength = 0
    shares_rows: StrictBool = False


_MODELS: Mapping[int, type[BaseModel]] = {2: HubFields, 4: HubRows}
"""By the number of names in the place of a field below `hub`."""
_WORDS = {
    "tuple_type": "a list", "dict_type": "a section", "mapping_type": "a section", "bool_type": "on, off",
    "string_type": f"a text, {_IN_QUOTES}", "string_too_short": "a text that is not empty",
    "too_short": "at least two, each on its own",
}  # fmt: skip
"""What is allowed, by pydantic's type of error, where its own words do not say it."""


def read_fields(says: Any) -> TaskFields | list[tuple[Keys, str]]:
    """A section, or all that is wrong with it: places in it, and what is to be said of them."""
    try:
        return TaskFields.model_validate(says)
    except ValidationError as error:
        return list(dict.fromkeys(_told(error.errors())))


def _told(errors: list[ErrorDetails]) -> Iterator[tuple[Keys, str]]:
    for error in errors:
        if error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]:
            continue  # only those that are right were counted; the others have errors of their own
        keys = tuple(str(key) for key in error["loc"] if key != "[key]")
        model = _MODELS.get(len(keys), TaskFields) if keys[:1] == ("hub",) else TaskFields
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            what = f"field of {'.'.join(keys[:-1])}" if keys[:-1] else "field of a task"
            yield keys, unknown(what, keys[-1], model.model_fields)
        elif error["type"] == "missing":
            yield keys, f"{'.'.join(keys)} is not given"
        elif error["type"] == "model_type":
            allowed = ", ".join((_MODELS[len(keys) + 1] if keys else TaskFields).model_fields)
            given = f"{'.'.join(keys) or 'it'} is {shown(error['input'])}"
            yield keys, f"{given}; allowed: a section with the fields {allowed}"
        elif error["type"] == "value_error" and not message.startswith("allowed"):
            yield keys, f"{'.'.join(keys)}: {message}"
        else:
            words = _WORDS.get(error["type"], message.removeprefix("Input should be ").removeprefix("allowed: "))
            yield keys, f"{'.'.join(keys)} is {shown(error['input'])}; allowed: {words}"
