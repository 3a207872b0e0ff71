"""SweepConfig: everything a user can say about a sweep, typed and validated.

A field that is None in `TrainingFields`, `MlmFields.length` or `RetrievalFields.layer` is *unset*: the run then takes
the published value of its task (`published.py`), and its RunSpec says which. Fields that are hyperparameters come from
their table (`trainables/ledger/hyperparameters.py`). `config_file.py` reads and writes YAML.
"""

from __future__ import annotations

from fractions import Fraction as Ratio
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from search_spaces import published
from search_spaces.fields import (
    AnyNumberOf,
    AtLeastOne,
    Count,
    CountOrNone,
    InputLength,
    Intermediate,
    Language,
    Layer,
    Positive,
    Row,
    Section,
    Seed,
    Target,
    Trained,
    named,
)
from search_spaces.hyperparameter_fields import mlm_fields, training_fields
from search_spaces.race_fields import RaceFields
from search_spaces.search_fields import SearchFields
from trainables.ledger.nearest import unknown
from trainables.ledger.spec import MlmLength
from trainables.model.names import DEFAULT_REVISION, parse_encoder
from trainables.phases.options import Compile
from trainables.tasks import registry


def _gpu_share(value: Any) -> float:
    """0, a whole number, or 1/n: other fractions can hang in Ray."""
    allowed = "allowed: 0, a whole number, or a fraction 1/n such as 0.5, 0.25 or 1/3"
    try:
        ratio = Ratio(str(value).strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(allowed) from None
    if isinstance(value, bool) or ratio < 0:
        raise ValueError(allowed)
    if 0 < ratio < 1:
        parts = round(1 / ratio)
        if abs(float(ratio) * parts - 1) > 1e-3:
            raise ValueError(allowed)
        return 1 / parts
    if ratio.denominator != 1:
        raise ValueError(allowed)
    return float(ratio)


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


GpuShare = Annotated[float, BeforeValidator(_gpu_share)]

_Intermediate: Any = training_fields("intermediate")
_Target: Any = training_fields("target")
_Mlm: Any = mlm_fields()


class GridFields(Section):
    """Axes of the grid. `none` among the intermediate tasks is the baseline; it exists without MLM only."""

    intermediates: AtLeastOne[Row]
    mlm: AtLeastOne[bool] = (False, True)
    targets: AtLeastOne[Target]
    seeds: AtLeastOne[Seed] = (published.SEED,)


class EncoderFields(Section):
    """The pretrained encoder: `bundled`, `bundled:N`, a folder or a hub id; `revision` is for hub ids."""

    name: Annotated[str, AfterValidator(lambda name: parse_encoder(name).name)]
    revision: str = DEFAULT_REVISION


class RawFields(Section):
    """Folders of official releases that the hub lacks; empty looks inside the folder of `source`.

    Attributes:
        bucc: BUCC 2018, with `de-en/de-en.sample.de` and so on.
        ccg: CCGbank (LDC2005T13), with `data/AUTO`.
        ud: Universal Dependencies 2.5, with `UD_English-EWT` and so on; read where `repositories.udpos` is `ud-2.5`.
    """

    bucc: str = ""
    ccg: str = ""
    ud: str = ""

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

    source: str = "hub"
    train_rows: CountOrNone = 0
    eval_rows: CountOrNone = 0
    languages: AnyNumberOf[Language] = ()
    repositories: Annotated[dict[str, str], AfterValidator(_known_repositories)] = {}
    raw: RawFields = RawFields()


class TrainingFields(_Target):
    """How one target task trains: hyperparameters of the section `target`; None is the published value of the task."""


class IntermediateTraining(_Intermediate):
    """How one intermediate task trains: those of the section `intermediate`."""


class IntermediateFields(IntermediateTraining):
    """How intermediate runs train; `tasks` overrides it for single tasks, or for the mixture as a whole."""

    tasks: dict[Intermediate, IntermediateTraining] = {}


class TargetFields(TrainingFields):
    """How target runs train; `tasks` overrides it for single tasks."""

    tasks: dict[Target, TrainingFields] = {}


class MlmFields(_Mlm):
    """Multilingual MLM (protocol.md 3.9 and 3.10): hyperparameters of the section `mlm`, and what is no number.

    Attributes:
        length: how long a run with MLM trains; unset, task_epochs for one task and capped_sum for several.
        languages: of the text; empty means all.
    """

    length: Annotated[MlmLength, named("length", lambda: MlmLength)] | None = None
    languages: AnyNumberOf[Language] = ()


class RetrievalFields(Section):
    """How sentences are embedded. `layer` unset: 14 of 24, 8 of 12, the same relative depth elsewhere."""

    layer: Layer | None = None
    max_length: InputLength = published.RETRIEVAL_MAX_LENGTH


class GpuFields(Section):
    """Share of a GPU that a run takes, 0 for none. On a cluster without GPUs all runs take cores alone."""

    intermediate: GpuShare = 1.0
    target: GpuShare = 1.0
    retrieval: GpuShare = 1.0
    tasks: dict[Trained, GpuShare] = {}


class ClusterFields(Section):
    """Where and how runs are executed; nothing here changes a result.

    Attributes:
        address: of a running Ray cluster; empty starts Ray on this machine.
        cpus: cores of one run.
        gpus: shares of a GPU by phase and by task.
        max_concurrent: runs at the same time; 0 is as many as fit.
        threads: CPU threads of one run's arithmetic.
        checkpoint_seconds: time between two checkpoints of a run.
        hang_seconds: longest silence of a run before its worker is ended and the run tried again from its checkpoint;
            a worker is silent while it downloads an encoder or a data set.
        results: Ray Tune's own folder; empty means `ray` inside the store.
    """

    address: str = ""
    cpus: Count = 1
    gpus: GpuFields = GpuFields()
    max_concurrent: CountOrNone = 0
    threads: Count = 1
    checkpoint_seconds: Positive = 120.0
    hang_seconds: Positive = 600.0
    results: str = ""


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


class SweepConfig(Section):
    """A whole sweep. `store` empty means `results/<name>` in the current folder."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")] = "sweep"
    store: str = ""
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
