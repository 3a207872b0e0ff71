"""Files of an encoder's checkpoint, in its folder or in the cache of the hub."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import hf_hub_download

from trainables.model.bundled import WEIGHTS_FILE
from trainables.model.names import EncoderKind, EncoderName

INDEX_FILE = f"{WEIGHTS_FILE}.index.json"
"""Says which file holds which weight, where there are several."""


def encoder_file(encoder: EncoderName, file: str, revision: str) -> Path:
    """Where a file of an encoder of the hub or of a folder lies; raises OSError where there is none."""
    if encoder.kind is EncoderKind.HUB:
        return Path(hf_hub_download(encoder.name, file, revision=revision))
    path = encoder.folder / file
    if not path.is_file():
        raise FileNotFoundError(f"no {file} in {encoder.name!r}")
    return path
