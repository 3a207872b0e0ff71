"""What a run reads: the files behind its spec, and whether they still are what it was planned with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainables.data.mlm import mlm_sources
from trainables.data.source import DataError, DataSource
from trainables.ledger.nearest import unknown
from trainables.ledger.recipe import MLM
from trainables.ledger.spec import Phase, RunSpec
from trainables.tasks.languages import ENGLISH
from trainables.tasks.registry import task
from trainables.tasks.task import Source, Split, Task

EVALUATED = (Split.DEV, Split.TEST)


class DataChangedError(DataError):
    """The rows are not those that a run was planned with."""


def files_of(spec: RunSpec, data: DataSource, preferences: Mapping[str, str]) -> list[Source]:
    """Every file that a run reads, each once; of languages without rows none. `preferences`: task -> source.

    Raises MissingDataError where MLM has no text in one of its languages, ValueError for a language in which a task
    cannot be trained.
    """
    tasks = [task(name) for name in spec.tasks]
    found: list[Source] = []
    for each in trained_tasks(spec):
        preference = preferences.get(each.name, "")
        for code in training_languages(each, spec):
            found += each.files(Split.TRAIN, code, preference)
        for code in stopping_languages(each, spec, data, preference):
            found += each.files(Split.STOPPING, code, preference)
    found += [source for code in (spec.mlm.languages if spec.mlm else ()) for source in mlm_sources(code, data)]
    for each in tasks if spec.phase is not Phase.INTERMEDIATE else ():
        for split in EVALUATED:
            for code in held_languages(each, split, spec, data, preferences.get(each.name, ""))[0]:
                found += each.files(split, code, preferences.get(each.name, ""))
    return list({source.path: source for source in found}.values())


def trained_tasks(spec: RunSpec) -> list[Task]:
    """The tasks whose rows train a run; none where it trains by MLM alone or not at all."""
    tasks = [task(name) for name in spec.tasks if name != MLM]
    return tasks if spec.phase is Phase.INTERMEDIATE else [each for each in tasks[:1] if each.trains]


def training_languages(each: Task, spec: RunSpec) -> tuple[str, ...]:
    """Languages whose rows train a run on a task; raises ValueError for one in which the task cannot be trained."""
    asked = spec.data.train_languages or (ENGLISH,)
    for code in asked:
        if code not in each.training_languages:
            raise ValueError(unknown(f"training language of task {each.name}", code, each.training_languages))
    return asked


def stopping_languages(each: Task, spec: RunSpec, data: DataSource, preference: str) -> tuple[str, ...]:
    """Languages whose rows stop the training of a run on a task."""
    return stopped_in(each, training_languages(each, spec), data, preference)


def stopped_in(each: Task, trained: Sequence[str], data: DataSource, preference: str) -> tuple[str, ...]:
    """Languages whose rows stop a training in these: those of them that have any, English where none has."""
    known = each.languages_of(Split.STOPPING)
    asked = [code for code in trained if code in known]
    if asked == [ENGLISH]:
        return (ENGLISH,)  # without them it is an error
    held = (code for code in asked if all(map(data.has, each.files(Split.STOPPING, code, preference))))
    return tuple(held) or (ENGLISH,)


def held_languages(
    each: Task, split: Split, spec: RunSpec, data: DataSource, preference: str
) -> tuple[list[str], list[str]]:
    """Languages that a run measures in a split, and those asked for that have no rows."""
    asked = [code for code in each.languages.get(split, ()) if code in (spec.data.languages or (code,))]
    held = [code for code in asked if all(map(data.has, each.files(split, code, preference)))]
    return held, [code for code in asked if code not in held]


def check_unchanged(spec: RunSpec, data: DataSource, preferences: Mapping[str, str]) -> None:
    """Raise DataChangedError unless the files have the content that the id of the run stands for."""
    found = data.fingerprint(files_of(spec, data, preferences), anew=True)
    if found != spec.data.fingerprint:
        raise DataChangedError(
            f"the rows of {', '.join(spec.tasks)} are not those that this run was planned with: fingerprint {found}, "
            f"planned {spec.data.fingerprint}. Files were changed, added or removed since, or this machine has others; "
            "put them back, or start `run` again, which plans with the rows that are there now"
        )
