"""At hand: which rows the runs of a sweep can read, how many there are, and why others cannot be had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from search_spaces.config import SweepConfig
from search_spaces.recipe_fields import check_training_languages
from sweep.planning.row_counts import Origin, RowCounts
from sweep.planning.rows import num_rows
from trainables.data.mlm import missing_mlm, mlm_sources
from trainables.data.reading import EVALUATED, stopped_in
from trainables.data.source import DataSource
from trainables.ledger.recipe import MLM
from trainables.tasks import registry
from trainables.tasks.language_modeling import STAND_IN
from trainables.tasks.sampling import shares
from trainables.tasks.task import Source, Split, Task

_SENTENCES_PER_ARTICLE = 20
"""Of Wikipedia, for the cost only."""
_FEW = 12
"""Languages that are named."""


class NoRowsError(ValueError):
    """Rows that a run needs are not there; its cells go without."""


class AtHand:
    """The rows of one sweep. Every file is looked at once.

    Args:
        counts: counts rows.
        note: is told what the user should know: stand-ins, missing languages.
    """

    def __init__(self, config: SweepConfig, data: DataSource, counts: RowCounts, note: Callable[[str], object]) -> None:
        self._config = config
        self._data = data
        self._counts = counts
        self._note = note
        self._problems: dict[str, str] = {}
        self._fingerprints: dict[tuple[str, ...], str] = {}
        self._rows: dict[tuple[str, str], int] = {}
        self._evaluated: dict[str, int] = {}
        self._sentences: dict[tuple[str, ...], int] = {}
        self._text: dict[tuple[str, ...], Mapping[str, tuple[Source, ...]]] = {}
        self._stand_ins: dict[str, None] = {}

    def fingerprint(self, sources: Sequence[Source]) -> str:
        """Of the content of these files."""
        distinct = {source.path: source for source in sources}
        key = tuple(sorted(distinct))
        if key not in self._fingerprints:
            self._fingerprints[key] = self._data.fingerprint([distinct[path] for path in key])
        return self._fingerprints[key]

    def missing(self, name: str, languages: Sequence[str] = ()) -> list[str]:
        """Training and stopping files of a task that are not there, which it cannot do without."""
        task = registry.task(name)
        if not task.trains:
            return []
        splits: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for split, codes in self._trained_on(task, languages).items():
            for code in codes:
                for source in self._files(task, split, code):
                    if problem := self._problem(source):
                        splits[problem][split] = None
        return [f"{name} has no {' and '.join(of)} rows: {problem}" for problem, of in splits.items()]

    def training_sources(self, task: Task, languages: Sequence[str] = ()) -> list[Source]:
        """The files that train and stop a run; no languages are English."""
        return [
            source
            for split, codes in self._trained_on(task, languages).items()
            for code in codes
            for source in self._files(task, split, code)
        ]

    def sources(self, tasks: Sequence[Task], languages: Sequence[str] = ()) -> list[Source]:
        """Every file a target or retrieval run reads; those of evaluated languages without rows are left out."""
        found = self.training_sources(tasks[0], languages) if tasks[0].trains else []
        for task in tasks:
            for split in EVALUATED:
                absent = self._absent(task, split)
                for code in self._asked(task, split):
                    found += () if code in absent else self._files(task, split, code)
        return found

    def why_not_measured(self, target: str, languages: Sequence[str] = ()) -> str:
        """Why a target cannot be trained in these languages and measured; empty where it can."""
        task, asked = registry.task(target), self._config.data.languages
        try:
            check_training_languages(target, languages)
        except ValueError as error:
            return str(error)
        if problems := self.missing(target, languages):
            return "; ".join(problems)
        known = _languages(task)
        if asked and not set(asked) & set(known):
            return f"{target} has none of the languages asked for ({', '.join(asked)}); it has {', '.join(known)}"
        absent = {split: self._absent(task, split) for split in EVALUATED}
        if not any(len(absent[split]) < len(self._asked(task, split)) for split in EVALUATED):
            return f"{target} has no rows to evaluate in {_some(self._asked(task))}: {self._first_problem(task)}"
        for split in EVALUATED:
            if absent[split]:
                self._note(f"{target}: no {split} rows for {_some(absent[split])}")
        return ""

    def evaluated(self, tasks: Sequence[Task]) -> tuple[str, ...]:
        """Languages that a run of these tasks is measured in: those that are asked for and have rows."""
        return tuple(
            dict.fromkeys(
                code for task in tasks for split in EVALUATED for code in self._asked(task, split)
                if code not in self._absent(task, split)
            )
        )  # fmt: skip

    def has_text(self, language: str) -> bool:
        """Whether there is text for MLM in a language, or a stand-in."""
        known = registry.task(MLM).languages[Split.TRAIN]
        return language in known and not missing_mlm([language], self._data)

    def restriction(self, tasks: Sequence[Task]) -> tuple[str, ...]:
        """Languages the runs of these tasks are restricted to; empty when the user's choice takes none away."""
        every = dict.fromkeys(code for task in tasks for code in _languages(task))
        asked = dict.fromkeys(code for task in tasks for code in self._asked(task))
        return () if set(asked) == set(every) else tuple(asked)

    def mlm_text(self, languages: Sequence[str] = ()) -> Mapping[str, tuple[Source, ...]]:
        """Language -> the files of its text.

        No languages are the configured ones, of which those without text are left out. Raises NoRowsError where there
        is no text at all, and where a language that is named has none.
        """
        key = tuple(languages)
        if key not in self._text:
            self._text[key] = self._find_text(key)
        if not self._text[key]:
            raise NoRowsError("MLM: no text in any language")
        return self._text[key]

    def note_stand_ins(self) -> None:
        """Say for which languages of MLM there is a stand-in only, of all that were asked for."""
        if self._stand_ins:
            self._note(f"MLM: no Wikipedia for {_some(list(self._stand_ins))}; words of PAN-X stand in for it")

    def train_rows(self, task: Task, languages: Sequence[str] = (), cap: int = 0) -> int:
        """Training rows of all these languages, as far as a cap that is spread evenly over them lets them be.

        Of one language without regard to the cap. Where rows cannot be counted it is the published number.
        """
        counts = {code: self._rows_in(task, code) for code in languages or task.usual_training_languages}
        if len(counts) == 1 or not cap:
            return sum(counts.values())
        return sum(min(counts[code], share) for code, share in shares(cap, list(counts)).items())

    def is_counted(self, task: str) -> bool:
        """Whether all training rows that were asked for of a task were counted in its files."""
        return self._counts.origins.get((task, Split.TRAIN)) is Origin.COUNTED

    def num_sentences(self, text: Mapping[str, Sequence[Source]], wanted: int) -> int:
        """About how many sentences there are in these languages, as many as are wanted at the most."""
        key = tuple(text)
        if key not in self._sentences:
            sources = [source for of_language in text.values() for source in of_language]
            counts = [(num_rows([source], self._data), source.repository == STAND_IN) for source in sources]
            found = sum(count if stand_in else count * _SENTENCES_PER_ARTICLE for count, stand_in in counts)
            self._sentences[key] = found if found > 0 else wanted
        return min(self._sentences[key], wanted)

    def num_evaluated(self, task: Task) -> int:
        """Rows of all languages and splits that a run of the task evaluates; where they cannot be counted, about."""
        if task.name not in self._evaluated:
            cap = self._config.data.eval_rows
            counts = [
                self._counts.of(task, split, code, self._files(task, split, code))
                for split in EVALUATED for code in self._asked(task, split) if code not in self._absent(task, split)
            ]  # fmt: skip
            self._evaluated[task.name] = sum(min(count, cap) if cap else count for count in counts)
        return self._evaluated[task.name]

    def _trained_on(self, task: Task, languages: Sequence[str]) -> dict[Split, tuple[str, ...]]:
        """Languages of the rows that train a run and of those that stop it."""
        trained = tuple(languages) or task.usual_training_languages
        return {Split.TRAIN: trained, Split.STOPPING: stopped_in(task, trained, self._data, self._preference(task))}

    def _find_text(self, languages: tuple[str, ...]) -> Mapping[str, tuple[Source, ...]]:
        asked = languages or self._config.mlm.languages or registry.task(MLM).languages[Split.TRAIN]
        absent = missing_mlm(asked, self._data)
        held = {code: mlm_sources(code, self._data) for code in asked if code not in absent}
        if languages and absent:
            raise NoRowsError(f"MLM: no text in {', '.join(absent)}")
        if held and absent:
            self._note(f"MLM: no text in {', '.join(absent)}; their share goes to the other languages")
        self._stand_ins |= {code: None for code, sources in held.items() if sources[0].repository == STAND_IN}
        return held

    def _rows_in(self, task: Task, language: str) -> int:
        key = (task.name, language)
        if key not in self._rows:
            self._rows[key] = self._counts.of(task, Split.TRAIN, language, self._files(task, Split.TRAIN, language))
        return self._rows[key]

    def _asked(self, task: Task, split: Split | None = None) -> tuple[str, ...]:
        """Languages a task is to be evaluated in, in one split or in any."""
        asked, known = self._config.data.languages, task.languages.get(split, ()) if split else _languages(task)
        return tuple(code for code in known if not asked or code in asked)

    def _absent(self, task: Task, split: Split) -> list[str]:
        return [code for code in self._asked(task, split) if any(map(self._problem, self._files(task, split, code)))]

    def _first_problem(self, task: Task) -> str:
        """Why the first of a task's files that is to be evaluated cannot be used."""
        codes = ((split, code) for split in EVALUATED for code in self._asked(task, split))
        files = (file for split, code in codes for file in self._files(task, split, code))
        return next(filter(None, map(self._problem, files)), "")

    def _files(self, task: Task, split: Split, language: str) -> tuple[Source, ...]:
        return task.files(split, language, self._preference(task))

    def _preference(self, task: Task) -> str:
        return self._config.data.repositories.get(task.name, "")

    def _problem(self, source: Source) -> str:
        """Why a file cannot be used."""
        if source.path not in self._problems:
            self._problems[source.path] = self._data.problem(source)
        return self._problems[source.path]


def _languages(task: Task) -> tuple[str, ...]:
    """Languages a task is evaluated in, in its own order."""
    return tuple(dict.fromkeys([*task.languages.get(Split.TEST, ()), *task.languages.get(Split.DEV, ())]))


def _some(codes: Sequence[str]) -> str:
    """The codes, or how many when they are many."""
    return ", ".join(codes) if len(codes) <= _FEW else f"{len(codes)} languages"
