"""The command line of the comparison: `xstilts compare A B`."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.scores.headings import AnalysisError
from trainables.ledger import words
from trainables.ledger.bounds import COLUMNS, NOT_NEGATIVE
from trainables.ledger.console import make_console
from trainables.ledger.errors import LedgerError, StoreError
from trainables.ledger.record import BrokenRecordError
from trainables.ledger.terminal import complain, plain_log


def main(arguments: Sequence[str] | None = None, prog: str = "xstilts compare") -> int:
    """Show what changed between two stores; returns 0, or 2 where there is nothing to compare or it cannot be read."""
    given = _parser(prog).parse_args(arguments)
    plain_log()

    from analysis.comparing import comparison, showing, side  # late: pandas and scipy, which --help need not wait for
    from analysis.statistics.estimate import MARGIN

    try:
        own = side.open_side(given.a, given.sweep_a, [*given.where, *given.where_a])
        other = side.open_side(given.b, given.sweep_b, [*given.where, *given.where_b])
        found = comparison.compare(own, other, MARGIN if given.margin is None else given.margin)
    except (AnalysisError, BrokenRecordError, LedgerError, StoreError, OSError) as error:
        complain(f"{prog}: {error}")
        return 2
    a, b = str(given.a), str(given.b)
    if given.json:
        make_console(soft_wrap=True).print(showing.as_json(found, a, b))
    else:
        make_console(given.width).print(showing.Shown(found, a, b))
    for warning in found.warnings if given.json else ():
        complain(f"{prog}: {warning}")
    return 0


def _parser(prog: str) -> words.Parser:
    parser = words.Parser(
        prog=prog,
        description="What changed between two stores beyond chance, on the rows that select; test scores stay closed.",
        epilog="exit codes: 0 compared, 2 a store that is not there, is empty, or holds several sweeps or broken files",
    )
    parser.add_argument("a", type=words.place, metavar="A", help="folder of a store, or s3://BUCKET/PREFIX")
    parser.add_argument("b", type=words.place, metavar="B", help="folder of the store that is compared with it")
    for side in ("a", "b"):
        parser.add_argument(
            f"--sweep-{side}", type=words.text, metavar="ID",
            help=f"one of the sweeps in {side.upper()}/plans: its runs only",
        )  # fmt: skip
    for option, of in (("--where", "of both"), ("--where-a", "of A"), ("--where-b", "of B")):
        parser.add_argument(
            option, type=words.text, action="append", default=[], metavar="[SCOPE:]SETTING=VALUE",
            help=f"keep only such runs {of}, for a store with several sweeps; may be repeated",
        )  # fmt: skip
    parser.add_argument(
        "--margin", type=words.number(NOT_NEGATIVE), metavar="POINTS",
        help="within which two scores count as equivalent (default: 0.5)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="everything as JSON instead")
    parser.add_argument(
        "--width", type=words.number(COLUMNS), default=100, help="columns of the table in a log file (default: 100)"
    )
    return parser
