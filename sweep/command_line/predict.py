"""The command `predict`: predictions of an exported model on rows of one's own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from trainables.ledger import words
from trainables.ledger.bounds import COUNT
from trainables.ledger.terminal import plain_log

BATCH_TOKENS = 8192
DEVICES = ("cpu", "cuda")


def main(arguments: Sequence[str], prog: str = "xstilts predict") -> int:
    """Write the predictions; returns 0. Raises errors that say what to do."""
    given = _parser(prog).parse_args(arguments)
    plain_log()

    from sweep.command_line.predicting import predict_file  # late: torch takes seconds, which --help need not wait for

    predict_file(
        given.model, given.rows, given.out, language=given.language, device=given.device, max_tokens=given.batch_tokens
    )
    return 0


def _parser(prog: str) -> words.Parser:
    parser = words.Parser(
        prog=prog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s MODEL --rows FILE [OPTION ...]",
        description="Predictions of a model that `xstilts export` wrote, on rows of your own: in the columns of the\n"
        "data sets of its task, or in plain ones. Where rows say what is right, the score is shown too.",
        epilog="plain columns (label columns may be left out; `id` and `language` may be there):\n"
        "  pairs      text_a, text_b [label]\n  choices    prompt, choices [label]\n"
        "  words      words [tags]; of a task of one's own, tokens [tags], too\n"
        "  questions  question, context [answers]\n\n"
        f"example:\n  {prog} models/xnli --rows pairs.csv --out predictions.jsonl\n\n"
        "exit codes: 0 predicted, 2 bad input",
    )
    parser.add_argument("model", type=words.path, metavar="MODEL", help="folder that `xstilts export` wrote")
    parser.add_argument(
        "--rows", type=words.path, required=True, metavar="FILE",
        help="JSON lines, CSV, TSV or parquet, by its suffix; words and tags in columns, too (.conll, .conllu, .txt), "
        "and questions as of SQuAD (.json)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=words.path, metavar="FILE",
        help="JSON lines, CSV, TSV or parquet, by its suffix (default: JSON lines on the terminal)",
    )  # fmt: skip
    parser.add_argument(
        "--language", type=words.text, default="en", metavar="CODE",
        help="of rows without a column `language`; decides how answers of MLQA are compared (default: en)",
    )  # fmt: skip
    parser.add_argument(
        "--batch-tokens", type=words.number(COUNT), default=BATCH_TOKENS, metavar="N",
        help=f"sub-words of a batch; fewer take less memory (default: {BATCH_TOKENS})",
    )  # fmt: skip
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="where to compute (default: cpu)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser
