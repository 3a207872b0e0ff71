"""The folder for what can be made again: the demo corpus, file digests."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$XSTILTS_CACHE`, or `~/.cache/xstilts`; made if it does not exist."""
    folder = Path(os.environ.get("XSTILTS_CACHE") or "~/.cache/xstilts").expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
