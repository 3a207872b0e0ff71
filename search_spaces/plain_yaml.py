"""YAML as configuration files and assignments have it: sections, lists, texts, numbers, switches, nothing else.

Scalars are those of YAML 1.2 (`1:30`, `010` and `2001-01-01` are texts, `5e-5` is a number), with the switches
`yes`, `no`, `on` and `off` of YAML 1.1. Whatever a file holds, it is read in bounded time and memory.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import yaml

from trainables.ledger.bounds import number_in

Keys = tuple[str, ...]

MOST_CHARACTERS = 2**20
MOST_DEPTH = 32
MOST_NODES = 20_000
"""Of lists, sections and values, those counted that stand where an alias is."""

_TAGS = "tag:yaml.org,2002:"
_SWITCHES = MappingProxyType(dict.fromkeys(("true", "yes", "on"), True) | dict.fromkeys(("false", "no", "off"), False))
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_PLAIN = f"{_TAGS}plain"
"""Of a scalar without quotes and without a tag."""
_KINDS: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}
)
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class YamlError(ValueError):
    """Text that is not such YAML; `line` counts from 1, 0 where it is not known."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.line = line


class NotYamlError(YamlError):
    """Text that no reader of YAML would take."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """What was read.

    Attributes:
        values: dictionaries with texts as keys, lists, texts, numbers, switches and None.
        lines: place of every key and list item -> its line.
        twice: places that a section holds more than once, with the line of the later one.
    """

    values: Any
    lines: Mapping[Keys, int]
    twice: tuple[tuple[Keys, int], ...]


def read_yaml(text: str) -> Document:
    """Read one document; raises YamlError."""
    if len(text) > MOST_CHARACTERS:
        raise YamlError(f"given {len(text):,} characters; allowed: {MOST_CHARACTERS:,}")
    try:
        root = _Composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        problem = error.problem or ""
        said = f"{error.context}, {problem}" if not problem or problem.startswith("but ") else problem
        raise NotYamlError(f"not YAML: {said}", line) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotYamlError(f"not YAML: the character {error.character!r:.40} is not allowed", line) from error
    except YamlError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # such as `\\U00110000`, which is no character
        raise NotYamlError(f"not YAML: {error}") from error
    builder = _Builder()
    values = builder.value(root, ()) if root else None
    return Document(values=values, lines=builder.lines, twice=tuple(builder.twice))


def write_yaml(values: Mapping[str, Any], *, sort_keys: bool = False) -> str:
    """Sections as text; the inverse of `read_yaml`."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=sort_keys, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever `read_yaml` would not take for a text without quotes, beside what YAML 1.1 wants quoted."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        plain = isinstance(_resolved(data), str)
        return self.represent_scalar(f"{_TAGS}str", data, style=None if plain else "'")


_Dumper.add_representer(str, _Dumper.represent_str)


class _Composer(yaml.SafeLoader):
    """Nodes without types, no more and no deeper than allowed: `_Builder` gives the types."""

    yaml_implicit_resolvers: dict[Any, Any] = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self._depth >= MOST_DEPTH:
            raise YamlError(f"allowed: {MOST_DEPTH} levels inside each other", self.peek_event().start_mark.line + 1)
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise YamlError(f"allowed: {MOST_NODES:,} values", self.peek_event().start_mark.line + 1)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            return _PLAIN
        return str(super().resolve(kind, value, implicit))


@dataclass
class _Builder:
    """Values of nodes, and where they stand."""

    lines: dict[Keys, int] = field(default_factory=dict)
    twice: list[tuple[Keys, int]] = field(default_factory=list)
    _open: set[int] = field(default_factory=set)
    _nodes: int = 0

    def value(self, node: yaml.Node, keys: Keys) -> Any:
        """The value of a node at a place."""
        if isinstance(node, yaml.ScalarNode):
            self._count(node)
            return _scalar(node)
        return self._inside(node, lambda: self._of_collection(node, keys))

    def _of_collection(self, node: yaml.Node, keys: Keys) -> Any:
        if isinstance(node, yaml.MappingNode):
            _check_tag(node, "map")
            return self._mapping(node, keys)
        _check_tag(node, "seq")
        found = []
        for index, item in enumerate(node.value):
            place = (*keys, str(index))
            self.lines[place] = _line(item)
            found.append(self.value(item, place))
        return found

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        found: dict[str, Any] = {}
        for key, item in node.value:
            name = _key(key)
            if name == "<<" and key.style is None:
                merged = self._merged(item, keys) | merged
                continue
            place = (*keys, name)
            if name in found:
                self.twice.append((place, _line(key)))
            self.lines[place] = _line(key)
            found[name] = self.value(item, place)
        return merged | found

    def _merged(self, node: yaml.Node, keys: Keys) -> dict[str, Any]:
        """What `<<: *section` or `<<: [*one, *two]` adds; of several the first wins."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not all(isinstance(part, yaml.MappingNode) for part in parts):
            raise YamlError("allowed after `<<`: a section, or a list of sections", _line(node))
        found: dict[str, Any] = {}
        for part in parts:
            found = self._inside(part, lambda part=part: self._mapping(part, keys)) | found  # type: ignore[misc]
        return found

    def _inside(self, node: yaml.Node, build: Callable[[], Any]) -> Any:
        """What is built of a list or section, which must not hold itself."""
        self._count(node)
        if id(node) in self._open:
            raise YamlError("an alias must not stand inside of what it names", _line(node))
        if len(self._open) >= MOST_DEPTH:
            raise YamlError(f"allowed: {MOST_DEPTH} levels inside each other, aliases counted", _line(node))
        self._open.add(id(node))
        try:
            return build()
        finally:
            self._open.remove(id(node))

    def _count(self, node: yaml.Node) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise YamlError(f"allowed: {MOST_NODES:,} values, aliases counted", _line(node))


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise YamlError("given a list or section as a name; allowed: a text", _line(node))
    if node.tag != _PLAIN:
        _check_tag(node, *_KINDS)
    return _text(node)


def _scalar(node: yaml.ScalarNode) -> Any:
    text = _text(node)
    plain = _resolved(text)
    if node.tag == _PLAIN:
        return plain
    _check_tag(node, *_KINDS)
    kind = node.tag.removeprefix(_TAGS)
    if kind == "str":
        return text
    if type(plain) not in _KINDS[kind]:
        raise YamlError(f"given {text[:60]!r}; allowed: what `!!{kind}` says", _line(node))
    return plain


def _resolved(text: str) -> Any:
    """What a scalar without quotes and without a tag is."""
    if text in _NULLS:
        return None
    if text in (text.lower(), text.capitalize(), text.upper()) and text.lower() in _SWITCHES:
        return _SWITCHES[text.lower()]
    if _SPECIAL.fullmatch(text):
        return float(text.lower().replace(".", ""))
    try:
        found = number_in(text)
    except ValueError:
        return text
    return found if math.isfinite(found) else text  # as it was given, for messages


def _text(node: yaml.ScalarNode) -> str:
    if found := _UNREADABLE.search(node.value):
        raise YamlError(f"given the character {found[0]!r}, which no text may hold", _line(node))
    return str(node.value)


def _check_tag(node: yaml.Node, *kinds: str) -> None:
    if node.tag.removeprefix(_TAGS) not in kinds or not node.tag.startswith(_TAGS):
        tag = node.tag.replace(_TAGS, "!!")[:60]
        raise YamlError(
            f"given the tag {tag!r}; allowed here: no tag, {', '.join(f'!!{kind}' for kind in kinds)}", _line(node)
        )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
