"""Files of tensors: what the library reads, and equal bytes for equal content."""

from __future__ import annotations

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from trainables.model.heads import SpanHead
from trainables.model.tensor_file import write_tensors
from trainables.model.trained_head import HeadFacts, save_head
from trainables.tasks.formats.base import Head


def test_tensors_are_written_as_the_library_reads_them(tmp_path) -> None:
    torch.manual_seed(0)
    tensors = {
        "odd": torch.randn(3, 5, dtype=torch.bfloat16),
        "scalar": torch.tensor(7.0),
        "empty": torch.zeros(0, 4),
        "wide": torch.randn(2, 3, dtype=torch.float64),
        "large": torch.randn(5_000_001),
    }
    write_tensors(tensors, tmp_path / "ours", {"state": "ä\n"})
    save_file(tensors, tmp_path / "theirs", metadata={"state": "ä\n"})
    ours, theirs = load_file(tmp_path / "ours"), load_file(tmp_path / "theirs")
    assert ours.keys() == theirs.keys()
    for name, tensor in tensors.items():
        assert ours[name].dtype == tensor.dtype
        assert torch.equal(ours[name], theirs[name])
    with safe_open(tmp_path / "ours", framework="pt") as file:
        assert file.metadata() == {"state": "ä\n"}


def test_equal_heads_are_equal_byte_for_byte_so_that_their_digests_say_something(tmp_path) -> None:
    facts = HeadFacts(task="xquad", kind=Head.SPAN, labels=("a", "b"), max_length=384, dropout=0.1)
    head = SpanHead(8)
    for number in range(20):
        save_head(head, facts, tmp_path / str(number))
    assert len({(tmp_path / str(number)).read_bytes() for number in range(20)}) == 1
