"""The limit that holds a process to its share of a GPU."""

from __future__ import annotations

import pytest

from trainables.ledger.gpu_share import CONTEXT_BYTES, ShareTooSmallError, limit_fraction

TOTAL = 80_000_000_000


@pytest.mark.parametrize("parts", [2, 3, 4, 8, 100])
def test_so_many_processes_that_fill_their_limits_fill_the_gpu_and_no_more(parts):
    """CUDA's own part of each is outside of the limit."""
    assert parts * (limit_fraction(1 / parts, TOTAL) * TOTAL + CONTEXT_BYTES) == pytest.approx(TOTAL)


@pytest.mark.parametrize("gpus", [0.0, 1.0, 2.0])
def test_a_run_that_shares_its_gpu_with_nobody_is_not_limited(gpus):
    assert limit_fraction(gpus, TOTAL) == 1.0


def test_a_share_that_cuda_alone_would_fill_is_refused():
    with pytest.raises(ShareTooSmallError, match=r"0\.01 of this GPU is 0\.2 GB, which CUDA takes .* least 0\.042, or"):
        limit_fraction(0.01, 16_000_000_000)
