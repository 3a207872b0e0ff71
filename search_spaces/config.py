"""SweepConfig: everything a user can say about a sweep, typed and validated.

A field that is None in `TrainingFields`, `MlmFields.length` or `RetrievalFields.layer` is *unset*: the run then takes
the published value of its task (`published.py`), and its RunSpec says which. Fields that are hyperparameters come from
their table (`trainables/ledger/hyperparameters.py`). `config_file.py` reads and writes YAML.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from search_spaces import published
from search_spaces.fields import (
    AnyNumberOf,
    AtLeastOne,
    Callback,
    Count,
    CountOrNone,
    InputLength,
    Intermediate,
    Language,
    Layer,
    Positive,
    Section,
    Seed,
    Share,
    Silence,
    Slots,
    SlotsOrAll,
    Target,
    Trained,
    named,
    number,
    target_names,
)
from search_spaces.hyperparameter_fields import mlm_fields, training_fields
from search_spaces.race_fields import RaceFields
from search_spaces.recipe_fields import Recipes, check_training_languages
from search_spaces.search_fields import SearchFields
from search_spaces.task_files import TaskFiles
from search_spaces.text_fields import OwnFolder, PathText, Place, ShortName, Text
from trainables.ledger.artefacts import Keep
from trainables.ledger.nearest import unknown
from trainables.ledger.recipe import parse_method
from trainables.ledger.spec import HiddenStates, MlmLength
from trainables.model.names import DEFAULT_REVISION, EncoderKind, parse_encoder
from trainables.phases.options import Compile
from trainables.tasks import registry

_MOST_PARTS = 100
"""Runs that may share a GPU."""


AUTO: Final = "auto"
"""A share of a GPU that follows from the memory that a run needs."""


def _gpu_share(value: Any) -> float | str:
    """`auto`, 0, 1, or 1/n: other fractions can hang in Ray, and a run computes on one GPU."""
    allowed = f"allowed: 0, 1, or a fraction 1/n such as 0.5, 0.25 or 1/3 (n up to {_MOST_PARTS}), or {AUTO}"
    if value == AUTO:
        return AUTO
    if isinstance(value, str) and (parts := re.fullmatch(r" *1 */ *([1-9][0-9]{0,2}) *", value)):
        share = 1 / int(parts[1])
    else:
        share = number(value, allowed=allowed.removeprefix("allowed: "))
    if share > 1:
        raise ValueError(f"{allowed}; a run uses one GPU at most")
    if share < 0 or 0 < share < 1 / _MOST_PARTS / 1.001:
        raise ValueError(allowed)
    if not share:
        return 0.0
    num_parts = round(1 / share)
    if abs(share * num_parts - 1) > 1e-3:
        raise ValueError(allowed)
    return 1 / num_parts


def _known_repositories(chosen: dict[str, str]) -> dict[str, str]:
    problems = []
    for name, source in chosen.items():
        try:
            allowed = list(registry.task(name).sources)
        except ValueError as error:
            problems.append(str(error))
            continue
        if source not in allowed:
            problems.append(unknown(f"source of {name}", source, allowed))
    if problems:
        raise ValueError("; ".join(problems))
    return chosen


def _that_train(tasks: dict[str, Any]) -> dict[str, Any]:
    """Refuse training settings of tasks that train nothing."""
    if idle := [name for name in tasks if not registry.task(name).trains]:
        able = [name for name in target_names() if registry.task(name).trains]
        raise ValueError(f"{' and '.join(idle)} trains nothing, so it has no such settings; allowed: {', '.join(able)}")
    return tasks


def _with_rows(tasks: dict[str, Any]) -> dict[str, Any]:
    """Refuse training languages that a task has no rows in."""
    for name, own in tasks.items():
        check_training_languages(name, own.train_languages or ())
    return tasks


def _method(text: str) -> str:
    """The one way to write a method; empty stays empty."""
    return str(parse_method(text)) if text else ""


def _not_too_many(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(seeds) > _MOST_SEEDS:
        raise ValueError(f"given {len(seeds)} seeds; allowed: at most {_MOST_SEEDS}")
    return seeds


_MOST_SEEDS = 1000
GpuShare = Annotated[float | Literal["auto"], BeforeValidator(_gpu_share)]

_Intermediate: Any = training_fields("intermediate")
_Target: Any = training_fields("target")
_Mlm: Any = mlm_fields()


class GridFields(Section):
    """Axes of the grid: rows as recipes, MLM beside the plain ones among them, targets, seeds.

    `none` is the baseline; it exists without MLM only.
    """

    intermediates: Recipes
    mlm: AtLeastOne[bool] = (False, True)
    targets: AtLeastOne[Target]
    seeds: Annotated[AtLeastOne[Seed], AfterValidator(_not_too_many)] = (published.SEED,)


class EncoderFields(Section):
    """The pretrained encoder: `bundled`, `bundled:N`, a folder or a hub id; `revision` is for hub ids."""

    name: Annotated[PathText, AfterValidator(lambda name: parse_encoder(name).name)]
    revision: Annotated[Text, Field(min_length=1)] = DEFAULT_REVISION

    @model_validator(mode="after")
    def _only_the_hub_has_revisions(self) -> EncoderFields:
        if self.revision != DEFAULT_REVISION and parse_encoder(self.name).kind is not EncoderKind.HUB:
            raise ValueError(
                f"given the revision {self.revision!r} with {self.name}; allowed: a revision with an id of the hub, "
                "none with bundled or a folder"
            )
        return self


class RawFields(Section):
    """Folders of official releases that the hub lacks; empty looks inside the folder of `source`.

    Attributes:
        bucc: BUCC 2018, with `de-en/de-en.sample.de` and so on.
        ccg: CCGbank (LDC2005T13), with `data/AUTO`.
        ud: Universal Dependencies 2.5, with `UD_English-EWT` and so on; read where `repositories.udpos` is `ud-2.5`.
    """

    bucc: PathText = ""
    ccg: PathText = ""
    ud: PathText = ""

    @property
    def folders(self) -> dict[str, str]:
        """The folders that are given."""
        return {name: folder for name, folder in self.model_dump().items() if folder}


class DataFields(Section):
    """Where rows come from and how many are used.

    Attributes:
        source: `hub`, `demo`, or a folder that mirrors the hub.
        train_rows: cap on training rows; 0 is no cap.
        eval_rows: cap on rows of every evaluated split and language; 0 is no cap.
        languages: evaluated languages; empty means all.
        repositories: task -> which of its sources to read, where not the default.
        raw: folders of official releases.
    """

    source: PathText = "hub"
    train_rows: CountOrNone = 0
    eval_rows: CountOrNone = 0
    languages: AnyNumberOf[Language] = ()
    repositories: Annotated[dict[str, str], AfterValidator(_known_repositories)] = {}
    raw: RawFields = RawFields()


class TrainingFields(_Target):
    """How one target task trains: hyperparameters of the section `target`; None is the published value of the task.

    `train_languages` are those of its training and stopping rows; not set, English.
    """

    train_languages: AnyNumberOf[Language] | None = None


class IntermediateTraining(_Intermediate):
    """How one intermediate task trains: those of the section `intermediate`."""


class IntermediateFields(IntermediateTraining):
    """How intermediate runs train; `tasks` overrides it for single tasks, or for the mixture as a whole."""

    tasks: dict[Intermediate, IntermediateTraining] = {}


class TargetFields(TrainingFields):
    """How target runs train; `tasks` overrides it for single tasks.

    `method`: what all of them train in place of all weights, as in recipes; empty for all weights.
    `language_adapters`: whether rows that begin with the adapters of a language are measured in every language with
    that language's own.
    """

    method: Annotated[str, AfterValidator(_method)] = ""
    language_adapters: bool = False
    tasks: Annotated[dict[Target, TrainingFields], AfterValidator(_that_train), AfterValidator(_with_rows)] = {}


class MlmFields(_Mlm):
    """Multilingual MLM (protocol.md 3.9 and 3.10): hyperparameters of the section `mlm`, and what is no number.

    Attributes:
        length: how long a run with MLM trains; unset, task_epochs for one task and capped_sum for several.
        languages: of the text; empty means all.
    """

    length: Annotated[MlmLength, named("length", lambda: MlmLength)] | None = None
    languages: AnyNumberOf[Language] = ()


class RetrievalFields(Section):
    """How sentences are embedded. `layer` unset: 14 of 24, 8 of 12, the same relative depth elsewhere.

    `layers`: whether runs score that hidden state alone or, beside it, all of them (`trainables/ledger/layers.py`).
    """

    layer: Layer | None = None
    layers: Annotated[HiddenStates, named("layers", lambda: HiddenStates)] = HiddenStates.ONE
    max_length: InputLength = published.RETRIEVAL_MAX_LENGTH


class GpuFields(Section):
    """Share of a GPU that a run takes: `auto` as much as its memory needs, 0 none.

    On a cluster without GPUs all runs take cores alone.
    """

    intermediate: GpuShare = AUTO
    target: GpuShare = AUTO
    retrieval: GpuShare = AUTO
    tasks: dict[Trained, GpuShare] = {}


class ClusterFields(Section):
    """Where and how runs are executed; nothing here changes a result.

    Attributes:
        address: of a running Ray cluster; empty starts Ray on this machine.
        cpus: cores of one run.
        gpus: shares of a GPU by phase and by task.
        max_concurrent: runs at the same time; 0 is as many as fit.
        threads: CPU threads of one run's arithmetic.
        checkpoint_seconds: shortest time between two checkpoints of a run.
        checkpoint_share: most of its training time that they may take; they are further apart where it takes that.
        checkpoint_writers: runs that write a checkpoint at the same time; 0 is no limit.
        hang_seconds: longest silence of a run before its worker is ended and the run tried again from its checkpoint;
            a worker is silent while it downloads an encoder or a data set.
        store_seconds: how long a store that cannot be reached is waited for before the sweep ends.
        results: Ray Tune's own folder; empty means `ray` inside the store.
        callbacks: others that are told of the runs: wandb, mlflow, or callbacks of Tune as module:Class.
    """

    address: Text = ""
    cpus: Slots = 1
    gpus: GpuFields = GpuFields()
    max_concurrent: SlotsOrAll = 0
    threads: Slots = 1
    checkpoint_seconds: Positive = 60.0
    checkpoint_share: Share = 0.01
    checkpoint_writers: SlotsOrAll = 2
    hang_seconds: Silence = 600.0
    store_seconds: Positive = 300.0
    results: OwnFolder = ""
    callbacks: AnyNumberOf[Callback] = ()


class EngineFields(Section):
    """How a run computes. Each is a shorter way to the same result; the plain way is one setting away.

    Attributes:
        trim_vocabulary: train only the embedding rows in use and put the whole table back (runs without MLM).
        keep_table_gradient: on a CPU, one gradient buffer for the whole table (runs with MLM).
        token_cache: tokenise once and keep the tokens on disk.
        fast_dropout: on a CPU, draw dropout masks sixteen bits at a time.
        unpadded: run the encoder on batches without padding; on a GPU in bf16 only.
        compile: on a GPU, compile the encoder's layers (`layers`) and record their launches by token bucket (`graphs`).
        micro_tokens: most sub-words in one forward pass of training on a CPU, rows sorted by length; 0 is no limit.
        micro_batch: most rows in one forward pass of training; 0 is no limit.
        eval_tokens: sub-words in one evaluation batch.
        store_deltas: keep of an encoder that was trained on a trimmed vocabulary what has changed; off, the whole.
    """

    trim_vocabulary: bool = True
    keep_table_gradient: bool = True
    token_cache: bool = True
    fast_dropout: bool = True
    unpadded: bool = True
    compile: Annotated[Compile, named("compile", lambda: Compile)] = Compile.OFF
    micro_tokens: CountOrNone = 1024
    micro_batch: CountOrNone = 0
    eval_tokens: Count = 8192
    store_deltas: bool = True


class SweepConfig(Section):
    """A whole sweep.

    Attributes:
        store: empty means `results/<name>` in the current folder.
        keep: what stays of its models.
        tasks: files of tasks of one's own (`.py`, `.yaml`), whose names the fields below may then have: it is read
            before them.
    """

    name: Annotated[ShortName, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")] = "sweep"
    store: Place = ""
    keep: Annotated[Keep, named("keep", lambda: Keep)] = Keep.SELECTED
    tasks: Annotated[TaskFiles, Field(validate_default=True)] = ()
    grid: GridFields
    encoder: EncoderFields
    data: DataFields = DataFields()
    intermediate: IntermediateFields = IntermediateFields()
    target: TargetFields = TargetFields()
    mlm: MlmFields = MlmFields()
    retrieval: RetrievalFields = RetrievalFields()
    search: SearchFields = SearchFields()
    race: RaceFields = RaceFields()
    cluster: ClusterFields = ClusterFields()
    engine: EngineFields = EngineFields()
