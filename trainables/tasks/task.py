"""Task: source + input format + labels + metrics + languages. No model in it, no rows in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trainables.tasks.examples import Example
from trainables.tasks.formats.base import Format
from trainables.tasks.languages import ENGLISH
from trainables.tasks.revisions import REVISIONS
from trainables.tasks.sampling import Cap, spread_examples


class Role(StrEnum):
    """Where a task stands in the grid."""

    INTERMEDIATE = "intermediate"
    TARGET = "target"
    MLM = "mlm"


class Split(StrEnum):
    """What rows are for.

    STOPPING is the English development set that chooses the checkpoint of a training run; DEV chooses the best
    intermediate task of a target, in every language that has one; TEST is what is reported.
    """

    TRAIN = "train"
    STOPPING = "stopping"
    DEV = "dev"
    TEST = "test"


@dataclass(frozen=True, kw_only=True)
class Keep:
    """The rows of a file that mixes languages which belong to one: `column` begins with `prefix`, or equals it."""

    column: str
    prefix: str
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class Source:
    """Rows of one file of a data repository.

    Attributes:
        repository: hub id, for example `google/xtreme`; or the name of an official release that the hub lacks, for
            example `bucc2018` (trainables/data/raw.py).
        config: configuration of the repository.
        split: split of the configuration.
        columns: columns that must be there.
        parse: (row, id) -> example, or None for a row that has no label and is dropped. The row holds `columns` as
            Python values; where the file declares label names (`ClassLabel`) they stand in place of the numbers, and
            None in place of -1, so that no parser ever sees a label number that depends on an order. The id names the
            row (`config.split.number`) for data sets without ids of their own. Raises ValueError for a row that
            breaks the schema (unknown label, lengths that differ).
        keep: which rows belong to this source, for files that mix languages; None keeps all.
        commit: commit, tag or branch of a repository that no task here reads; empty is its branch `main`.
        first_row: number of the first row in messages and ids.
    """

    repository: str
    config: str
    split: str
    columns: tuple[str, ...]
    parse: Callable[[Mapping[str, Any], str], Example | None]
    keep: Keep | None = None
    commit: str = ""
    first_row: int = 0

    @property
    def path(self) -> str:
        """`repository/config/split`, as in a mirror folder."""
        return f"{self.repository}/{self.config}/{self.split}"

    @property
    def revision(self) -> str:
        """Commit (or branch) of the repository to read from the hub."""
        return self.commit or REVISIONS.get(self.repository, "main")


Sources = Callable[[str], tuple[Source, ...]]
"""Language code -> the sources that are concatenated for it."""


@dataclass(frozen=True, kw_only=True)
class OpenLabels:
    """A label inventory that comes with the data, because no licence allows to write it down here.

    Attributes:
        column: column of the training file whose declared label names (`ClassLabel`) are the inventory, in its order.
        task: the task with these labels.
    """

    column: str
    task: Callable[[tuple[str, ...]], Task]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task of the paper.

    Attributes:
        name: what users type, for example `udpos`.
        title: column or row heading, for example `POS`.
        role: intermediate, target or MLM.
        format: input format, which also decodes and scores.
        metrics: reported metrics in order; the task score is their unweighted mean (protocol.md 5.5).
        selection: metrics whose unweighted mean on STOPPING chooses the checkpoint (protocol.md 2.5).
        languages: codes by split; English first where present. TRAIN and STOPPING are English.
        other_languages: those in which there are rows of TRAIN and STOPPING besides; runs that ask for them use them.
        sources: by repository preference name -> split -> language -> files. The first preference is the default.
        reasons: why each further preference exists, by its name.
        fine_tuning: targets with the same name here share one training run; the task's own name if alone.
        max_length: longest input in sub-words.
        num_train_rows: rows of the published training set (0 when it has none).
        seed_stopping: shuffle STOPPING once with a fixed seed before taking its first rows (protocol.md 2.5).
        cap: which examples are kept where rows are capped.
        parallel: rows of the languages are translations of each other.
        open_labels: where the labels are if `format` has none yet; `trainables.data.labels.with_labels` finds them.
        shares_rows: rows of training may be evaluated, too; otherwise that is an error in tasks of one's own.
        family: of tasks that ask the same of a text, for example `ner` (tasks/families.py); empty: one of its own.
        definition: of a task of one's own: hexadecimal digits of what it says and of its rows (data/carried.py).
    """

    name: str
    title: str
    role: Role
    format: Format
    metrics: tuple[str, ...]
    selection: tuple[str, ...]
    languages: Mapping[Split, tuple[str, ...]]
    sources: Mapping[str, Mapping[Split, Sources]]
    fine_tuning: str
    max_length: int
    other_languages: Mapping[Split, tuple[str, ...]] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    num_train_rows: int = 0
    seed_stopping: bool = False
    cap: Cap = spread_examples
    parallel: bool = False
    open_labels: OpenLabels | None = None
    shares_rows: bool = False
    family: str = ""
    definition: str = ""

    @property
    def trains(self) -> bool:
        """Whether runs of this task train; retrieval tasks do not."""
        return bool(self.languages.get(Split.TRAIN))

    @property
    def training_languages(self) -> tuple[str, ...]:
        """Languages in which runs of this task can be trained; English first where present."""
        return self.languages_of(Split.TRAIN)

    @property
    def usual_training_languages(self) -> tuple[str, ...]:
        """Those of a run that names none: English, or all languages of a task that has no English rows."""
        return (ENGLISH,) if ENGLISH in self.training_languages else self.training_languages

    def languages_of(self, split: Split) -> tuple[str, ...]:
        """Languages with rows of a split, whether a run reads them by itself or when it is asked to."""
        return tuple(dict.fromkeys((*self.languages.get(split, ()), *self.other_languages.get(split, ()))))

    @property
    def selection_split(self) -> Split:
        """The split that chooses the best intermediate task: DEV, or TEST where a task has one set only."""
        return Split.DEV if self.languages.get(Split.DEV) else Split.TEST

    def files(self, split: Split, language: str, preference: str = "") -> tuple[Source, ...]:
        """Sources of a split in a language; `preference` names one of `sources`, empty means the default."""
        chosen = preference or next(iter(self.sources))
        return self.sources[chosen][split](language)
