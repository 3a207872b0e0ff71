"""Stores by the place that somebody names: a folder, or a bucket with a folder of this machine in the user's cache."""

from __future__ import annotations

import hashlib
from pathlib import Path

from trainables.data.cache_folder import cache_folder
from trainables.ledger.s3.place import is_s3, read_place
from trainables.ledger.store import Store


def store_at(place: Path | str) -> Store:
    """The store in a folder, or at an address `s3://bucket/prefix`; nothing is looked at yet.

    Raises ValueError for an address that cannot be, CacheFolderError where its folder cannot be made.
    """
    if not is_s3(place):
        return Store(Path(place))
    from trainables.ledger.s3.store import S3Store  # late: the packages of the extra `s3`, which others do without

    found = read_place(str(place))
    named = f"{found.endpoint}\0{found.bucket}\0{found.prefix}"
    folder = f"{found.bucket}-{hashlib.sha256(named.encode()).hexdigest()[:12]}"
    return S3Store(found, cache_folder() / "stores" / folder)
