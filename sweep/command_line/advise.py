"""The command `advise`: which intermediate training is worth trying for a target, before anything is trained."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from sweep.command_line.options import OPTIONS, not_given
from trainables.ledger import words
from trainables.ledger.bounds import COUNT
from trainables.ledger.console import make_console
from trainables.ledger.terminal import plain_log

SAMPLE = 256
WIDTH = 120
_OF_SWEEP = (
    "--tasks", "--preset", "--config", "--encoder", "--targets", "--data", "--intermediates", "--mlm", "--languages",
    "--seeds", "--train-rows", "--eval-rows", "--set",
)  # fmt: skip


def main(arguments: Sequence[str], prog: str = "xstilts advise") -> int:
    """Show the advice; returns 0. Raises errors that say what to do."""
    began = time.perf_counter()
    own = _parser(prog).parse_args(arguments)
    plain_log()

    from analysis.advice import showing  # late: pandas takes a second, which --help need not wait for
    from sweep.command_line import advising

    given = argparse.Namespace(**not_given() | vars(own) | {"store": None})
    found = advising.advise(given, own.store, own.sample if own.features else 0, began)
    if own.json:
        make_console(soft_wrap=True).print(showing.as_json(found))
    else:
        make_console(WIDTH).print(showing.Shown(found))
    return 0


def _parser(prog: str) -> words.Parser:
    parser = words.Parser(
        prog=prog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [OPTION ...]",
        description="Rank candidate rows for targets before anything is trained: from records of other sweeps, and\n"
        "from what a few hundred rows of every task are to the frozen encoder. Trains and writes nothing, takes at\n"
        "most 1 % of the work of the sweep that it advises on, and says how good such advice was on the sweeps in\n"
        "--store. Where nothing says which rows, all tasks that train are candidates.",
        epilog=f"examples:\n  {prog} --encoder bundled:6 --data DIR --targets xnli,panx\n"
        f"  {prog} --encoder bundled:6 --data DIR --targets panx --intermediates 'squad,panx@de,panx@sw' --store S\n"
        f"  {prog} --config sweep.yaml --store A --store B --json\n\n"
        "exit codes: 0 ranked, 2 bad input, or a store without gains",
    )
    groups: dict[str, argparse._ArgumentGroup] = {}
    for name in _OF_SWEEP:
        option = OPTIONS[name]
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        groups[option.group].add_argument(name, **option.settings)
    group = parser.add_argument_group("from what")
    group.add_argument(
        "--store", type=words.place, action="append", default=[], metavar="DIR",
        help="a store with a baseline and other rows, of any encoder; may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--sample", type=words.number(COUNT), default=SAMPLE, metavar="N",
        help=f"rows of every task that the frozen encoder reads, fewer where time is short (default: {SAMPLE})",
    )  # fmt: skip
    group.add_argument(
        "--no-features", dest="features", action="store_false", help="records alone: neither encoder nor rows are read"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, for programs")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser
