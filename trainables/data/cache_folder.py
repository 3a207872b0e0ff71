"""The folder for what can be made again: the demo corpus, file digests, tokens, the bundled encoder, compiled code."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "XSTILTS_CACHE"


def cache_folder() -> Path:
    """`$XSTILTS_CACHE`, or `~/.cache/xstilts`; absolute, made if it does not exist."""
    folder = Path(os.environ.get(CACHE_VARIABLE) or "~/.cache/xstilts").expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
