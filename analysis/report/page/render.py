"""Content as one self-contained page of HTML: no network, and only the script that is written here may run."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from analysis.report.content import Code, Content, Said, Strong, pieces
from analysis.statistics.estimate import Verdict
from analysis.tables.rendering import BEST
from analysis.tables.table import Entry, number
from trainables.ledger.plain import plain, plain_lines

SHORT, LONG = 26, 60
"""Characters of a cell."""


def page(content: Content) -> str:
    """The page; it works without JavaScript too, then without sorting and without what shows on hover."""
    script, style, template = (_own(name) for name in ("page.js", "page.css", "page.html"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    source = Markup(f"'sha256-{digest}'")
    made = _environment().from_string(template)
    return made.render(content=content, script=script, style=style, script_source=source) + "\n"


def _environment() -> Environment:
    made = Environment(loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, finalize=_plain)
    made.filters |= {
        "pieces": pieces,
        "trusted": Markup,
        "lines": lambda text: Markup.escape(plain_lines(text)),
        "decimal": number,
        "short": lambda value: f"{value:.10g}",
        "kind": lambda block: type(block).__name__,
        "iterator": iter,
        "next": next,
        "wrap": _wrap,
        "verdict_class": _verdict_class,
        "bold_note": lambda note: f"Bold:{note.removeprefix(BEST)}" if note.startswith(f"{BEST} ") else note,
    }
    made.tests |= {"code": lambda piece: isinstance(piece, Code), "strong": lambda piece: isinstance(piece, Strong)}
    return made


def _plain(shown: Any) -> Any:
    """No text reaches the page with control characters."""
    return _spaced(shown) if isinstance(shown, str) and not isinstance(shown, Markup) else shown


def _spaced(text: str) -> str:
    """A piece of a text keeps the blanks around it."""
    return f"{' ' * text.startswith(' ')}{plain(text).strip()}{' ' * (text.endswith(' ') and bool(text.strip()))}"


def _wrap(said: Said) -> str:
    """Class of a cell of text: a short one stays in one line, a long one gets some width."""
    length = len("".join(pieces(said)))
    return "s" if length <= SHORT else ("l" if length > LONG else "")


def _verdict_class(entry: Entry) -> str:
    return entry.verdict.word.value.replace(" ", "-") if isinstance(entry.verdict, Verdict) and entry.values else ""


def _own(name: str) -> str:
    return files("analysis.report.page").joinpath(name).read_text(encoding="utf-8")
