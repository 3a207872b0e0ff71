"""The command line of the report: `xstilts report STORE`, `python -m analysis.report STORE`."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.scores.headings import AnalysisError
from analysis.statistics.estimate import MARGIN
from trainables.ledger import words
from trainables.ledger.bounds import COLUMNS, POINTS
from trainables.ledger.console import make_console
from trainables.ledger.errors import LedgerError, StoreError
from trainables.ledger.record import BrokenRecordError
from trainables.ledger.terminal import complain, plain_log


def main(arguments: Sequence[str] | None = None, prog: str = "python -m analysis.report") -> int:
    """Write the report and show Table 2; returns 0, or 2 when there is nothing to report on or the input is broken."""
    given = _parser(prog).parse_args(arguments)
    plain_log()

    from analysis.report import writer  # late: pandas and scipy take a second, which --help need not wait for

    try:
        written = writer.report_on(
            given.store, given.out, sweep=given.sweep, conditions=given.where, open_test=given.open_test,
            regret=given.regret, margin=given.margin, figures=not given.no_figures,
        )  # fmt: skip
    except (AnalysisError, BrokenRecordError, LedgerError, StoreError, OSError) as error:
        complain(f"{_name(prog)}: {error}")
        return 2
    console = make_console(given.width)
    console.print(written.on_terminal)
    for warning in written.warnings:
        complain(f"{_name(prog)}: {warning}")
    console.print(f"\nPage: {written.page}", soft_wrap=True)
    console.print(f"Report: {written.path}", soft_wrap=True)
    return 0


def _name(prog: str) -> str:
    """What messages begin with."""
    return prog.removeprefix("python -m ")


def _parser(prog: str) -> words.Parser:
    parser = words.Parser(
        prog=prog, description="Write the report of a sweep from the records in its store, and show Table 2."
    )
    parser.add_argument("store", type=words.place, metavar="STORE", help="folder of the store, or s3://BUCKET/PREFIX")
    parser.add_argument("--out", type=words.path, metavar="DIR", help="where to write (default: STORE/report)")
    parser.add_argument(
        "--sweep", type=words.text, metavar="ID", help="one of the sweeps in STORE/plans: its runs only"
    )
    parser.add_argument(
        "--where", type=words.text, action="append", default=[], metavar="[SCOPE:]SETTING=VALUE",
        help="keep only such runs, for a store with several sweeps; may be repeated. "
        "Example: --where encoder.name=bundled --where xnli:optimisation.learning_rate=3e-06",
    )  # fmt: skip
    parser.add_argument(
        "--open-test", action="store_true",
        help="write the test scores of all runs too (scores-open.csv); the store notes that they were opened",
    )  # fmt: skip
    parser.add_argument(
        "--regret", action="store_true",
        help="say how much test score the selection on dev, and one on English dev, gave away; the store notes that "
        "all candidates were opened",
    )  # fmt: skip
    parser.add_argument(
        "--margin", type=words.number(POINTS), default=MARGIN, metavar="POINTS",
        help=f"points within which two scores count as equivalent (default: {MARGIN:g})",
    )  # fmt: skip
    parser.add_argument("--no-figures", action="store_true", help="draw no pictures")
    parser.add_argument(
        "--width", type=words.number(COLUMNS), default=100, help="columns of the table in a log file (default: 100)"
    )
    return parser
