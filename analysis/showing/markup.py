"""Text in Markdown, LaTeX and CSV, where some of its characters would mean something else.

`in_markdown` and `in_latex` take any text and give what shows just that text, in one line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from trainables.ledger.plain import plain

_MARKDOWN = re.compile(
    r"""
    (?P<entity> & (?=\#?\w+;))
    | (?P<tag> <)
    | (?P<special> [\\`*\[\]~$|])
    | (?P<underscores> _+)
    | ^ (?P<first> [#>] | [-+](?=[\s-]|$))
    | ^ (?P<number> \d+) (?=[.)](?:\s|$))
    | (?P<link> (?<=\w):(?=//) | (?<=www)\. | (?<=[\w.+-])@(?=\w))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_APART = "\0"
"""Stands between characters that LaTeX would join; `plain` leaves none in a text."""
_LATEX = {
    "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_", "{": "\\{", "}": "\\}",
    "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "|": "\\textbar{}", ">": "$>$", "<": "$<$",
    '"': "{\\char34}", "`": "\\textasciigrave{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "▲": "$^{\\triangle}$", "▼": "$^{\\bigtriangledown}$", "≈": "$^{\\approx}$", "→": "$\\rightarrow$",
    "±": "$\\pm$", "×": "$\\times$", "≤": "$\\leq$", "≥": "$\\geq$", "−": "$-$", "“": "``", "”": "''", "‘": "`",
    "’": "'", "—": "---", "§": "\\S{}", "†": "$^\\dagger$", "‡": "$^\\ddagger$", "°": "$^\\circ$",
    "↓": "$^\\downarrow$", "…": "\\ldots{}", "–": "--", "·": "$\\cdot$", _APART: "{}",
}  # fmt: skip
"""Brackets and stars are among them because `\\\\` takes those that follow it for its arguments."""
_LATIN = "ßæÆœŒøØłŁı"
_ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"
_FORMULA = ("=", "+", "-", "@")


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def in_markdown(text: str, longest: int = 0) -> Markdown:
    """The text as Markdown (CommonMark, and tables, strikethrough, mathematics and links of GitHub's).

    Words stay readable: what can mean nothing where it stands is not escaped. Markdown is returned as it is.
    """
    if isinstance(text, Markdown):
        return text
    return Markdown(_MARKDOWN.sub(_escape, plain(text.strip(), longest)))


def code(text: str) -> Markdown:
    """The text as code; as words where it holds what cannot be code everywhere."""
    shown = plain(text.strip())
    return Markdown(f"`{shown}`") if shown and not set(shown) & {"`", "|"} else in_markdown(shown)


def bold(text: str) -> Markdown:
    """The text in bold."""
    return Markdown(f"**{in_markdown(text)}**")


def pipes(cells: Iterable[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(map(in_markdown, cells))} |"


def pipe_table(header: Sequence[str], rows: Iterable[Sequence[str]], align: Sequence[str] = ()) -> str:
    """A table; `align` are the dashes of its columns, for example `---:`. Ends with a line break."""
    rule = [Markdown(each) for each in align or ["---"] * len(header)]
    return "".join(f"{pipes(line)}\n" for line in (header, rule, *rows))


def in_latex(text: str) -> str:
    """The text for LaTeX whose input is UTF-8; a character that its standard fonts lack becomes its code point."""
    apart = re.sub("-(?=-)", f"-{_APART}", plain(text))
    return "".join(_LATEX.get(character) or _letter(character) for character in apart)


def in_csv(text: str) -> str:
    """The text for a cell that no spreadsheet takes for a formula: an apostrophe before `=`, `+`, `-` and `@`."""
    shown = plain(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _letter(character: str) -> str:
    """A character that means nothing to LaTeX, as its fonts have it."""
    if character.isascii() or character in _LATIN:
        return character
    whole = unicodedata.normalize("NFD", character)
    if len(whole) == 2 and whole[0].isascii() and whole[1] in _ACCENTS:
        return character
    return f"{{[}}U+{ord(character):04X}{{]}}"


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    match match.lastgroup:
        case "entity":
            return "&amp;"
        case "tag":
            return "&lt;"
        case "number":
            return f"{found}\\"
        case "underscores":
            around = (
                match.string[max(match.start() - 1, 0) : match.start()],
                match.string[match.end() : match.end() + 1],
            )
            return found if all(each.isalnum() for each in around) else "\\_" * len(found)
    return f"\\{found}"
