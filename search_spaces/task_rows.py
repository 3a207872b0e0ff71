"""Where the rows of a task in FILE.yaml are: its files or repository, and what the columns there are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from search_spaces.plain_yaml import Keys
from search_spaces.task_fields import HubFields, TaskFields
from trainables.data.column_files import LAYOUTS, Columns
from trainables.data.own_files import COLUMN_SUFFIXES, FILES, FileSource, is_squad, why_no_file, why_no_kind
from trainables.ledger.nearest import unknown
from trainables.ledger.paths import expanded
from trainables.tasks.examples import Example
from trainables.tasks.languages import ENGLISH
from trainables.tasks.revisions import is_commit
from trainables.tasks.rows import Row
from trainables.tasks.shapes import ALIASES, COLUMNS, TAGS, Shape, parser
from trainables.tasks.task import Source, Sources, Split

COMMENT = "comment"
"""Beside the columns: how lines begin that are no words, in files in columns."""
_REVISION = (
    "allowed: a commit, 40 characters 0-9 and a-f, since a branch may move. This prints it: git ls-remote {} HEAD"
)


@dataclass(frozen=True, kw_only=True)
class TaskRows:
    """The rows that a section says; `file` is the YAML file, whose folder relative paths are of."""

    file: Path
    name: str
    fields: TaskFields

    @cached_property
    def codes(self) -> Mapping[Split, tuple[str, ...]]:
        """Languages by split, English first."""
        held = self.fields.hub.rows() if self.fields.hub else self.fields.files
        return {split: tuple(sorted(held.get(split, ()), key=lambda code: code != ENGLISH)) for split in Split}

    def problems(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong: places in the section, and what is to be said of them."""
        fields = self.fields
        if bool(fields.files) == bool(fields.hub):
            both = "both files and hub are given" if fields.hub else "neither files nor hub is given"
            yield ("hub",) if fields.hub else (), f"{both}; allowed: one of them"
        yield from ((("columns", column), said) for column, said in self._wrong_columns())
        if fields.hub:
            yield from _wrong_hub(fields.hub)
        for split, held in fields.files.items():
            for code in held:
                if said := self._wrong_file(split, code):
                    yield ("files", str(split), code), said

    def files(self, split: Split) -> tuple[FileSource, ...]:
        """Files of a split as far as their labels can be read."""
        return tuple(self._file(split, code, lambda row, name: None) for code in self.fields.files.get(split, ()))

    def sources(self, labels: tuple[str, ...], hint: str) -> Mapping[str, Mapping[Split, Sources]]:
        """As `Task.sources`; `hint` follows what is said of an unknown label."""
        made: dict[Split, Sources] = {}
        for split, codes in self.codes.items():
            parsers = {code: parser(self.fields.format, labels, code, hint) for code in codes}
            of_split = {
                code: self._of_hub(self.fields.hub, split, code, parse) if self.fields.hub
                else self._file(split, code, parse) for code, parse in parsers.items()
            }  # fmt: skip
            if of_split:
                made[split] = _by_language(of_split)
        return {self.fields.hub.repository if self.fields.hub else FILES: made}

    @cached_property
    def _named(self) -> Mapping[str, tuple[str, ...]]:
        """Columns of the format -> those of files that have names."""
        return {
            ALIASES.get(column, column): called if isinstance(called, tuple) else (called,)
            for column, called in self.fields.columns.items() if not isinstance(called, int) and column != COMMENT
        }  # fmt: skip

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        given = self.fields.columns.items()
        return {ALIASES.get(column, column): called for column, called in given if isinstance(called, int)}

    @property
    def _shape(self) -> Shape:
        return Shape(kind=self.fields.format, columns=tuple(self._named.items()), checks_answers=not self.fields.hub)

    def _path(self, split: Split, code: str) -> Path:
        return self.file.parent / expanded(self.fields.files[split][code])

    def _layout(self, path: Path) -> Columns | None:
        suffix = path.suffix.lower()
        if self.fields.format != "tagging" or (
            suffix not in COLUMN_SUFFIXES and not (suffix == ".tsv" and self._numbers)
        ):
            return None
        usual = LAYOUTS.get(suffix, Columns())
        return Columns(
            words=self._numbers.get("words", usual.words),
            tags=self._numbers.get(TAGS, usual.tags),
            comment=str(self.fields.columns.get(COMMENT, usual.comment)),
        )

    def _wrong_columns(self) -> Iterator[tuple[str, str]]:
        kind = self.fields.format
        aliases = [alias for alias, of in ALIASES.items() if of in COLUMNS[kind]]
        allowed = (*COLUMNS[kind], *aliases, *((COMMENT,) if kind == "tagging" else ()))
        for column, called in self.fields.columns.items():
            if column not in allowed:
                yield column, unknown(f"column of the format {kind}", column, allowed)
            elif ALIASES.get(column, "") in self.fields.columns:
                yield column, f"columns.{column} and columns.{ALIASES[column]} are the same"
            elif isinstance(called, tuple) and column != "choices":
                yield column, f"columns.{column} is a list; allowed: the name of one column"
            elif isinstance(called, int) and (kind != "tagging" or column not in ("words", "tokens", TAGS)):
                yield (
                    column,
                    f"columns.{column} is {called}; allowed: the name of a column, in quotes if it is a number",
                )
        for column in (*self._numbers, COMMENT) if self.fields.hub else ():
            if column in self.fields.columns:
                yield column, f"columns.{column} is for files such as .conll; allowed with hub: names of columns"
        choices = self.fields.columns.get("choices")
        if isinstance(choices, tuple) and self.fields.labels and len(choices) != len(self.fields.labels):
            yield (
                "choices",
                f"columns.choices are {len(choices)}, the labels {len(self.fields.labels)}; allowed: as many",
            )

    def _wrong_file(self, split: Split, code: str) -> str:
        """Why a file cannot be read, or what `columns` says that it cannot have."""
        try:
            path = self._path(split, code)
        except ValueError as error:
            return str(error)
        if said := why_no_file(path) or why_no_kind(path, self.fields.format, self._layout(path)):
            return said
        if self._layout(path):
            if named := [column for column in ("words", TAGS) if column in self._named]:
                return f"{path} has columns without names; allowed for {' and '.join(named)}: their numbers, from 0"
        elif self._numbers:
            return f"{path} has columns with names; allowed for {' and '.join(self._numbers)}: these"
        if COMMENT in self.fields.columns and not self._layout(path):
            return f"{path} has no lines of comments; {COMMENT} is for files such as .conll"
        if self.fields.columns and is_squad(path, self.fields.format):
            return f"{path} is SQuAD's JSON, whose names are its own; allowed: no columns"
        return ""

    def _file(self, split: Split, code: str, parse: Callable[[Row, str], Example | None]) -> FileSource:
        path = self._path(split, code)
        return FileSource(
            repository=FILES,
            config=f"{self.name}.{code}",
            split=split,
            columns=COLUMNS[self.fields.format],
            parse=parse,
            first_row=1,
            file=path,
            shape=self._shape,
            layout=self._layout(path),
        )

    def _of_hub(self, hub: HubFields, split: Split, code: str, parse: Callable[[Row, str], Example | None]) -> Source:
        rows, shape = hub.rows()[split][code], self._shape
        columns = shape.of_file(())
        return Source(
            repository=hub.repository,
            config=rows.config,
            split=rows.split,
            columns=tuple(dict.fromkeys(name for names in columns.values() for name in names)),
            parse=lambda row, row_id: parse(shape.row(row, columns), row_id),
            commit=hub.revision,
        )


def _wrong_hub(hub: HubFields) -> Iterator[tuple[Keys, str]]:
    owner, slash, name = hub.repository.partition("/")
    if not (owner and slash and name) or "/" in name:
        yield ("hub", "repository"), f"hub.repository is {hub.repository!r}; allowed: owner/name, as the hub has it"
    elif not is_commit(hub.revision):
        given = f"is {hub.revision!r}" if hub.revision else "is not given"
        address = f"https://huggingface.co/datasets/{hub.repository}"
        yield ("hub", "revision"), f"hub.revision {given}; {_REVISION.format(address)}"


def _by_language(held: Mapping[str, Source]) -> Sources:
    return lambda language: (held[language],)
