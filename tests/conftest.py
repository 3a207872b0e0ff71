"""Settings and fixtures of all tests.

Hypothesis draws the same examples every time and has no clock; busy machines pass. What lies in `tests/ray` carries the
marker `ray`; tests elsewhere that start Ray say so themselves.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from tests.made import buckets
from trainables.data.hub import open_data
from trainables.data.mirror import MirrorData
from trainables.data.reading import files_of
from trainables.ledger.s3.place import S3Place
from trainables.ledger.store import Store
from trainables.tasks import registry
from trainables.tasks.task import Source

settings.register_profile("project", derandomize=True, deadline=None)
settings.load_profile("project")

RAY_ROOM = Path(__file__).parent / "ray"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the room `ray`."""
    for item in items:
        if RAY_ROOM in item.path.parents:
            item.add_marker(pytest.mark.ray)


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """What a test sets for its process, such as a worker's `CUDA_VISIBLE_DEVICES`, is gone after it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def no_own_tasks() -> Iterator[None]:
    """What a test has enlisted is not there for the next one."""
    yield
    registry.forget_own()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store").prepare()


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Port of a real S3 service on this machine; `s3_place` is a bucket of a test's own there."""
    with buckets.serving() as port:
        yield port


@pytest.fixture
def s3_place(s3_port: int) -> S3Place:
    """A place in a new bucket; keys are in the environment, and the service is waited for a few seconds."""
    os.environ.update(buckets.KEYS)
    return buckets.new_place(s3_port)


@pytest.fixture
def rows_of_then(monkeypatch: pytest.MonkeyPatch) -> Callable[[Store], None]:
    """The built-in corpus answers with the fingerprints it had when a store was written: it has grown since."""

    def answer_as_in(store: Store) -> None:
        data = open_data("demo")
        specs = [store.record(run_id).spec for run_id in store.run_ids()]
        then = {frozenset(source.path for source in files_of(spec, data, {})): spec.data.fingerprint for spec in specs}

        def fingerprint(self: object, sources: Sequence[Source], *, anew: bool = False) -> str:
            return then[frozenset(source.path for source in sources)]

        monkeypatch.setattr(MirrorData, "fingerprint", fingerprint)

    return answer_as_in
