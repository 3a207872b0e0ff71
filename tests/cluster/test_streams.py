"""Where Ray's messages go."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from sweep.cluster.streams import quiet


def test_a_message_ends_nothing_when_the_folder_of_the_log_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with quiet(folder / "ray.log"):
        shutil.move(folder, tmp_path / "away")
        logging.getLogger("ray.cluster").error("meanwhile")
    assert not folder.exists(), "nothing is made in its place"
    assert "meanwhile" in (tmp_path / "away" / "ray.log").read_text(encoding="utf-8")
