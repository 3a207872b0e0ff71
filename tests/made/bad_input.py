"""A grammar of bad input: command lines, YAML files and paths that are meant to fail, or at least to do no harm.

Every field comes from the configuration itself, so that a new one is tried as soon as it exists.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from search_spaces.config import SweepConfig

QUICK = ("--preset", "quick")
"""A sweep that is planned in a blink, on the built-in corpus."""
FILE = "bad.yaml"
_SMALL = {
    "data": "data: {source: demo}\n",
    "encoder": "encoder: {name: bundled:2}\n",
    "grid": "grid: {intermediates: [none, qqp], mlm: off, targets: [xnli]}\n",
}
"""The sections of a file that is planned as fast."""


@dataclass(frozen=True)
class Case:
    """A command line, and the configuration file that lies beside it as `bad.yaml`."""

    words: tuple[str, ...]
    file: bytes | None = field(default=None, repr=False)
    name: str = ""

    def __str__(self) -> str:
        return self.name or " ".join(word if len(word) < 60 else f"{word[:57]}..." for word in self.words)


NUMBERS = (
    "1e30", "1e308", "1e309", "-1e308", "1e400", "9" * 309, "9" * 5000, "-" + "9" * 400, "9" * 309 + ".0", "-1", "-0.0",
    "0", "0.5", "5e-324", "1e-400", ".inf", "-.inf", ".nan", "inf", "nan", "Infinity", "2147483648",
    "9223372036854775808", "1_000", "1__0", "_1", "0x10", "0o17", "010", "0b11", "1:30", "1:30:00", "190:20:30.15",
    "1,5", "1/3", "1/0", "9/0.1", "2", "8", "１２", "٣", "²", "½", "1e", "e1", "+", "-", ".", "0x", "0x" + "f" * 400,
    "true", "null", "~", "''", "' '", "[]", "[1]", "[[1]]", "{}", "{a: 1}", "{1: 2}", "!!binary aGk=", "!!int x",
    "!!int 1", "!!float x", "!!float 1", "!!str 1", "!!null x", "!!bool maybe", "!!timestamp 2001-01-01", "2001-01-01",
    "2001-99-99", "!x 1", "&a 1", "*a", "&a [*a]", "{? [1] : 2}", "\"\\0\"", "|", "%", "@", "1 # one", "- 1",
    "? 1", "=",
)  # fmt: skip
"""What a field that wants a number, or anything else, may be given; a few are right for some fields."""
TEXTS = (
    "", " ", "\t", "a b", "nul\0byte", "x" * 300, "x" * 5000, "x/" * 3000, "~nouser", "~nouser/x", "~", "/",
    "/dev/null",
    "/dev/null/x", "/proc/self/mem", "/proc/1/x", "loop", "loop/x", "file", "file/x", "folder", "dangling", "..", ".",
    "\x1b[31mred", "\x1b]0;title\x07", "[/bold]", "[red]x", "\ud800", "\udcff", "\u202egnp", "\U000e0001", "ß" * 200,
    "%s%n", "$HOME", "`id`", "a,b", ",", ",,", "a=b", "=", "null", "~~", "bundled:", "bundled:0",
    "bundled:" + "9" * 5000,
    "bundled:１", "bundled:-1", "owner/" + "n" * 300, "a/b/c", "-", "--", "-x", "\n", "a\nb", "\r", "none,none",
    "*", "?",
)  # fmt: skip
"""What a name, a text or a path may be given as."""

_MANY = "[" + ",".join(["*a"] * 10) + "]"
_BOMB = "\n".join(
    ["a: &a0 [x,x,x,x,x,x,x,x,x,x]"] + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
)
_MERGES = "\n".join(
    ["a0: &a0 {x: 1, y: 2}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], k{n}: 1}}" for n in range(1, 12)]
)
STRUCTURES: dict[str, bytes] = {
    "alias to itself, list": b"grid: &a [*a]\n",
    "alias to itself, mapping": b"grid: &a {targets: *a}\n",
    "alias to itself, section": b"&a\ngrid: *a\n",
    "alias to itself, key": b"? &a [*a]\n: 1\n",
    "merge of itself": b"grid: &a\n  <<: *a\n  targets: xnli\n",
    "alias bomb": _BOMB.encode(),
    "alias bomb in a field": (_BOMB + "\nname: *a9\n").encode(),
    "alias bomb in a section": (_BOMB.replace("a: &a0", "grid: &a0") + "\ndata: *a9\n").encode(),
    "alias bomb of mappings": _BOMB.replace("[", "{k: [").replace("]", "]}").encode(),
    "merge bomb": _MERGES.encode(),
    "unknown alias": b"grid: *nowhere\n",
    "anchor given twice": b"a: &x 1\nb: &x 2\nc: *x\n",
    "deep flow lists": b"name: " + b"[" * 3000 + b"]" * 3000,
    "very deep flow lists": b"name: " + b"[" * 100_000,
    "deep flow mappings": b"name: " + b"{a: " * 3000 + b"1" + b"}" * 3000,
    "very deep flow mappings": b"{a: " * 100_000,
    "deep block mappings": "\n".join(" " * n + "a:" for n in range(700)).encode(),
    "deep block lists": b"- " * 20_000 + b"x",
    "deep known sections": b"grid: {targets: " + b"[" * 900 + b"]" * 900 + b"}",
    "large file": b"# " + b"x" * 3_000_000,
    "large list": b"grid: {seeds: [" + b",".join(b"%d" % n for n in range(120_000)) + b"]}",
    "large text": b"name: " + b"x" * 900_000,
    "long key": b"x" * 2000 + b": 1",
    "long number": b"target: {epochs: " + b"9" * 200_000 + b"}",
    "long hexadecimal number": b"target: {epochs: 0x" + b"f" * 200_000 + b"}",
    "long sexagesimal number": b"target: {epochs: 1" + b":59" * 50_000 + b"}",
    "bytes": bytes(range(256)),
    "not UTF-8": b"name: \xff\xfe\n",
    "truncated UTF-8": b"name: \xe4\xbd",
    "UTF-16": "name: x\n".encode("utf-16"),
    "byte-order mark": b"\xef\xbb\xbfname: x\n",
    "NUL": b"name: a\0b\n",
    "ESC": b"name: a\x1b[31mb\n",
    "ESC escaped": b'name: "a\\x1b[31mb"\n',
    "NUL escaped": b'store: "a\\0b"\n',
    "surrogate escaped": b'store: "\\ud800"\n',
    "surrogate key escaped": b'"\\ud800": 1\n',
    "surrogate beyond Unicode": b'store: "\\U00110000"\n',
    "tab": b"grid:\n\ttargets: xnli\n",
    "carriage returns": b"name: x\rgrid: 5\r",
    "two documents": b"name: a\n---\nname: b\n",
    "end of document": b"...\n---\n...\n",
    "directive": b"%YAML 9.9\n---\nname: x\n",
    "tag directive": b"%TAG ! tag:yaml.org,2002:python/\n---\n!object:os.system x\n",
    "python object": b"name: !!python/object/apply:os.system [echo]\n",
    "python name": b"name: !!python/name:os.system\n",
    "own tag": b"name: !mine x\n",
    "tag of a section": b"grid: !!set {a, b}\n",
    "ordered map": b"grid: !!omap [a: 1]\n",
    "ordered map of nothing": b"!!omap x\n",
    "pairs": b"grid: !!pairs [a: 1]\n",
    "set at the top": b"!!set {grid}\n",
    "binary": b"name: !!binary aGVsbG8=\n",
    "binary that is none": b"name: !!binary '='\n",
    "binary key": b"!!binary aGVsbG8=: 1\n",
    "timestamp": b"name: 2001-12-14t21:59:43.10-05:00\n",
    "timestamp that is none": b"name: 2001-13-45\n",
    "list of a mapping tag": b"grid: !!map [1]\n",
    "mapping of a list tag": b"grid: !!seq {a: 1}\n",
    "scalar of a mapping tag": b"grid: !!map x\n",
    "mapping of a text tag": b"name: !!str {a: 1}\n",
    "number of a mapping tag": b"target: {epochs: !!int {a: 1}}\n",
    "list as key": b"[1, 2]: 3\n",
    "mapping as key": b"{a: 1}: 3\n",
    "mapping as key of a section": b"grid: {{a: 1}: 3}\n",
    "null as key": b"~: 3\n",
    "number as key": b"1: 3\n",
    "number as key of a section": b"grid: {1: 3}\n",
    "number as key of tasks": b"target: {tasks: {1: {epochs: 1}}}\n",
    "null as key of tasks": b"target: {tasks: {~: {epochs: 1}}}\n",
    "true as key": b"on: 3\n",
    "not a number as key": b".nan: 3\n",
    "key given twice": b"name: a\nname: b\n",
    "merge key alone": b"<<: 1\n",
    "merge key of a list": b"<<: [1]\n",
    "merge of a merge": b"grid: {<<: {<<: {targets: xnil}}}\n",
    "value key": b"=: 1\n",
    "value": b"name: =\n",
    "list at the top": b"- 1\n",
    "text at the top": b"just words\n",
    "null at the top": b"~\n",
    "empty": b"",
    "blank": b" \n\n",
    "comment": b"# nothing\n",
    "null for every section": b"grid: ~\nencoder: ~\ndata: ~\ntarget: ~\nmlm: ~\nsearch: ~\ncluster: ~\nengine: ~\n",
    "list for every section": b"grid: []\nencoder: []\ndata: []\ntarget: []\nmlm: []\nsearch: []\ncluster: []\n",
    "text for every section": b"grid: x\nencoder: x\ndata: x\ntarget: x\nmlm: x\nsearch: x\ncluster: x\nrace: x\n",
    "open list": b"grid: [",
    "open text": b'name: "abc',
    "open mapping": b"grid: {a: ",
    "colons": b"a: b: c\n",
    "question marks": b"? ? ? ?\n",
    "folded text": b"name: >9\n x\n",
    "literal text": b"name: |-99\n x\n",
    "ranges with huge ends": b"search: {ranges: {target: {epochs: {low: 1, high: " + b"9" * 400 + b"}}}}",
    "ranges with huge choices": b"search: {target: 3, ranges: {target: {batch_size: {choices: [1, "
    + b"9" * 400 + b"]}}}}",
    "ranges of lists": b"search: {ranges: {target: {epochs: {low: [1], high: {a: 1}}}}}",
    "ranges with an infinite end": b"search: {ranges: {target: {epochs: {low: 1, high: .inf}}}}",
    "ranges with a deep log": b"search: {ranges: {target: {epochs: {low: 1, high: 2, log: [[[]]]}}}}",
    "range with a key that is no text": b"search: {ranges: {target: {epochs: {1: 2}}}}",
    "range keyed by nothing": b"search: {ranges: {tasks: {~: {epochs: fixed}}}}",
    "retrieval task that trains": b"target: {tasks: {tatoeba: {epochs: 3}}}",
    "no mask": b"mlm: {mask_probability: 0}",
    "revision of the bundled encoder": b"encoder: {name: bundled:2, revision: abc}",
    "two GPUs": b"cluster: {gpus: {target: 2}}",
    "results at the root": b"cluster: {results: /}",
}  # fmt: skip
"""Whole configuration files."""

LINES: tuple[tuple[str, ...], ...] = (
    (), ("",), (" ",), ("\0",), ("--",), ("-",), ("-h", "x"), ("plan", "--"), ("plan", "--", "x"), ("plan", ""),
    ("plan", "plan"), ("plan", "--set"), ("plan", "--set", ""), ("plan", "--set", "="), ("plan", "--set", "=1"),
    ("plan", "--set", "."), ("plan", "--set", ".=1"), ("plan", "--set", "..=1"), ("plan", "--set", "a" * 5000 + "=1"),
    ("plan", "--set", "a." * 2000 + "a=1"), ("plan", "--set", "grid=1"), ("plan", "--set", "grid.=1"),
    ("plan", "--set", "target.tasks.xnli=1"), ("plan", "--set", "target.tasks=1"), ("plan", "--set", "target.tasks.=1"),
    ("plan", "--set", "target.tasks.1.epochs=1"), ("plan", "--set", "target.tasks.[x].epochs=1"),
    ("plan", "--set", "search.ranges.target.epochs={low: 1, high: 1e309}"),
    ("plan", "--set", "search.ranges.target.epochs={low: 1, high: " + "9" * 400 + "}"),
    ("plan", *QUICK, "--set", "search.ranges.target.epochs={low: 5e-324, high: 1}", "--set", "search.target=3"),
    ("plan", "--set", "search.ranges.target.learning_rate={choices: [1, 1]}"),
    ("plan", "--set", "\ud800=1"), ("plan", "--set", "name=\ud800"), ("plan", "--set", "\0=1"), ("plan", "--debu"),
    ("plan", "--race=1"), ("plan", "--race", "x"), ("plan", "--preset", "quick", "--preset", "demp"),
    ("plan", "--preset", ""), ("plan", "--config", ""), ("plan", "--config", "."),
    ("plan", "--config", "/dev/null", "--data", "demo"),
    ("plan", "--config", "/dev/zero"), ("plan", "--config", "loop"), ("plan", "--config", "x" * 300),
    ("plan", "--config", "x" * 5000), ("plan", "--config", "file/x"), ("plan", "--config", "~nouser/x"),
    ("plan", "--config", "a\0b"), ("plan", "--config", "/proc/self/mem"), ("plan", "--config", "\udcff.yaml"),
    ("plan", "--preset", "quick", "--config", "x"), ("plan", *QUICK, "--search", "1e400h"),
    ("plan", *QUICK, "--search", "9" * 400 + "h"), ("plan", *QUICK, "--search", "h"),
    ("plan", *QUICK, "--search", "=,"),
    ("plan", *QUICK, "--search", "target=" + "9" * 400), ("plan", *QUICK, "--search", "target=1e30"),
    ("plan", *QUICK, "--search", "target=2147483647"), ("plan", *QUICK, "--search", "1e300h"),
    ("plan", *QUICK, "--search", "target=3", "--set", "search.parallel=1e30"),
    ("plan", *QUICK, "--search", "target=3", "--set", "search.startup=1e30"),
    ("plan", *QUICK, "--seeds", ",".join(str(n) for n in range(20_000))), ("plan", *QUICK, "--seeds", "9" * 400),
    ("plan", *QUICK, "--set", "target.epochs=1e308", "--search", "target=3"),
    ("plan", *QUICK, "--set", "target.learning_rate=5e-324", "--search", "target=3"),
    ("plan", *QUICK, "--set", "target.epochs=5e-324", "--search", "target=3"),
    ("plan", *QUICK, "--set", "cluster.cpus=1e30"), ("plan", *QUICK, "--address", "\0"),
    ("tasks", "--data", "demo", "--set", "data.repositories={xnli: [x]}"), ("tasks", "--data", "x" * 300),
    ("tasks", "--data", "~nouser"), ("tasks", "--data", "a\0b"), ("tasks", "--data", "file"),
    ("tasks", "--data", "loop"),
    ("status", "--store", "x" * 300), ("status", "--store", "/dev/null"), ("status", "--store", "loop"),
    ("status", "--store", "~nouser"), ("status", "--store", "a\0b"), ("status", "--store", "file"), ("status",),
    ("search",), ("search", "--phase", "x", "--tasks", "xnli"), ("search", "--phase", "target", "--tasks", ""),
    ("search", "--phase", "target", "--tasks", "xnli", "--trials", "9" * 400),
    ("search", "--phase", "target", "--tasks", "xnli", "--trials", "9" * 5000),
    ("search", "--phase", "target", "--tasks", "xnli", "--trials", "1.5"),
    ("search", "--phase", "target", "--tasks", "xnli", "--trials", "１２"),
    ("search", "--phase", "target", "--tasks", "xnli", "--trials", "-1"),
    ("search", "--phase", "target", "--tasks", "xnli", "--hours", "1e309"),
    ("search", "--phase", "target", "--tasks", "xnli", "--hours", "nan"),
    ("search", "--phase", "target", "--tasks", "xnli", "--hours", "9" * 5000),
    ("search", "--phase", "target", "--tasks", "xnli", "--hours", "１"),
    ("search", "--phase", "target", "--tasks", "tatoeba", "--data", "demo", "--encoder", "bundled:2"),
)  # fmt: skip
"""Command lines as a whole."""

_STORES = (
    "", ".", "/", "file", "file/x", "folder", "loop", "dangling", "/dev/null", "~nouser", "a\0b", "x" * 300, "x" * 5000,
    "\udcff", "\x1b[31m", "/proc/self", "missing",
)  # fmt: skip
_OF_ANALYSIS: dict[str, tuple[str, ...]] = {
    "--out": ("", "file", "file/x", "loop", "/dev/null", "~nouser", "a\0b", "x" * 300, "/proc/x"),
    "--sweep": ("", "x" * 5000, "../..", "a\0b", "\udcff", "/"),
    "--where": (
        "",
        "=",
        "a",
        "a=b",
        "a=b=c",
        ":",
        "::",
        ":=",
        "x" * 5000 + "=1",
        "\udcff=1",
        "encoder.name=\0",
        "[/x]=1",
    ),
    "--width": ("0", "-1", "1e3", "9" * 400, "9" * 5000, "１００", "nan", "", "2147483648", "1000000000"),
    "--seed": ("-1", "1e3", "9" * 400, "9" * 5000, "１", "nan", ""),
    "--data": ("", "x" * 300, "~nouser", "a\0b", "file", "loop", "\udcff"),
}
_OPTIONS_OF = {
    "report": ("--out", "--sweep", "--where", "--width"),
    "submission": ("--out", "--sweep", "--where", "--seed", "--data"),
}
_OPTIONS = (
    "--preset", "--config", "--data", "--encoder", "--intermediates", "--mlm", "--targets", "--seeds", "--languages",
    "--train-rows", "--eval-rows", "--search", "--set", "--store", "--address",
)  # fmt: skip


def fields(model: type[BaseModel] = SweepConfig, under: str = "") -> Iterator[tuple[str, bool]]:
    """Dotted name of every field that holds a value, and whether it is one of numbers; tables have a sample key."""
    for name, info in model.model_fields.items():
        kinds = list(_kinds(info.annotation))
        place = f"{under}{name}"
        sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if dict in kinds:
            keyed = f"{place}.{'qqp' if place.startswith('intermediate') else 'xnli'}"
            yield from fields(sections[0], f"{keyed}.") if sections else [(keyed, float in kinds)]
        elif sections:
            yield from fields(sections[0], f"{place}.")
        else:
            yield place, bool({int, float} & set(kinds))


def _kinds(kind: Any) -> Iterator[Any]:
    """The classes that a type is made of."""
    arguments = typing.get_args(kind)
    yield typing.get_origin(kind) or kind
    for argument in arguments:
        yield from _kinds(argument)


def of_numbers() -> Iterator[Case]:
    """Every numeric field with every number, from the command line."""
    for name, numeric in fields():
        for number in NUMBERS if numeric else ():
            yield Case(("plan", *QUICK, "--set", f"{name}={number}"))


def of_numbers_in_files() -> Iterator[Case]:
    """Every numeric field with every number, from a file."""
    for name, numeric in fields():
        for number in NUMBERS if numeric else ():
            yield _in_file(name, number)


def of_texts() -> Iterator[Case]:
    """Every other field with every text."""
    for name, numeric in fields():
        for text in TEXTS if not numeric else ():
            yield Case(("plan", *QUICK, "--set", f"{name}={text}"))


def of_options() -> Iterator[Case]:
    """Every option with every text and number."""
    for option in _OPTIONS:
        for text in (*TEXTS, *NUMBERS):
            yield Case(("plan", *(QUICK if option not in ("--preset", "--config") else ()), f"{option}={text}"))


def of_structures() -> Iterator[Case]:
    """Every file as a whole, and as the value of an assignment where it can be a word."""
    for name, content in STRUCTURES.items():
        yield Case(("plan", "--config", FILE, "--data", "demo"), content, f"{name} (file)")
        text = content.decode("utf-8", "surrogateescape")
        if "\0" not in text and len(content) < 100_000:
            yield Case(("plan", *QUICK, "--set", f"grid.seeds={text}"), None, f"{name} (--set)")


def of_lines() -> Iterator[Case]:
    """Command lines as a whole."""
    yield from map(Case, LINES)


def of_analysis() -> Iterator[Case]:
    """The commands of the analysis, on stores and with options that are none."""
    for command, options in _OPTIONS_OF.items():
        yield from (Case((command, store)) for store in _STORES)
        for option in options:
            yield from (Case((command, "folder", f"{option}={text}")) for text in _OF_ANALYSIS[option])


KINDS = {
    "numbers": of_numbers,
    "numbers in files": of_numbers_in_files,
    "texts": of_texts,
    "options": of_options,
    "structures": of_structures,
    "lines": of_lines,
    "analysis": of_analysis,
}


def surroundings(folder: Path) -> None:
    """What the paths of the cases name: a file, a folder, a link to itself and one to nowhere."""
    (folder / "file").write_text("in the way", encoding="utf-8")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere")


def _in_file(name: str, number: str) -> Case:
    *sections, last = name.split(".")
    lines = [f"{'  ' * depth}{section}:" for depth, section in enumerate(sections)]
    text = "\n".join([*lines, f"{'  ' * len(sections)}{last}: {number}", ""])
    base = "".join(line for section, line in _SMALL.items() if section != sections[0])
    return Case(("plan", "--config", FILE), (base + text).encode(), f"{name}: {number[:40]} (file)")
