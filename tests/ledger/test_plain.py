"""Text that is safe to show, and logs and sealed files that hold any text."""

import io
import logging
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from trainables.ledger.plain import PlainFormatter, plain, plain_lines
from trainables.ledger.seal import sealed, unsealed


def test_control_characters_become_visible_escapes():
    assert plain("\x1b[31mred\x07 \x9b \x7f") == "\\x1b[31mred\\x07 \\x9b \\x7f"
    assert plain("\u202egpj.exe\u2066 \u2028\u2029\ufeff") == "\\u202egpj.exe\\u2066 \\u2028\\u2029\\ufeff"
    assert plain("\udcff\U000e0041") == "\\udcff\\U000e0041"


def test_a_text_is_one_line():
    assert plain("  two spaces\n   then\r\n\tmore\n") == "  two spaces then more"
    assert plain_lines("one\r\ntwo\tthree\rfour\n") == "one\ntwo\tthree\\x0dfour\n"


def test_every_script_stays_as_it_is():
    for text in ("中国,$5 “x”", "في الكتاب", "घर में", "می‌خواهم", "cái nhà", "…–†", "👩‍💻"):
        assert plain(text) == text


def test_a_long_text_is_cut_and_says_so():
    assert plain("x" * 10_000, 300) == "x" * 299 + "…"
    assert plain("x" * 300, 300) == "x" * 300


@given(st.text())
def test_nothing_that_is_obeyed_or_hidden_is_left(text):
    shown = plain(text)
    assert shown.isprintable() or all(unicodedata.category(one) not in ("Cc", "Cs", "Zl", "Zp") for one in shown)
    assert len(shown.splitlines()) <= 1
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    shown.encode()


def test_a_log_line_is_one_line_and_a_traceback_keeps_its_own():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainFormatter("%(levelname)s: %(message)s"))
    logger = logging.Logger("of this test")
    logger.addHandler(handler)
    logger.warning("record %s", "\x1b[31m\nERROR: forged")
    try:
        raise ValueError("\x1b]0;t\x07")
    except ValueError:
        logger.exception("failed")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "WARNING: record \\x1b[31m ERROR: forged"
    assert lines[1:3] == ["ERROR: failed", "Traceback (most recent call last):"]
    assert lines[-1] == "ValueError: \\x1b]0;t\\x07"


@given(st.text(alphabet=st.characters(codec=None, categories=["L", "Cs", "Cc"])))
def test_a_sealed_file_holds_any_text(text):
    """Also half a surrogate pair, as a file name that is no UTF-8 has it."""
    written = sealed({"format": 1, "text": text}, indent=1)
    assert unsealed(written.encode().decode(), range(1, 2), sealed_since=1)["text"] == text
