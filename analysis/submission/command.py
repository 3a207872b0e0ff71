"""The command line of the submission: `xstilts submission STORE`, `python -m analysis.submission STORE`."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.scores.headings import AnalysisError
from trainables.ledger import words
from trainables.ledger.bounds import SEED
from trainables.ledger.console import make_console
from trainables.ledger.errors import LedgerError, StoreError
from trainables.ledger.record import BrokenRecordError
from trainables.ledger.terminal import complain, plain_log


def main(arguments: Sequence[str] | None = None, prog: str = "python -m analysis.submission") -> int:
    """Write the submission and say what is in it.

    Returns 0, 1 when a target of the sweep could not be written, 2 when the input is broken.
    """
    given = _parser(prog).parse_args(arguments)
    plain_log()

    from analysis.submission import writer  # late: pandas and pyarrow take a second, which --help need not wait for

    try:
        submission, folder = writer.submission_of(
            given.store, given.out, sweep=given.sweep, conditions=given.where, seed=given.seed, data=given.data
        )
    except (AnalysisError, BrokenRecordError, LedgerError, StoreError, OSError) as error:
        complain(f"{prog.removeprefix('python -m ')}: {error}")
        return 2
    console = make_console(soft_wrap=True)
    console.print(writer.summary(submission))
    console.print(f"Submission: {folder}" if submission.models else "Nothing was written.")
    return 1 if submission.missing else 0


def _parser(prog: str) -> words.Parser:
    parser = words.Parser(
        prog=prog,
        description="Write the test predictions of the selected models, and their labels, in the layout of XTREME.",
    )
    parser.add_argument("store", type=words.place, metavar="STORE", help="folder of the store, or s3://BUCKET/PREFIX")
    parser.add_argument("--out", type=words.path, metavar="DIR", help="where to write (default: STORE/submission)")
    parser.add_argument(
        "--sweep", type=words.text, metavar="ID", help="one of the sweeps in STORE/plans: its runs only"
    )
    parser.add_argument(
        "--where", type=words.text, action="append", default=[], metavar="[SCOPE:]SETTING=VALUE",
        help="keep only such runs, for a store with several sweeps; may be repeated. "
        "Example: --where encoder.name=bundled",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=words.number(SEED), metavar="N", help="which seed, if there are several (default: the lowest)"
    )
    parser.add_argument(
        "--data", type=words.text, metavar="demo|hub|DIR",
        help="the data that the runs read; puts the lines of Tatoeba in XTREME's order, that of the English sentences",
    )  # fmt: skip
    return parser
