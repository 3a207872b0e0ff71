"""Names of encoders: what is allowed, what is hinted at, and the fingerprint that tells encoders apart."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trainables.model.names import EncoderKind, encoder_fingerprint, parse_encoder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder with the files of an encoder; a fingerprint asks for no more."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text('{"num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 100}')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(range(256)))
    return folder


@pytest.mark.parametrize(
    ("given", "kind", "canonical", "layers"),
    [
        ("bundled", EncoderKind.BUNDLED, "bundled", 12),
        ("bundled:12", EncoderKind.BUNDLED, "bundled", 12),
        ("bundled:3", EncoderKind.BUNDLED, "bundled:3", 3),
        ("FacebookAI/xlm-roberta-large", EncoderKind.HUB, "FacebookAI/xlm-roberta-large", 0),
        ("xlm-roberta-base", EncoderKind.HUB, "FacebookAI/xlm-roberta-base", 0),
        ("someone/anything-1.5_b", EncoderKind.HUB, "someone/anything-1.5_b", 0),
    ],
)
def test_allowed_names(given: str, kind: EncoderKind, canonical: str, layers: int) -> None:
    encoder = parse_encoder(given)
    assert (encoder.kind, encoder.name, encoder.num_layers) == (kind, canonical, layers)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("bundle", "did you mean 'bundled'"),
        ("bundled:13", "did you mean 'bundled:12'"),
        ("bundled:0", "did you mean 'bundled:1'"),
        ("bundled:", "1 <= N <= 12"),
        ("bundled:x", "1 <= N <= 12"),
        ("bundled:-1", "1 <= N <= 12"),
        ("xlm-roberta-lagre", "did you mean 'xlm-roberta-large'"),
        ("./no/such/folder", "no such folder"),
        ("/no/such/folder", "no such folder"),
        ("a/b/c", "allowed: bundled"),
        ("", "allowed: bundled"),
    ],
)
def test_other_names_are_refused_with_a_hint(given: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint) as caught:
        parse_encoder(given)
    assert repr(given) in str(caught.value)


def test_an_incomplete_folder_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"lacks model\.safetensors.*a tokenizer"):
        parse_encoder(str(tmp_path))


def test_fingerprints_tell_encoders_apart() -> None:
    assert encoder_fingerprint("bundled") == encoder_fingerprint("bundled:12")
    assert len({encoder_fingerprint(f"bundled:{layers}") for layers in range(1, 13)}) == 12
    assert "0.3.0" in encoder_fingerprint("bundled")
    assert encoder_fingerprint("FacebookAI/xlm-roberta-large") == "main"
    assert encoder_fingerprint("FacebookAI/xlm-roberta-large", "c23d21b") == "c23d21b"


def test_a_folders_fingerprint_follows_its_content_and_not_its_place(checkpoint: Path, tmp_path: Path) -> None:
    first = encoder_fingerprint(str(checkpoint))
    copy = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    (copy / "README.md").write_text("not part of the encoder")
    assert encoder_fingerprint(str(copy)) == first
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        changed = Path(shutil.copytree(checkpoint, tmp_path / name))
        with (changed / name).open("ab") as stream:
            stream.write(b" ")
        assert encoder_fingerprint(str(changed)) != first
    assert len(first) >= 12
    int(first, 16)


def test_names_need_neither_torch_nor_transformers() -> None:
    code = "import json, sys, trainables.model.names; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "numpy", "tokenizers"} & set(json.loads(answer.stdout))
