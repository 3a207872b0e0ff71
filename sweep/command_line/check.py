"""The command `check`: read all that a store holds, and say what is sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from sweep.studies.journal_file import broken_line
from trainables.data.carried import check_folder
from trainables.data.source import DataError
from trainables.data.stores import store_at
from trainables.ledger import words
from trainables.ledger.console import make_console
from trainables.ledger.inspection import Condition, Inspected, inspect
from trainables.ledger.plain import plain
from trainables.ledger.store import Store
from trainables.ledger.terminal import complain
from trainables.ledger.usage import size_of

_STYLES = {Condition.DAMAGED: "red", Condition.UNCHECKED: "yellow", Condition.UNFINISHED: "dim"}
"""Of what is shown by name; of what is sound the number is enough."""


def main(arguments: Sequence[str], prog: str = "xstilts check") -> int:
    """Read a store; returns 0 where nothing is damaged, 1 where something is, 2 where there is no store."""
    given = _parser(prog).parse_args(arguments)
    store = store_at(given.store)
    if not store.has_runs:
        complain(f"there is no store at {given.store}")
        return 2
    console = make_console(100)
    counts: Counter[Condition] = Counter()
    gone: Counter[str] = Counter()
    num_bytes = 0
    for found in (*inspect(store), *_own_tasks(store), *_journal(store)):
        counts[found.condition] += 1
        num_bytes += found.num_bytes
        gone.update(found.removed)
        if found.condition in _STYLES:
            _show(found, console)
    told = ", ".join(f"{counts[condition]} {condition}" for condition in Condition if counts[condition])
    console.print(Text(f"{told or 'nothing'} ({size_of(num_bytes)} compared)"))
    if gone:
        listed = " and ".join(f"the {name} of {count} runs" for name, count in sorted(gone.items()))
        console.print(Text(f"removed, since nothing needs them any more: {listed}", style="dim"))
    return 1 if counts[Condition.DAMAGED] else 0


def _own_tasks(store: Store) -> Iterator[Inspected]:
    """The tasks of one's own that the store keeps, their rows held against their names."""
    for key in store.own_tasks():
        folder = store.own_task(key)
        try:
            if folder is None:
                raise DataError("it is not whole")
            check_folder(folder)
        except DataError as error:
            text = f"{error}; the next `run` with its file keeps it again"
            yield Inspected(what=f"tasks/{key}", condition=Condition.DAMAGED, text=text)
        else:
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            yield Inspected(what=f"tasks/{key}", condition=Condition.SOUND, num_bytes=size)


def _journal(store: Store) -> list[Inspected]:
    """The journal of studies, line by line."""
    if not store.journal.exists():
        return []
    try:
        broken = broken_line(store.journal)
    except OSError as error:
        broken = str(error)
    if not broken:
        return [Inspected(what="studies.journal", condition=Condition.SOUND, num_bytes=store.journal.stat().st_size)]
    text = f"{broken}; the next `run` puts it aside, and its studies begin anew with the runs of the store"
    return [Inspected(what="studies.journal", condition=Condition.DAMAGED, text=text)]


def _show(found: Inspected, console: Console) -> None:
    text = f"{found.condition}  {plain(found.what)}" + (f": {plain(found.text)}" if found.text else "")
    console.print(Text(text, style=_STYLES[found.condition]), soft_wrap=True)


def _parser(prog: str) -> words.Parser:
    parser = words.Parser(
        prog=prog,
        description="Read everything in a store, compare it with what was written, and say what is sound. "
        "Damage of a run is noted in the store, and taken back where its files are right again.",
        epilog="exit codes: 0 nothing is damaged, 1 something is, 2 there is no store",
    )
    parser.add_argument("store", type=words.place, metavar="STORE", help="folder of the store, or s3://BUCKET/PREFIX")
    return parser
