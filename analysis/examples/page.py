"""Rows that were fixed or broken, as one page of HTML that needs nothing else."""

from __future__ import annotations

from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from analysis.examples.asked import Asked
from analysis.examples.examples import Examples
from analysis.examples.showing import TITLES, counts, listed, notes, title
from analysis.examples.texts import CONTEXT
from analysis.scores.headings import row_title
from trainables.ledger import files
from trainables.ledger.plain import plain_lines

MOST = 500
"""Rows of each kind on a page."""
TEMPLATE = "page.html"


def write_page(found: Examples, folder: Path, most: int = MOST) -> Path:
    """Write the page into `folder`, which is made if needed; returns where. Raises OSError."""
    path = folder / name(found.what)
    files.write(path, page(found, most))
    return path


def name(what: Asked) -> str:
    """`<target>-<language>-<row>.html`; with the seed where the sweep has several, and the split where it is opened."""
    parts = [what.target, what.language, str(what.row)]
    parts += [str(what.seed)] if what.has_seeds else []
    parts += [what.split.value] if what.is_test else []
    return f"{'-'.join(parts)}.html"


def page(found: Examples, most: int = MOST) -> str:
    """The page; every text in it is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, finalize=_plain, trim_blocks=True)
    template = environment.from_string(resources("analysis.examples").joinpath(TEMPLATE).read_text(encoding="utf-8"))
    return template.render(
        title=title(found.what),
        counts=counts(found),
        kinds=[(kind.value, count) for kind, count in found.counts.items()],
        total=max(sum(found.counts.values()), 1),
        notes=list(notes(found)),
        row=row_title(found.what.row),
        language=found.what.language,
        groups=[(heading, found.counts[kind], found.of(kind, most)) for kind, heading in TITLES.items()],
        graded=found.is_graded,
        listed=listed,
        context=CONTEXT,
    )


def _plain(value: Any) -> Any:
    """Characters that reorder or hide text are shown as escapes; HTML's own are escaped after this."""
    return plain_lines(value) if isinstance(value, str) else value
