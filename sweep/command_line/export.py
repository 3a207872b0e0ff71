"""The command `export`: a model of a store as a folder for transformers, and on the hub if asked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from trainables.ledger import files, words
from trainables.ledger.bounds import SEED
from trainables.ledger.console import make_console
from trainables.ledger.exported import CARD_FILE, FACTS_FILE
from trainables.ledger.paths import names_in
from trainables.ledger.terminal import plain_log


def main(arguments: Sequence[str], prog: str = "xstilts export") -> int:
    """Write the model; returns 0. Raises errors that say what to do."""
    given = _parser(prog).parse_args(arguments)
    plain_log()
    folder = _destination(given.to, force=given.force)

    from sweep.command_line import exporting, pushing  # late: they take seconds, which --help need not wait for

    if given.push:
        pushing.check_id(given.push)
    wanted = exporting.Wanted(
        target=given.target, seed=given.seed, run_id=given.run, task=given.task, encoder=given.encoder,
        open_test=given.open_test, peft=given.peft, sweep=given.sweep, conditions=tuple(given.where),
    )  # fmt: skip
    console = make_console(soft_wrap=True)
    with files.replacing(folder) as partial:
        partial.mkdir()
        made = exporting.write(given.store, wanted, partial)
        (partial / CARD_FILE).write_text(made.card, encoding="utf-8")
        (partial / FACTS_FILE).write_text(made.exported.to_json(), encoding="utf-8")
    for line in made.notes:
        console.print(line)
    console.print(f"Model: {folder}")
    if given.push:
        console.print(f"Pushed: {pushing.push(folder, given.push, private=given.private)}")
    return 0


def _destination(path: Path, *, force: bool) -> Path:
    """The folder to write; raises ValueError for one that holds something else."""
    folder = path.expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--to {path}: it is a file; allowed: a new or an empty folder")
    held = names_in(folder)
    if not held:
        return folder
    if FACTS_FILE not in held:
        raise ValueError(f"--to {path}: the folder is not empty; allowed: a new or an empty one")
    if not force:
        raise ValueError(f"--to {path}: an exported model is there already; --force replaces it")
    return folder


def _parser(prog: str) -> words.Parser:
    parser = words.Parser(
        prog=prog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s STORE (--target TASK | --run ID) --to DIR [OPTION ...]",
        description="Write a model of a store as a folder that transformers alone can load: configuration, weights,\n"
        "tokenizer, a model card, and xstilts.json, by which `xstilts predict` knows it.",
        epilog=f"examples:\n  {prog} STORE --target xnli --to models/xnli      what the dev scores have selected\n"
        f"  {prog} STORE --run ID --to models/encoder       the encoder of an intermediate run\n"
        f"  {prog} STORE --run ID --task squad --to models/squad\n\n"
        "exit codes: 0 written, 2 bad input, or a model that the store does not hold",
    )
    parser.add_argument("store", type=words.place, metavar="STORE", help="folder of the store, or s3://BUCKET/PREFIX")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--target", type=words.text, metavar="TASK",
        help="the model of the selected row; of a retrieval target its encoder",
    )  # fmt: skip
    which.add_argument("--run", type=words.text, metavar="ID", help="the model or encoder of one run")
    parser.add_argument("--to", type=words.path, required=True, metavar="DIR", help="where to write: a new folder")
    parser.add_argument(
        "--seed", type=words.number(SEED), metavar="N",
        help="with --target: which of the row's seeds (default: the best on the scores that select)",
    )  # fmt: skip
    parser.add_argument(
        "--task", type=words.text, default="", metavar="TASK",
        help="with --run: the model of a task that the run was trained on; without it an intermediate run gives its "
        "encoder",
    )  # fmt: skip
    parser.add_argument(
        "--encoder", type=words.text, default="", metavar="NAME",
        help="where the pretrained encoder is, if it has moved (default: what the store says)",
    )  # fmt: skip
    parser.add_argument(
        "--open-test", action="store_true",
        help="put test scores on the card that nobody has opened; the store notes it",
    )  # fmt: skip
    parser.add_argument(
        "--peft", action="store_true",
        help="of a run with LoRA the adapter alone, for peft, in place of the whole model",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace an earlier export in DIR")
    parser.add_argument("--push", type=words.text, default="", metavar="ID", help="upload it to the hub as owner/name")
    parser.add_argument("--private", action="store_true", help="with --push: make a new repository private")
    parser.add_argument("--sweep", type=words.text, metavar="ID", help="one of the sweeps in STORE/plans")
    parser.add_argument(
        "--where", type=words.text, action="append", default=[], metavar="[SCOPE:]SETTING=VALUE",
        help="keep only such runs, for a store with several sweeps; may be repeated",
    )  # fmt: skip
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser
