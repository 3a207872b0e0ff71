"""The built-in corpus as a folder of a user, and as repositories of a hub."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.made.hub import Repository
from trainables.data.hub import demo_folder
from trainables.tasks.revisions import REVISIONS


def mirror(folder: Path, *repositories: str) -> Path:
    """Repositories of the corpus in a folder: a mirror like any other."""
    for name in repositories:
        shutil.copytree(demo_folder() / name, folder / name)
    return folder


def dataset(
    name: str, *, layout: str = "{config}/{split}-00000-of-00001.parquet", commit: str = "", has_card: bool = True
) -> Repository:
    """A repository of the corpus as the hub has it, with a card that says which file is which split."""
    files: dict[str, bytes] = {}
    card = ["---", "license: mit", "configs:"]
    for config in sorted(path for path in (demo_folder() / name).iterdir() if path.is_dir()):
        card += [f"- config_name: {config.name}", "  data_files:"]
        for path in sorted(config.glob("*.parquet")):
            place = layout.format(config=config.name, split=path.stem)
            files[place] = path.read_bytes()
            card += [f"  - split: {path.stem}", f"    path: {place}"]
    if has_card:
        files["README.md"] = ("\n".join([*card, "---", "# Made up", ""])).encode()
    pinned = commit or REVISIONS[name]
    return Repository(files=files, commit=pinned, card={"license": "mit"} if has_card else {})


def model(folder: Path, commit: str) -> Repository:
    """An encoder's folder as a repository, beside weights of another form and a file that nobody needs."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files |= {"pytorch_model.bin": b"pickle", "onnx/model.onnx": b"onnx", "README.md": b"---\nlicense: mit\n---\n"}
    return Repository(files=files, commit=commit, card={"license": "mit"})
