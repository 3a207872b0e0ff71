"""The report of a sweep: the page, the short report, Table 2 as Markdown and LaTeX, and the long table of scores.

`xstilts report STORE` writes it from the store alone, of all its runs or of one sweep, by the plan that the
store keeps. Of the test scores it holds those of what was selected; all of them go into files of their own, on request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pandas import DataFrame

from analysis.figures.picture import Picture
from analysis.figures.write import FORMS
from analysis.report.as_json import in_json
from analysis.report.brief import short_report
from analysis.report.content import Content
from analysis.report.contents import content_of
from analysis.report.languages import language_tables
from analysis.report.material import Material
from analysis.report.outputs import write_parquet
from analysis.report.overview import table_title
from analysis.report.page.render import page
from analysis.report.pictures import all_of, on_page, pictures_of
from analysis.report.searches import searches_of
from analysis.report.worked_out import judged
from analysis.scores.headings import AnalysisError
from analysis.scores.layers import layer_scores
from analysis.scores.load import admit_tasks, open_store, score_table
from analysis.selection import opening
from analysis.selection.opening import ClosedError
from analysis.selection.regret import opened_by_regret, regrets
from analysis.selection.selection import Selection
from analysis.selection.sweep import Sweep, gather
from analysis.showing.markup import in_csv, in_markdown
from analysis.statistics.estimate import MARGIN
from analysis.tables import rendering
from analysis.tables.latex import latex
from analysis.tables.table2 import Table, table2
from trainables.ledger import files
from trainables.ledger.errors import LedgerError
from trainables.ledger.nearest import unknown
from trainables.ledger.plan import Plan
from trainables.ledger.store import Store

REPORT, PAGE, CONTENT = "report.md", "report.html", "report.json"
FIGURES = "figures"
"""Folder of the pictures, in that of the report."""
SCORES, ALL_SCORES = "scores", "scores-open"
"""Names of the long tables: of the scores that are open, and of all of them."""
_Noted = TypeVar("_Noted")

NAMED_RUNS = 5
"""Runs that the note of the table names."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A report that was written.

    Attributes:
        path: of `report.md`.
        page: of `report.html`.
        table: Table 2.
        content: all that the page shows.
        warnings: what could not be done.
    """

    path: Path
    page: Path
    table: Table
    content: Content
    warnings: tuple[str, ...] = ()

    @property
    def on_terminal(self) -> rendering.Terminal:
        """Table 2 for a rich console."""
        return rendering.Terminal(self.table)


def report_on(
    store: Path | str,
    folder: Path | None = None,
    *,
    sweep: str | None = None,
    conditions: Sequence[str] = (),
    open_test: bool = False,
    regret: bool = False,
    margin: float = MARGIN,
    figures: bool = True,
) -> Written:
    """Write the report of the store in a folder or at an address, by default into its `report`.

    `sweep` is the id of one of its sweeps, whose runs are taken; errors are those of `write_report`, and
    AnalysisError where there is no store.
    """
    opened = open_store(store)
    plan = chosen_plan(opened, sweep)
    return write_report(
        opened, folder or opened.report, plan=plan, conditions=conditions, open_test=open_test, regret=regret,
        margin=margin, figures=figures,
    )  # fmt: skip


def write_report(
    store: Store,
    folder: Path,
    *,
    plan: Plan | None = None,
    conditions: Sequence[str] = (),
    open_test: bool = False,
    regret: bool = False,
    margin: float = MARGIN,
    figures: bool = True,
) -> Written:
    """Write the report of one sweep into `folder`.

    Args:
        store: holds the records; nothing in it is changed but the receipts of selections, the list of the test scores
            that were opened and what is kept for the next report.
        folder: made if needed. Files are replaced one by one, and only after all of them have been made.
        plan: of the sweep, so that the report also knows what failed, what is to come and what has no data; None takes
            all runs of the store, which must be one sweep.
        conditions: `SETTING=VALUE`, to choose one of several sweeps (`sweeps.where`).
        open_test: write the scores of all runs on the test sets too, into files of their own.
        regret: say what the selection gave away on the test sets, which opens the scores of all candidates.
        margin: points within which two scores count as equivalent.
        figures: draw pictures.

    Raises:
        AnalysisError: no finished run that can be used, runs of several sweeps.
        LedgerError: another file of the store that cannot be read.
        ClosedError: all test scores or the regrets were asked for, and the store cannot note it. Without these the
            report then has no test scores, and says so.
    """
    sweep = gather(store, plan, conditions)
    selections, warnings = _opened(store, sweep, open_test=open_test, regret=regret)
    found = judged(store, sweep, selections, margin)
    table = table2(sweep.results, selections, table_title(sweep.runs), found.verdicts)
    table = replace(table, notes=(*table.notes, *_left_out(sweep), *warnings))
    ids = plan.nodes if plan else [*(run.record.run_id for run in sweep.runs), *sweep.unusable]
    studies = searches_of(ids, store.studies())
    layers, unread = _layers(store, sweep)
    warnings = (*warnings, *unread)
    groups = pictures_of(sweep, selections, found, studies, layers) if figures else ()
    material = Material(
        sweep=sweep, selections=selections, table=table, failures=noted_failures(store, plan.nodes if plan else None),
        studies=studies, openings=_noted(store.openings), receipts=_noted(store.receipts),
        regrets=regrets(sweep) if regret else None, cells=plan.cells if plan else {},
        verdicts=found.verdicts, languages=found.languages, transfers=found.transfers, figures=on_page(groups),
        warnings=warnings,
    )  # fmt: skip
    content = content_of(material)
    frame = score_table(sweep.runs)

    def write_text(content: str) -> Callable[[Path], object]:
        return lambda path: path.write_text(content, encoding="utf-8")

    drawn = all_of(groups)
    stale = _names_of_pictures(folder) - {picture.name for picture in drawn}
    _replace_all(folder, {
        "table2.md": write_text(f"### {in_markdown(table.title)}\n\n{rendering.markdown(table)}"),
        "table2.tex": write_text(latex(replace(table, title=_caption(table)))),
        "languages.tex": write_text(_languages_in_latex(material)),
        **(_long_table(ALL_SCORES, frame) if open_test else {}),
        **_long_table(SCORES, opening.open_scores(frame, sweep.results, selections)),
        **_pictures(drawn),
        CONTENT: write_text(in_json(content)),
        PAGE: write_text(page(content)),
        REPORT: write_text(short_report(content, PAGE)),
    })  # fmt: skip
    for name in () if open_test else _long_table(ALL_SCORES, frame):
        (folder / name).unlink(missing_ok=True)  # of an earlier report, so that all files are of one
    for path in (folder / FIGURES / f"{name}.{form}" for name in stale for form in FORMS):
        path.unlink(missing_ok=True)
    store.keep(folder)
    return Written(path=folder / REPORT, page=folder / PAGE, table=table, content=content, warnings=warnings)


def _opened(
    store: Store, sweep: Sweep, *, open_test: bool, regret: bool
) -> tuple[Mapping[str, Selection], tuple[str, ...]]:
    """The selections with the test scores that may be shown, which the store now says; what there is to say of it."""
    wanted = opening.opened_by_selection(sweep, "report")
    if regret:
        wanted += opened_by_regret(sweep)
    if open_test:
        wanted.append(opening.opened_by_request(sweep))
    try:
        opening.note(store, sweep, wanted)
    except ClosedError as error:
        if open_test or regret:
            raise
        return opening.closed(sweep.selections, opening.CLOSED), (str(error),)
    return sweep.selections, ()


def _layers(store: Store, sweep: Sweep) -> tuple[DataFrame, tuple[str, ...]]:
    """Retrieval scores at every hidden state, and why there are none where they cannot be read."""
    try:
        return layer_scores(store, sweep.runs), ()
    except AnalysisError as error:
        return layer_scores(store, ()), (str(error),)


def _noted(read: Callable[[], tuple[_Noted, ...]]) -> tuple[_Noted, ...]:
    try:
        return read()
    except LedgerError:
        return ()  # nothing is opened then, and the reason stands below the table


def _left_out(sweep: Sweep) -> Sequence[str]:
    """A note of the runs that the table lacks although they are finished."""
    if not sweep.unusable:
        return ()
    ids = sorted(sweep.unusable)
    named = ", ".join(ids[:NAMED_RUNS]) + (f" and {len(ids) - NAMED_RUNS} more" if len(ids) > NAMED_RUNS else "")
    return (f"Without finished runs that cannot be used, for reasons that stand in the report: {named}.",)


def _pictures(drawn: Sequence[Picture]) -> dict[str, Callable[[Path], object]]:
    """Path below the folder of the report -> how its file is made."""

    def write(picture: Picture, form: str) -> Callable[[Path], object]:
        return lambda path: path.write_bytes(picture.svg.encode() if form == "svg" else picture.rendered(form))

    return {f"{FIGURES}/{each.name}.{form}": write(each, form) for each in drawn for form in FORMS}


def _names_of_pictures(folder: Path) -> set[str]:
    """Of an earlier report in this folder, as it says itself; names are those of files and nothing else."""
    try:
        blocks = json.loads((folder / CONTENT).read_text(encoding="utf-8"))["sections"]["figures"]["blocks"]
        names = {str(inner["name"]) for block in blocks for inner in block.get("blocks", [block])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {name for name in names if name == Path(name).name}


def _caption(table: Table) -> str:
    """The title for a paper, which numbers its tables itself."""
    about = table.title.removeprefix("Table 2").removeprefix(": ")
    return "Zero-shot transfer after intermediate training" + (f": {about}" if about else "")


def _languages_in_latex(material: Material) -> str:
    """A float for every target and split that is shown."""
    tables = language_tables(material)
    return "\n".join(latex(table, f"tab:xstilts-{name}", whole=False) for name, table in tables)


def _long_table(name: str, frame: DataFrame) -> dict[str, Callable[[Path], object]]:
    """Its two files; the one that spreadsheets open holds no text that they would compute."""
    texts = frame.select_dtypes(exclude=["number", "bool"]).columns if len(frame) else ()
    shown = frame.assign(**{column: frame[column].map(in_csv) for column in texts})
    return {
        f"{name}.csv": lambda path: shown.to_csv(path, index=False),
        f"{name}.parquet": lambda path: write_parquet(frame, path),
    }


def _replace_all(folder: Path, made_by: dict[str, Callable[[Path], object]]) -> None:
    """Make all files under temporary names, then move them into place; an earlier report survives a failure."""
    with ExitStack() as moved_at_the_end:
        # what is entered first is moved last: the report itself
        made = {name: moved_at_the_end.enter_context(files.replacing(folder / name)) for name in reversed(made_by)}
        for name, make in made_by.items():
            make(made[name])


def chosen_plan(store: Store, sweep: str | None) -> Plan | None:
    """The plan of the sweep that is named; else the last one where a search or a race left runs that no table wants.

    None stands for all runs of the store. Raises AnalysisError for a sweep that the store does not have.
    """
    if sweep is None:
        return store.plan() if store.holds_trials and store.has_plan else None
    known = store.sweeps()
    if sweep not in known:
        what = "the id of a sweep of this store, not a file" if "/" in sweep or sweep.endswith(".json") else "an id"
        raise AnalysisError(f"--sweep {sweep}: allowed: {what}; {unknown('sweep', sweep, known or ['none'])}")
    admit_tasks(store, sweep)
    return store.plan(sweep)


def noted_failures(store: Store, run_ids: Collection[str] | None) -> dict[str, str]:
    """Run id -> why its last attempt failed, for runs that are not finished; of all runs when `run_ids` is None."""
    finished = set(store.run_ids())
    wanted = store.failed_ids() if run_ids is None else run_ids
    reasons = {run_id: store.failure(run_id) for run_id in wanted if run_id not in finished}
    return {run_id: reason for run_id, reason in reasons.items() if reason}
