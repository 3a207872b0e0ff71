"""`fetch` from the hub, which is a server on this machine that answers as the hub is documented to."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.made.hub import Hub, Repository, hub
from tests.made.offline import dataset, model
from trainables.data.fetched import read_manifest
from trainables.data.hub import demo_folder, open_data
from trainables.tasks import registry
from trainables.tasks.revisions import REVISIONS
from trainables.tasks.task import Split

COMMIT, ENCODER = "1" * 40, "made/tiny"
COSMOS_COMMIT = "2" * 40
XTREME, QQP, COSMOS = "google/xtreme", "nyu-mll/glue", "allenai/cosmos_qa"
CALL = "import sys; from sweep.command_line.main import main; sys.exit(main())"
GRID = [
    "--encoder", ENCODER, "--intermediates", "none,qqp,cosmosqa", "--mlm", "off", "--targets", "pawsx,tatoeba",
    "--languages", "de,en", "--set", "cluster.gpus.target=0",
]  # fmt: skip

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def served(encoder: Path) -> Iterator[Hub]:
    """What the grid reads; one repository has no card and its files where the hub's own conversion puts them."""
    converted = dataset(COSMOS, layout="{config}/{split}/0000.parquet", commit=COSMOS_COMMIT, has_card=False)
    converted.branches = (REVISIONS[COSMOS],)
    repositories = {
        ("datasets", XTREME): dataset(XTREME),
        ("datasets", QQP): dataset(QQP),
        ("datasets", COSMOS): converted,
        ("models", ENCODER): model(encoder, COMMIT),
    }
    with hub(repositories) as server:
        yield server


@pytest.fixture
def call(served: Hub, tmp_path: Path) -> Call:
    """A command in a process of its own, which is told of that hub and has nothing of it in a cache."""

    def called(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": str(Path(__file__).parents[2]),
            "COLUMNS": "200",
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-c", CALL, *words], cwd=tmp_path, env=environment | variables, capture_output=True,
            text=True, timeout=200, check=False,
        )  # fmt: skip

    return called


def test_what_is_fetched_is_a_mirror_and_the_command_that_is_shown_needs_no_hub(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = call("fetch", *GRID, "--out", str(out))
    assert said.returncode == 0, said.stderr + said.stdout
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    rows = {path for path in found if path.endswith(".parquet")}
    assert {f"{QQP}/qqp/train.parquet", f"{COSMOS}/default/train.parquet", f"{XTREME}/PAWS-X.de/test.parquet"} <= rows
    assert not [path for path in rows if "PAN-X" in path or "PAWS-X.fr" in path or "XNLI" in path]
    assert all((out / path).read_bytes() == (demo_folder() / path).read_bytes() for path in rows)
    tiny = f"encoders/tiny@{COMMIT[:12]}"
    assert {f"{tiny}/config.json", f"{tiny}/model.safetensors", f"{tiny}/tokenizer.json"} <= found
    assert not [path for path in found if path.endswith((".bin", ".onnx", ".incomplete"))]
    manifest = read_manifest(out)
    assert manifest.files[f"{COSMOS}/default/train.parquet"].revision == COSMOS_COMMIT
    assert manifest.files[f"{tiny}/config.json"].revision == COMMIT
    assert manifest.licences == {XTREME: "mit", QQP: "mit", COSMOS: ""}
    last = said.stdout.strip().splitlines()[-1]
    assert last.startswith("HF_HUB_OFFLINE=1 xstilts run ")
    words = shlex.split(last)[2:]
    planned = call("plan", *words[1:], HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
    assert planned.returncode == 0, planned.stderr
    assert "6 cells" in planned.stdout
    assert re.search(r"^all +8 +0 +8 ", planned.stdout, re.MULTILINE), planned.stdout
    assert f"{len(found) - 2} files fetched, 0 were there" in said.stdout, "all but the manifest and the lock"
    assert "%|" not in said.stderr, "no bars where nobody watches"


def test_what_is_not_what_the_hub_says_it_is_does_not_come_and_what_breaks_off_goes_on(
    call: Call, served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command brings what is missing. The hub's client keeps whole chunks of 10 MiB of what broke off."""
    text = bytes(range(256)) * 45_000
    monkeypatch.setitem(served.repositories["models", ENCODER].files, "LICENSE", text)
    served.asked.clear()
    served.cut["LICENSE"] = 11_000_000
    name = f"{XTREME}/PAWS-X.de/test.parquet"
    inside = "PAWS-X.de/test-00000-of-00001.parquet"
    right = served.repositories["datasets", XTREME].files[inside]
    served.changed[inside] = right[:-1] + bytes([right[-1] ^ 1])
    served.refused.add("qqp/train-00000-of-00001.parquet")
    said = call("fetch", *GRID, "--out", str(tmp_path / "out"))
    assert said.returncode == 1
    assert f"{name}: {XTREME} {inside} is not what the hub says it is" in said.stderr
    assert "2 files did not come; the others are there, and the same command fetches the rest" in said.stderr
    assert not (tmp_path / "out" / name).exists()
    asked = [line for line in served.asked if line.startswith("GET") and "LICENSE" in line]
    assert len(asked) == 2
    assert asked[-1].endswith(f"bytes={10 * 2**20}-")
    assert (tmp_path / "out" / f"encoders/tiny@{COMMIT[:12]}/LICENSE").read_bytes() == text
    served.changed.clear()
    served.refused.clear()
    said = call("fetch", *GRID, "--out", str(tmp_path / "out"))
    assert said.returncode == 0, said.stderr
    assert "2 files fetched" in said.stdout
    assert (tmp_path / "out" / name).read_bytes() == right


def test_labels_that_only_the_card_declares_are_written_into_the_files(
    call: Call, served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(served.repositories, ("datasets", QQP), without_features(served.repositories["datasets", QQP]))
    said = call("fetch", *GRID, "--out", str(tmp_path / "out"))
    assert said.returncode == 0, said.stderr
    sources = registry.task("qqp").files(Split.TRAIN, "en")
    table = open_data(str(tmp_path / "out")).table(sources[0])
    assert b"not_duplicate" in table.schema.metadata[b"huggingface"]
    assert table.equals(open_data("demo").table(sources[0]))


def without_features(repository: Repository) -> Repository:
    """The same rows, their label names in the card alone."""
    files = {}
    for name, content in repository.files.items():
        if name.endswith(".parquet"):
            made = io.BytesIO()
            pq.write_table(pq.read_table(io.BytesIO(content)).replace_schema_metadata(None), made)
            files[name] = made.getvalue()
    features = """\
dataset_info:
- config_name: qqp
  features:
  - name: question1
    dtype: string
  - name: question2
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': not_duplicate
          '1': duplicate
  - name: idx
    dtype: int32
"""
    card = repository.files["README.md"].decode().replace("license: mit\n", f"license: mit\n{features}")
    return Repository(files=files | {"README.md": card.encode()}, commit=repository.commit, card=repository.card)


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["--set", "encoder.revision=nowhere"], {}, "encoder 'made/tiny' (revision nowhere) cannot be had"),
        (["--set", "data.repositories.pawsx=google-research-datasets/paws-x"], {}, "cannot be had"),
        ([], {"HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot be "),
    ],
)
def test_what_the_hub_does_not_have_is_one_message(
    call: Call, tmp_path: Path, words: list[str], variables: dict[str, str], said: str
) -> None:
    ended = call("fetch", *GRID, *words, "--out", str(tmp_path / "out"), **variables)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "out").exists()
