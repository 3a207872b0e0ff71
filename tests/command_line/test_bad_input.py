"""Whatever is typed or written into a file: the command ends with 0, or with 2 and a sentence, and writes nothing."""

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweep.command_line.main import main
from tests.made import bad_input
from tests.made.bad_input import Case

NAMES = [name for name, _ in bad_input.fields()]
SAMPLED = ("numbers", "numbers in files", "texts", "options")
"""Kinds of which there are thousands."""
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
NUMBER = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.integers(10**300, 10**320).map(str),
    st.from_regex(r"\A[0-9_.:eExX+-]{1,20}\Z"),
)
LOOSE = st.builds(
    lambda name, value: Case(("plan", *bad_input.QUICK, "--set", f"{name}={value}")),
    st.sampled_from(NAMES),
    NUMBER | TEXT,
)
FILES = (
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.lists(
        st.sampled_from(
            [
                "grid",
                "target",
                ":",
                ": ",
                "{",
                "}",
                "[",
                "]",
                ",",
                "&a ",
                "*a",
                "<<",
                "- ",
                "\n",
                "\n  ",
                "1",
                "!!int ",
                "? ",
                "|",
                '"',
                "'",
                "#",
            ]
        ),
        max_size=40,
    ).map(lambda words: "".join(words).encode())
)
LOOSE_FILES = st.builds(lambda content: Case(("plan", "--config", bad_input.FILE, "--data", "demo"), content), FILES)
CASES = st.one_of(*(st.sampled_from(list(bad_input.KINDS[kind]())) for kind in SAMPLED), LOOSE, LOOSE_FILES)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """In a folder of its own, without the hub: names that could be the hub's are not asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    bad_input.surroundings(tmp_path)


def check(case):
    """Run a command line on an ASCII terminal, and hold it to what every command promises."""
    if case.file is not None:
        Path(bad_input.FILE).write_bytes(case.file)
    before = sorted(Path().rglob("*"))
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(list(case.words))
        except SystemExit as ended:  # argparse, of help and of the analysis
            code = ended.code
        out.flush()
        err.flush()
    said = err.buffer.getvalue().decode("ascii")
    assert code in (0, 2), (case, said)
    if code == 2:
        assert said.strip(), case
    assert "Traceback" not in said
    assert "\x1b" not in said
    assert sorted(Path().rglob("*")) == before, case
    return code, said


@pytest.mark.parametrize("kind", [kind for kind in bad_input.KINDS if kind not in SAMPLED])
def test_every_line_and_file_of_the_grammar_is_answered(kind):
    codes = [check(case)[0] for case in bad_input.KINDS[kind]()]
    assert codes.count(2) > 0.95 * len(codes)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(CASES)
def test_whatever_is_given_is_answered(case):
    check(case)


def test_every_numeric_field_refuses_what_is_no_number_or_too_large():
    """From the command line, all problems at once: each field is named with what it was given and what is allowed."""
    names = [name for name, numeric in bad_input.fields() if numeric]
    for number in ("1e39", "9" * 400, "-1", "１２", "0x10", "1_000", "1:30", "true", "!!binary aGk="):
        words = [word for name in names for word in ("--set", f"{name}={number}")]
        code, said = check(Case(("plan", *bad_input.QUICK, *words)))
        assert code == 2
        lines = said.splitlines()
        for name in names:
            assert any(line.startswith(f"--set {name}=") and "allowed" in line for line in lines), (name, number)
