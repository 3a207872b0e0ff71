"""Any text, put into Markdown, LaTeX or CSV, shows as that text. The Markdown is read by another library."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from analysis.showing.markup import Markdown, bold, code, in_csv, in_latex, in_markdown, pipe_table
from tests.made.hostile import TEXTS
from trainables.ledger.plain import plain

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
SPECIAL = st.text(alphabet="ab1 _*`~[]()<>&#|\\!$-+.:/@=\"';{}^%\n\t\x1b\u202eé", max_size=25)


def tokens(markdown):
    """Kinds of all blocks and of what is in them; the text."""
    kinds, text = [], ""
    for block in PARSER.parse(markdown):
        kinds.append(block.type)
        for piece in block.children or ():
            kinds.append(piece.type)
            text += piece.content
    return [kind for kind in kinds if kind != "text"], text


@given(SPECIAL)
@example("_a_ __b__")
@pytest.mark.parametrize("place", ["- {}", "- **x**: {} y", "before {} after", "1. {}"])
def test_what_is_put_into_markdown_is_read_as_text(place, text):
    shown = plain(text.strip())
    kinds, read = tokens(place.format(in_markdown(text)))
    assert kinds == tokens(place.format("word" if shown else ""))[0]
    assert read == tokens(place.format("word"))[1].replace("word", shown).strip() if shown else True


@given(SPECIAL, SPECIAL)
def test_a_cell_of_a_table_is_one_cell(first, second):
    kinds, read = tokens(pipe_table(["head", "of"], [[first, second], ["last", "line"]]))
    assert kinds == tokens(pipe_table(["head", "of"], [["x", "y"], ["last", "line"]]))[0]
    assert read == f"headof{plain(first.strip())}{plain(second.strip())}lastline"


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_texts_are_read_as_text(text):
    shown = plain(text.strip())
    assert tokens(f"- {in_markdown(text)}") == (tokens("- x")[0], shown)
    assert tokens(f"- {code(text)}")[1] == shown
    kinds, _ = tokens(f"- {code(text)}")
    assert set(kinds) <= {*tokens("- x")[0], "code_inline"}


def test_plain_words_stay_readable():
    for text in (
        "mlm.mask_probability = 0",
        "out of memory (3 GB), 5 > 4",
        "squad -> xnli #42",
        "-0.5",
        "+2.0",
        "a & b",
    ):
        assert in_markdown(text) == text


def test_links_of_github_are_broken():
    assert in_markdown("http://y.org www.y.org me@y.org") == "http\\://y.org www\\.y.org me\\@y.org"


def test_markdown_is_not_escaped_twice():
    assert in_markdown(in_markdown("a*b")) == "a\\*b"
    assert bold("a*b") == "**a\\*b**"
    assert isinstance(bold("x"), Markdown)


def unescaped(latex):
    """The text that LaTeX shows."""
    shown = {
        "\\textbackslash{}": "\\", "\\textasciitilde{}": "~", "\\textasciicircum{}": "^", "\\textbar{}": "|",
        "$>$": ">", "$<$": "<", "{\\char34}": '"', "\\textasciigrave{}": "`", "{[}": "[", "{]}": "]", "{*}": "*",
        "-{}": "-",        **{f"\\{one}": one for one in "&%$#_{}"},
    }  # fmt: skip
    pieces = sorted(shown, key=len, reverse=True)
    found, rest = "", latex
    while rest:
        piece = next((piece for piece in pieces if rest.startswith(piece)), rest[0])
        assert piece in shown or piece not in '\\{}$&#^_~%[]*"`|<>', (rest, latex)
        found += shown.get(piece, piece)
        rest = rest[len(piece) :]
    return found


@given(SPECIAL)
@example("--open-test ---")
def test_what_is_put_into_latex_is_read_as_text(text):
    assert unescaped(in_latex(text)) == plain(text)
    assert "--" not in in_latex(text)


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_brings_a_command_or_group_into_latex(text):
    latex = in_latex(text)
    assert unescaped(latex) == plain(text)
    known = {"textbackslash", "textasciitilde", "textasciicircum", "textbar", "textasciigrave", "char", "ldots"}
    assert set(re.findall(r"\\([A-Za-z]+)", latex)) <= known
    assert len(re.findall(r"(?<!\\)\{", latex)) == len(re.findall(r"(?<!\\)\}", latex))


def test_a_spreadsheet_computes_nothing():
    assert [in_csv(text) for text in ("=1+1", "+1", "-1", "@A1", "none", "a=b", "\n=1")] == [
        "'=1+1", "'+1", "'-1", "'@A1", "none", "a=b", "'=1",
    ]  # fmt: skip
