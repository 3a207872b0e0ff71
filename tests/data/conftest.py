"""What the tests of data share."""

import pytest


@pytest.fixture
def own_cache(tmp_path_factory, monkeypatch):
    """Fingerprints and tokenised rows go to the folder of this test run."""
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
