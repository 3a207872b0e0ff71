"""The command `xstilts`: the same commands as the `python -m` forms, each with its own options."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sweep.command_line.arguments import GRID, SEARCH, XSTILTS, UsageError, parse
from sweep.command_line.main import grid, main, search

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "run", "plan", "simulate", "status", "tasks", "search", "advise", "report", "submission", "compare", "examples",
    "check", "export", "predict", "fetch", "doctor",
)  # fmt: skip
OWN = {
    "status": {"--preset", "--config", "--set", "--store", "--watch", "--json", "--debug"},
    "tasks": {"--tasks", "--check", "--encoder", "--preset", "--config", "--set", "--data", "--debug"},
    "advise": {
        "--tasks",
        "--preset", "--config", "--encoder", "--targets", "--data", "--intermediates", "--mlm", "--languages",
        "--seeds", "--train-rows", "--eval-rows", "--set", "--store", "--sample", "--no-features", "--json", "--debug",
    },
    "report": {"--out", "--sweep", "--where", "--open-test", "--width", "--margin", "--regret", "--no-figures"},
    "submission": {"--out", "--sweep", "--where", "--seed", "--data"},
    "compare": {
        "--sweep-a",
        "--sweep-b",
        "--where",
        "--where-a",
        "--where-b",
        "--margin",
        "--json",
        "--width",
    },
    "examples": {
        "--target",
        "--language",
        "--intermediate",
        "--mlm",
        "--seed",
        "--rows",
        "--open-test",
        "--data",
        "--sweep",
        "--where",
        "--out",
        "--json",
        "--width",
    },
    "export": {
        "--target", "--run", "--to", "--seed", "--task", "--encoder", "--open-test", "--force", "--push", "--private",
        "--sweep", "--where", "--peft", "--debug",
    },
    "predict": {"--rows", "--out", "--language", "--batch-tokens", "--device", "--debug"},
}  # fmt: skip
IN_HELP = re.compile(r"^  (?:-h, )?(--[a-z-]+)", re.MULTILINE)


def shown(capsys, program, *words):
    """The help of a command."""
    with pytest.raises(SystemExit) as ended:
        program([*words, "--help"])
    assert not ended.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("command", OWN)
def test_help_of_a_command_shows_its_own_options_only(command, capsys):
    text = shown(capsys, main, command)
    assert text.startswith(f"usage: xstilts {command} ")
    assert set(IN_HELP.findall(text)) == {"--help", *OWN[command]}


def test_a_plan_takes_the_options_of_the_run_that_it_is_of(capsys):
    run, plan = (set(IN_HELP.findall(shown(capsys, main, command))) for command in ("run", "plan"))
    assert run - plan == {"--recompute", "--open-test"}
    assert plan - run == {"--gpus", "--budget", "--probe", "--json"}
    assert {"--targets", "--search", "--race", "--address", "--store"} <= run
    assert not {"--phase", "--trials", "--hours"} & run


def test_a_simulation_takes_the_options_of_a_plan_and_says_what_goes_wrong(capsys):
    plan, simulation = (set(IN_HELP.findall(shown(capsys, main, command))) for command in ("plan", "simulate"))
    assert plan - simulation == {"--budget", "--probe"}
    assert simulation - plan == {
        "--nodes", "--replay", "--wrong-by", "--fail", "--lose-worker", "--hang", "--lose-node", "--join-node",
        "--node-life", "--node-back", "--draws", "--first-draw",
    }  # fmt: skip


def test_a_search_has_no_options_of_the_grid(capsys):
    found = set(IN_HELP.findall(shown(capsys, main, "search")))
    assert {"--phase", "--tasks", "--trials", "--hours", "--data", "--seeds", "--store"} <= found
    assert not {"--intermediates", "--targets", "--search", "--race"} & found


@pytest.mark.parametrize(
    ("program", "words", "usage"),
    [
        (main, [], "xstilts COMMAND"),
        (main, ["plan"], "xstilts plan "),
        (grid, [], "python -m sweep.grid [COMMAND]"),
        (grid, ["plan"], "python -m sweep.grid plan "),
        (search, [], "python -m sweep.search "),
    ],
)
def test_usage_says_what_was_typed(program, words, usage, capsys):
    assert shown(capsys, program, *words).startswith(f"usage: {usage}")


def test_help_lists_the_commands_a_line_each(capsys):
    lines = shown(capsys, main).splitlines()
    assert [line.split()[0] for line in lines if re.match(r"  [a-z]+  +[a-z]", line)][: len(COMMANDS)] == [*COMMANDS]
    assert max(map(len, lines)) <= 120


def test_alone_it_shows_its_help_and_fails(capsys):
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("usage: xstilts COMMAND")
    assert not said.out


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"xstilts {version('xstilts')}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "tasks --targets xnli",
            "`xstilts tasks` has no option '--targets'; `xstilts run`, `xstilts plan`, `xstilts simulate`, "
            "`xstilts fetch`, `xstilts doctor` have it",
        ),
        (
            "tasks --targets=xnli",
            "allowed here: --tasks, --preset, --config, --data, --encoder, --set, --check, --debug",
        ),
        ("plan --phase target", "`xstilts search` has it"),
        ("status --stroe x", "unknown option '--stroe'; did you mean '--store'? known: --preset"),
        ("reprot x", "unknown command 'reprot'; did you mean 'report'? known: run, plan, simulate, status, tasks"),
        ("--seeds 1 run", "--seeds comes after a command; allowed: run, plan"),
        ("--verison", "unknown option '--verison'; did you mean '--version'?"),
        ("search --phase target --tasks xnli --trials 3 --hours 2", "--trials 3 and --hours 2: allowed: one of them"),
        ("search --phase target", "--tasks: allowed: tasks to search, for example squad,qqp"),
    ],
)
def test_what_cannot_be_understood_exits_with_2_and_says_why(words, said, capsys):
    assert main(words.split()) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", ["tasks --targets xnli", "--preset demo tasks --targets xnli"])
def test_the_module_form_names_itself(words, capsys):
    assert grid(words.split()) == 2
    assert "`python -m sweep.grid run`, `python -m sweep.grid plan` have it" in capsys.readouterr().err


def test_status_takes_the_words_of_the_run_whose_store_it_shows(tmp_path, monkeypatch, capsys):
    """A run with such options has its store in results/sweep, not in the demo's."""
    monkeypatch.chdir(tmp_path)
    assert main(["status", "--data", "demo", "--targets", "xnli"]) == 2
    assert "results/sweep/plan.json does not exist" in capsys.readouterr().err.replace("\n", "")


def test_options_may_come_before_the_command_of_the_module_form():
    assert parse(["--preset", "plan", "--race", "--seeds=1", "plan", "--debug"], GRID) == parse(
        ["plan", "--preset", "plan", "--race", "--seeds=1", "--debug"], GRID
    )
    assert parse(["--store", "status"], GRID).command == "run"


def test_options_of_other_commands_are_as_if_not_given():
    assert {key: value for key, value in vars(parse(["status"], XSTILTS)).items() if value} == {"command": "status"}
    assert parse(["--phase", "target", "--tasks", "xnli"], SEARCH).command == "search"


def test_a_command_of_analysis_keeps_its_words_and_exit_code(tmp_path, capsys):
    assert main(["report", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.startswith("xstilts report: ")


def test_without_default_there_must_be_a_command():
    with pytest.raises(UsageError, match="--preset comes after a command"):
        parse(["--preset", "demo"], XSTILTS)


def test_the_entry_point_imports_nothing_heavy():
    program = (
        "import sys\nfrom sweep.command_line.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "ray", "transformers", "datasets", "pandas", "pydantic", "numpy"} & set(done.stderr.split())
