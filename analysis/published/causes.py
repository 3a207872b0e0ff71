"""Known causes of a difference to the printed numbers (protocol.md 8 and 9), as far as the records show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from analysis.published import tables
from analysis.scores.headings import heading, row_title
from analysis.scores.load import Run
from analysis.selection.averages import mean
from analysis.selection.selection import Candidate, Choice, choose
from trainables.ledger.cells import MULTI_TASK, Row
from trainables.ledger.hyperparameters import Precision
from trainables.ledger.record import Record
from trainables.tasks.registry import intermediates, task

HUB = "google/xtreme"
FOREIGN = ("el", "zh", "fr", "ru", "de")
"""Languages whose POS treebanks are not all of that language on the hub (protocol.md 8.3)."""
RATES = {False: 1e-5, True: 5e-6}
"""Published learning rate of an intermediate run, by whether MLM is co-trained (protocol.md 2.3)."""
TARGET_RATE = 3e-6


def causes(target: str, runs: Sequence[Run]) -> tuple[str, ...]:
    """Why a cell may differ from the printed one; `runs` are those of the cell, one or more seeds of one row."""
    found = [*_of_target(target, runs), *_of_training(target, runs), *_of_row(runs)]
    return tuple(dict.fromkeys(found))


def of_choice(target: str, chosen: Row) -> tuple[str, ...]:
    """Why a selected model's score may differ: another row was selected than the printed dev rows imply."""
    theirs = published_choice(target)
    if theirs == chosen:
        return ()
    return (f"{heading(target)}: {row_title(chosen)} was selected here, {row_title(theirs)} in the paper",)


@cache
def published_choice(target: str) -> Row:
    """The row that the printed development rows select (protocol.md 7)."""
    frame = tables.dev_scores()
    own = frame[frame["target"] == target]
    metrics: dict[Row, list[float]] = defaultdict(list)
    for intermediate, mlm, value in zip(own["intermediate"], own["mlm"], own["value"], strict=True):
        metrics[Row(intermediate, bool(mlm))].append(float(value))
    choice = choose([Candidate(variant=row, seeds={0: mean(values)}) for row, values in metrics.items()])
    assert isinstance(choice, Choice)
    return choice.best.variant


def _of_target(target: str, runs: Sequence[Run]) -> Iterator[str]:
    records = [run.record for run in runs]
    from_hub = _repositories(target, records) in ({HUB}, set())
    match target:
        case "xnli":
            batch = _numbers(record.spec.optimisation.batch_sizes.get("xnli", 0)
                             for record in records if record.spec.optimisation)  # fmt: skip
            yield f"XNLI: the paper prints a batch of 4, read as 4 x 8 = 32 (protocol.md 9); here {batch}"
        case "pawsx" if from_hub:
            yield "PAWS-X: the hub's google/xtreme has lost rows, 49,175 of 49,401 for training (protocol.md 8.2)"
        case "udpos" if from_hub:
            yield f"POS: the hub's google/xtreme holds foreign treebanks in {', '.join(FOREIGN)} (protocol.md 8.3)"
        case "xquad" | "mlqa":
            yield "XQuAD, MLQA: answers are cut from the context by offsets, without the trimming of the time"
        case "tydiqa":
            yield (
                "TyDiQA: trained on the 3,696 English rows; the paper may have trained on all nine languages (its"
                " baseline is far above XTREME's), and prints 75.7 and 75.5 for the same F1 (protocol.md 8.11)"
            )
        case "bucc" | "tatoeba":
            layers = _numbers(record.spec.retrieval.layer for record in records if record.spec.retrieval)
            yield (
                f"BUCC, Tatoeba: the paper's 13th layer is read as hidden state 14 of 24 (protocol.md 5.4); here"
                f" {layers}"
            )
            if target == "bucc":
                yield "BUCC: a sentence that occurs more than once in its file is left out, as in XTREME's later scorer"


def _of_training(target: str, runs: Sequence[Run]) -> Iterator[str]:
    epochs, batch = tables.epochs_and_batches()["target", target]
    for run in runs:
        settings = run.record.spec.optimisation
        if settings is None:
            continue
        if settings.learning_rate != TARGET_RATE:
            yield f"{heading(target)}: learning rate {settings.learning_rate:g}, published {TARGET_RATE:g}"
        if settings.epochs != epochs:
            yield f"{heading(target)}: {settings.epochs:g} epochs, published {epochs:g}"
        if target != "xnli" and {*settings.batch_sizes.values()} != {batch}:  # of XNLI more is said above
            yield f"{heading(target)}: batch {_numbers(settings.batch_sizes.values())}, published {batch}"
        if settings.precision is Precision.BF16:
            yield "bf16; the code of the paper trained in fp32 by default"


def _of_row(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        made = run.intermediate
        if made is None or made.spec.optimisation is None:
            continue
        spec, settings, row = made.spec, made.spec.optimisation, run.variant
        if settings.learning_rate != RATES[row.mlm]:
            yield f"{row_title(row)}: learning rate {settings.learning_rate:g}, published {RATES[row.mlm]:g}"
        if row.intermediate == MULTI_TASK:
            members = {found.name for found in intermediates()} - {"squad"}
            if missing := [heading(name) for name in sorted(members - {*spec.tasks})]:
                yield f"{row_title(row)}: the mixture is without {', '.join(missing)}"
        elif settings.epochs != (epochs := tables.epochs_and_batches()["intermediate", row.intermediate][0]):
            yield f"{row_title(row)}: {settings.epochs:g} epochs, published {epochs:g}"
        if "ccg" in spec.tasks:
            yield "CCG: from another preparation of CCGbank than the paper's, or from other data (protocol.md 9)"
        if "cosmosqa" in spec.tasks:
            yield "CosmosQA: the public release has 25,262 rows, the paper states 25,588 (protocol.md 8.17)"
        if spec.mlm:
            yield "MLM: on the Wikipedia dump there is, not on that of April 2020"
            yield f"MLM: the paper does not state how long these runs train (protocol.md 3.10); here {spec.mlm.length}"


def _repositories(target: str, records: Sequence[Record]) -> set[str]:
    """Repositories that rows of a target came from; empty where the records do not say."""
    known = {source.repository for preference in task(target).sources.values() for files in preference.values()
             for source in files("en" if target not in ("bucc", "tatoeba") else "de")}  # fmt: skip
    return {use.repository for record in records for use in record.data_use if use.repository in known}


def _numbers(values: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(set(values)))) or "not stated"
