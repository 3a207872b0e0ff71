"""Hostile input: command lines and configurations that nobody means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.chaos.commands import BASE, command
from benchmarks.chaos.forks import Case, each, in_child
from benchmarks.chaos.judge import judge_input
from benchmarks.chaos.lab import Lab
from benchmarks.chaos.outcomes import Tried

SECONDS = 60.0
STORE = "STORE"
"""Stands for a folder of the case."""
NUMBERS = (
    "1e400",
    "9" * 400,
    "-1",
    "0",
    "nan",
    "inf",
    "1e30",
    "\uff14\uff12",
    "1:30",
    "010",
    "0x1f",
    "[[[[",
    "!!binary aGk=",
    "",
)
FIELDS = (
    "target.epochs", "target.batch_size", "target.learning_rate", "intermediate.mixing_cap", "mlm.mask_probability",
    "mlm.sentences", "data.train_rows", "grid.seeds", "search.parallel", "cluster.threads", "cluster.hang_seconds",
    "cluster.gpu.intermediate", "retrieval.layer",
)  # fmt: skip
TEXTS = (
    "",
    "\x00",
    "\x1b[31mred",
    "[/word]",
    "x" * 5000,
    "~nouser/x",
    "/dev/null",
    "../../..",
    "\u202ename",
    "a\nb",
    "\udcff",
)
OPTIONS = (
    "--data",
    "--encoder",
    "--intermediates",
    "--targets",
    "--languages",
    "--store",
    "--config",
    "--mlm",
    "--set",
)
FILES = {
    "an alias to itself": b"grid: &a [*a]\n",
    "an alias bomb": b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in range(98, 110)
    ),
    "deep nesting": b"[" * 20000,
    "bad UTF-8": b"grid:\n  seeds: [\xff\xfe]\n",
    "NUL bytes": b"\x00" * 100,
    "another document": b"--- 1\n--- 2\n",
    "a tag of Python": b"!!python/object/apply:os.system ['true']\n",
    "a tab": b"grid:\n\tseeds: 1\n",
    "a key twice": b"grid:\n  seeds: 1\n  seeds: 2\n",
    "keys that are no text": b"? [1, 2]\n: 3\n1: 2\nnull: 4\n",
    "times and dates": b"grid:\n  seeds: 2001-01-01\n",
    "five megabytes": b"# x\n" * 1_300_000,
    "nothing": b"",
}  # fmt: skip
WORDS: tuple[tuple[str, ...], ...] = (
    ("plan", "--no-such-option"), ("nonsense",), ("plan", "--set"), ("plan", "--set", "nonsense"), ("plan", "x", "y"),
    ("report",), ("report", "/no/such/store"), ("report", "/dev/null", "--width", "-5"), ("check", "/dev/null"),
    ("submission", "/no/such/store"), ("status", "--store", "/dev/null"), ("plan", "--preset", "nonsense"),
    ("run", "--recompute", "../../etc"), ("search", "--phase", "nonsense", "--tasks", "x"), ("tasks", "--data", ""),
    ("search", "--phase", "target", "--tasks", "xnli", "--trials", "1e9"), ("plan", "--search", "1e400h"),
)  # fmt: skip


def hostile(lab: Lab) -> Iterator[Tried]:
    """Give every command, and look how it ends."""
    folder = lab.root / "hostile"
    folder.mkdir(exist_ok=True)
    cases = [
        _planned("number", f"{field}={number}", "--set", f"{field}={number}") for field in FIELDS for number in NUMBERS
    ]
    cases += [_planned("text", f"{option} {text!r:.40}", option, text) for option in OPTIONS for text in TEXTS]
    for number, (name, content) in enumerate(FILES.items()):
        path = folder / f"{number}.yaml"
        path.write_bytes(content)
        cases.append(_planned("YAML", name, "--config", str(path)))
    cases += [_case("command line", " ".join(words), words) for words in WORDS]
    for _, tried in each(cases, lab.root / "work", lab.workers, lab.until):
        yield tried


def _planned(kind: str, name: str, option: str, value: str) -> Case:
    base = () if option == "--config" else BASE
    store = () if option == "--store" else ("--store", STORE)
    return _case(kind, name, ("plan", *base, option, value, *store))


def _case(kind: str, name: str, words: Sequence[str]) -> Case:
    def work(folder: Path) -> Tried:
        given = [str(folder / "store") if word == STORE else word for word in words]
        ended = in_child(lambda: command(*given), seconds=SECONDS)
        code = ended.value if ended.code == 0 else ended.code
        text = f"{name:.200} ({code}): {ended.words[-800:]}"
        outcome = judge_input(code, ended.words)
        return Tried(section="input", fault="given", kind=kind, outcome=outcome, text=text)

    return Case(name=name, work=work)
