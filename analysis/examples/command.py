"""The command line of the examples: `xstilts examples STORE --target TASK --language CODE --intermediate TASK`."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.scores.headings import AnalysisError
from trainables.ledger import words
from trainables.ledger.bounds import COLUMNS, COUNT, SEED
from trainables.ledger.console import make_console
from trainables.ledger.errors import LedgerError, StoreError
from trainables.ledger.record import BrokenRecordError
from trainables.ledger.terminal import complain, plain_log

ROWS = 10
"""Rows of each kind on the terminal."""


def main(arguments: Sequence[str] | None = None, prog: str = "xstilts examples") -> int:
    """Show which rows an intermediate task fixed or broke; returns 0, or 2 where the input is wrong or broken."""
    given = _parser(prog).parse_args(arguments)
    plain_log()

    from analysis.examples import asked, examples, page, showing  # late: pandas and pyarrow take a second
    from analysis.report.writer import chosen_plan
    from analysis.scores.load import open_store
    from analysis.selection.sweep import gather

    try:
        store = open_store(given.store)
        sweep = gather(store, chosen_plan(store, given.sweep), given.where)
        what = asked.asked(
            sweep, target=given.target, language=given.language, intermediate=given.intermediate, mlm=given.mlm,
            seed=given.seed, open_test=given.open_test,
        )  # fmt: skip
        found = examples.examples(store, sweep, what, given.data)
        if given.json:
            make_console(soft_wrap=True).print(showing.as_json(found, given.rows or 0))
            return 0
        path = page.write_page(found, given.out or store.report / "examples", given.rows or page.MOST)
        store.keep(path.parent)
    except (AnalysisError, BrokenRecordError, LedgerError, StoreError, OSError) as error:
        complain(f"{prog}: {error}")
        return 2
    console = make_console(given.width)
    console.print(showing.Shown(found, given.rows or ROWS))
    console.print(f"\nPage: {path}", soft_wrap=True)
    return 0


def _parser(prog: str) -> words.Parser:
    parser = words.Parser(
        prog=prog,
        description="Which rows an intermediate task fixed or broke against the baseline: as a table, and as a page in"
        " STORE/report/examples. Rows are those that select; test sets stay closed unless --open-test is given.",
    )
    parser.add_argument("store", type=words.place, metavar="STORE", help="folder of the store, or s3://BUCKET/PREFIX")
    parser.add_argument("--target", type=words.text, required=True, metavar="TASK", help="for example xquad")
    parser.add_argument("--language", type=words.text, required=True, metavar="CODE", help="for example th")
    parser.add_argument("--intermediate", type=words.text, required=True, metavar="TASK", help="for example squad")
    parser.add_argument("--mlm", action="store_true", help="the row with MLM")
    parser.add_argument("--seed", type=words.number(SEED), metavar="N", help="default: the lowest that both runs have")
    parser.add_argument(
        "--rows", type=words.number(COUNT), metavar="N",
        help=f"rows fixed and rows broken to show (default: {ROWS} on the terminal, more on the page, all as JSON)",
    )  # fmt: skip
    parser.add_argument(
        "--open-test", action="store_true",
        help="rows of the test set instead; the store notes that they were opened",
    )  # fmt: skip
    parser.add_argument(
        "--data", type=words.text, metavar="demo|hub|DIR",
        help="the data that the runs read, for the texts (default: what the store says; the hub is not asked unasked)",
    )  # fmt: skip
    parser.add_argument("--sweep", type=words.text, metavar="ID", help="one of the sweeps in STORE/plans")
    parser.add_argument(
        "--where", type=words.text, action="append", default=[], metavar="[SCOPE:]SETTING=VALUE",
        help="keep only such runs, for a store with several sweeps; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=words.path, metavar="DIR", help="folder of the page (default: STORE/report/examples)"
    )
    parser.add_argument("--json", action="store_true", help="counts and rows as JSON instead; no page is written")
    parser.add_argument(
        "--width", type=words.number(COLUMNS), default=120, help="columns of the table in a log file (default: 120)"
    )
    return parser
