"""XLM-R's text normalisation as a SentencePiece `precompiled_charsmap`.

XLM-R was trained with the rules `nmt_nfkc` of 2019. The sentencepiece library carries those rules in today's version,
which differ in 174 code points (a zero-width joiner, for one, is now kept and was a space). The wheel's file says what
XLM-R does to each single code point, so: take the library's rules for sequences, the file's for single code points,
and let the library compile the union.
"""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sentencepiece
from sentencepiece import sentencepiece_model_pb2


def xlmr_charsmap(single: Mapping[str, str]) -> bytes:
    """The charsmap in which single code points follow `single` and sequences follow `nmt_nfkc`."""
    library = decode_charsmap(_compile(normalization_rule_name="nmt_nfkc"))
    sequences = {key: value for key, value in library.items() if len(key) > 1}
    return compile_charsmap({**sequences, **single})


def compile_charsmap(rules: Mapping[str, str]) -> bytes:
    """The charsmap that replaces each key by its value, longest key first."""
    lines = (f"{_code_points(key)}\t{_code_points(value)}\n" for key, value in sorted(rules.items()))
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "rules.tsv")
        table.write_text("".join(lines), encoding="ascii")
        return _compile(normalization_rule_tsv=str(table))


def decode_charsmap(charsmap: bytes) -> dict[str, str]:
    """The rules inside a charsmap; the inverse of `compile_charsmap`.

    A charsmap is the byte size of a double-array trie, the trie, and the replacements as zero-terminated strings. A
    unit of the trie holds in bits 0-7 the byte that leads to it, in bit 8 whether a key ends at it, and in bits 10-30
    the distance to its children (times 256 if bit 9 is set); a unit with bit 31 is a value: a replacement's start.
    """
    (size,) = struct.unpack_from("<I", charsmap)
    units = struct.unpack_from(f"<{size // 4}I", charsmap, 4)
    replacements = charsmap[4 + size :]
    children: dict[int, list[int]] = {}
    for index, unit in enumerate(units[1:], start=1):
        if unit >> 31 == 0 and unit & 0xFF:
            children.setdefault(index ^ (unit & 0xFF), []).append(index)
    rules = {}
    open_nodes = [(0, b"")]
    while open_nodes:
        node, key = open_nodes.pop()
        for child in children.get(_first_child(node, units[node]), ()):
            child_key = key + bytes([units[child] & 0xFF])
            if units[child] >> 8 & 1:
                start = units[_first_child(child, units[child])] & 0x7FFFFFFF
                rules[child_key.decode()] = replacements[start : replacements.index(0, start)].decode()
            open_nodes.append((child, child_key))
    return rules


def _first_child(index: int, unit: int) -> int:
    distance = unit >> 10
    return index ^ (distance << 8 if unit & 0x200 else distance)


def _code_points(text: str) -> str:
    return " ".join(f"{ord(character):X}" for character in text)


def _compile(**normalization: Any) -> bytes:
    """The charsmap of a throw-away model: the library compiles rules only on its way to a model."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e f g h"]),
        model_writer=written,
        vocab_size=12,
        hard_vocab_limit=False,
        minloglevel=2,
        **normalization,
    )
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(written.getvalue())
    charsmap: bytes = model.normalizer_spec.precompiled_charsmap
    return charsmap
