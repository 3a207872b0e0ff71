"""What is said when something outside the program is wrong: output, packages, files, temporary folders."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.cluster.errors import RayError
from sweep.cluster.sockets import MOST_BYTES, check_sockets
from sweep.command_line.main import main
from trainables.ledger.plain import plain_lines
from trainables.ledger.terminal import complain, lenient_output

ROOT = Path(__file__).parents[2]
GOLDEN = str(ROOT / "tests" / "golden" / "store-1")


def ran(words, *, before="", environment=(), **given):
    """A command in a process of its own, after some Python."""
    code = f"import sys\n{before}\nfrom sweep.command_line.main import main\nsys.exit(main(sys.argv[1:]))"
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **dict(environment)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | given
    return subprocess.run([sys.executable, "-c", code, *words], env=variables, check=False, timeout=120, **streams)


def test_output_that_is_ascii_has_a_character_for_each_symbol(tmp_path):
    done = ran(["plan", "--preset", "quick"], cwd=tmp_path, environment={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"4 cells" in done.stdout.replace(b"\n", b" ")
    done.stdout.decode("ascii")


def test_symbols_stay_one_character_wide_and_apart():
    states = "·○▶●✗⊘↓–"
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with pytest.MonkeyPatch.context() as patch, lenient_output_to(patch, out):
        out.write(f"{states} 日 \udcff")
    out.flush()
    written = out.buffer.getvalue().decode()
    assert len(set(written[: len(states)])) == len(states)
    assert written[len(states) :] == " ? ?"
    assert out.errors == "strict"


def lenient_output_to(patch, stream):
    patch.setattr(sys, "stdout", stream)
    return lenient_output()


LINES = ("plan --preset quick", "tasks --data demo", "report store --out out", "--help", "run --help")


@pytest.mark.parametrize("line", LINES)
def test_a_reader_that_goes_away_is_no_error(line, tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "store")
    read, write = os.pipe()
    os.close(read)
    done = ran(line.split(), cwd=tmp_path, stdout=write)
    os.close(write)
    assert done.returncode == 0
    assert not re.search(b"Traceback|Broken|ignored", done.stderr)


@pytest.mark.parametrize(
    ("package", "words", "name"),
    [
        ("rich", ["plan", "--preset", "quick"], "rich"),
        ("yaml", ["plan", "--preset", "quick"], "PyYAML"),
        ("filelock", ["plan", "--preset", "quick"], "filelock"),
        ("pydantic", ["status"], "pydantic"),
        ("pandas", ["report", "."], "pandas"),
    ],
)
def test_a_package_that_is_missing_is_named_with_what_installs_it(package, words, name, tmp_path):
    done = ran(words, before=f"sys.modules[{package!r}] = None", cwd=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.decode().splitlines()
    assert f"the package {name} cannot be used" in line
    assert f"-m pip install {name}`" in line


def test_a_module_of_our_own_that_is_missing_is_a_fault():
    done = ran(["plan"], before="sys.modules['sweep.command_line.plan'] = None")
    assert done.returncode == 1
    assert b"Traceback" in done.stderr


def test_help_needs_no_package_but_those_of_the_ledger(tmp_path):
    assert ran(["--help"], before="sys.modules['rich'] = sys.modules['yaml'] = None", cwd=tmp_path).returncode == 0


def test_an_error_of_the_system_names_its_file(monkeypatch, tmp_path, capsys):
    def full(given):
        raise OSError(28, "No space left on device", str(tmp_path / "x"))

    monkeypatch.setattr("sweep.command_line.setup.configure", full)
    assert main(["plan"]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'x'}: No space left on device\n"


def test_an_error_of_the_system_without_a_file_is_a_fault(monkeypatch):
    def lost(given):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("sweep.command_line.setup.configure", lost)
    with pytest.raises(OSError, match="Input/output"):
        main(["plan"])


def test_what_steers_a_terminal_is_shown_and_the_rest_is_left():
    assert plain_lines("[/red] ä 日本 \u200b\n\x1b[31m\x07\r\u202e\ud800\u2028") == (
        "[/red] ä 日本 \u200b\n\\x1b[31m\\x07\\x0d\\u202e\\ud800\\u2028"
    )


@pytest.mark.parametrize("message", ["", "\x1b[2J", "\udcff", "[/bold]", "a\nb"])
def test_anything_can_be_complained_of(message, capsys):
    complain(message)
    said = capsys.readouterr().err
    assert said.strip()
    assert "\x1b" not in said


def test_nobody_to_complain_to_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    complain("anything")


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_too_long_for_sockets_is_refused_before_ray_starts(variable, monkeypatch):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(variable, "/tmp/" + "x" * 60)
    with pytest.raises(RayError, match=r"has a path of 65 bytes; allowed .* Set the variable RAY_TMPDIR"):
        check_sockets()
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    check_sockets()


def test_the_limit_is_that_of_ray():
    """A path that is let through is one that Ray's own check takes, and one byte more is not."""
    from ray._private.utils import validate_socket_filepath

    session = "session_2026-12-31_23-59-59_999999_4194304"  # the largest process id of Linux
    below = f"/ray/{session}/sockets/plasma_store"
    most = MOST_BYTES - len(below)
    validate_socket_filepath("x" * most + below)
    with pytest.raises(OSError, match="AF_UNIX"):
        validate_socket_filepath("x" * (most + 1) + below)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", "x" * most)
        check_sockets()
        patch.setenv("RAY_TMPDIR", "x" * (most + 1))
        with pytest.raises(RayError):
            check_sockets()
