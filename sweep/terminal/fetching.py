"""What is to be fetched, as a table, and how it goes, a line a repository."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sweep.terminal.description import size_of
from trainables.data.wanted import Wanted
from trainables.ledger.plain import plain


def in_units(num_bytes: float) -> str:
    """For example `2.2 GB`, of less than a megabyte `640 kB`."""
    return size_of(num_bytes) if num_bytes >= 1e6 else f"{num_bytes / 1e3:.0f} kB"


def contents(wanted: Sequence[Wanted], licence: Callable[[Wanted], str]) -> Table:
    """Repositories with the number and size of their files, and their licences; by configurations if several."""
    groups: defaultdict[tuple[str, str], list[Wanted]] = defaultdict(list)
    for each in sorted(wanted, key=lambda each: (each.repository, each.config)):
        groups[each.repository, licence(each)].append(each)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("repository", overflow="fold")
    table.add_column("files", justify="right", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("licence, as stated", overflow="fold")
    several = Counter(repository for repository, _ in groups)
    for (repository, stated), of_group in groups.items():
        kinds = dict.fromkeys(each.config.partition(".")[0] for each in of_group)
        name = f"{repository} {', '.join(kinds)}" if several[repository] > 1 else repository
        size = in_units(sum(each.num_bytes for each in of_group))
        table.add_row(Text(plain(name)), str(len(of_group)), size, Text(plain(stated)))
    total = in_units(sum(each.num_bytes for each in wanted))
    table.add_row("all", str(len(wanted)), total, "", style="bold")
    return table


class FetchProgress:
    """Says of each repository when the last of its files has come."""

    def __init__(self, console: Console, wanted: Sequence[Wanted]) -> None:
        self._console = console
        self._left = Counter(each.repository for each in wanted)
        self._failed = Counter[str]()
        self._bytes = Counter[str]()

    def ended(self, wanted: Wanted, why: str) -> None:
        """A file has come, or has not and why."""
        name = wanted.repository
        self._left[name] -= 1
        self._failed[name] += bool(why)
        self._bytes[name] += 0 if why else wanted.num_bytes
        if not self._left[name]:
            failed = f", {self._failed[name]} files did not come" if self._failed[name] else ""
            style = "yellow" if failed else ""
            self._console.print(Text(f"{plain(name)}: {in_units(self._bytes[name])} there{failed}", style=style))
