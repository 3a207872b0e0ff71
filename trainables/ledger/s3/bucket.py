"""Bucket: the objects below a prefix. `boto3` for what is small or conditional, pyarrow's file system for whole files.

pyarrow moves bytes without Python's lock, in parts, beside a training that goes on; it cannot put on a condition.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from pyarrow import fs

from trainables.ledger.s3.errors import S3Error
from trainables.ledger.s3.patience import Patience, TransferError, code_of, status_of
from trainables.ledger.s3.place import S3Place

CONNECT_SECONDS, READ_SECONDS = 10, 60
PART_BYTES = 16 * 2**20
PARTS_AT_ONCE = 6
DELETED_AT_ONCE = 1000
"""Most that one request may delete."""
_GONE, _OUTDATED, _SAME = 404, 412, 304


class Object(NamedTuple):
    """One object of a listing."""

    size: int
    etag: str
    modified: float
    """Seconds since 1970, by the service's clock."""


class Content(NamedTuple):
    """One object that was read; `age` in seconds, by the service's clock alone."""

    body: bytes
    etag: str
    modified: float
    age: float


class Bucket:
    """The objects of a store, by their keys below its prefix. Errors that pass are waited out.

    Raises S3Error for what is refused, S3UnreachableError for a service that does not answer for too long.
    """

    def __init__(self, place: S3Place) -> None:
        self.place = place
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._patiently = Patience(place.address, place.wait_seconds)
        self._opened: tuple[object, fs.S3FileSystem] | None = None

    def tell(self, on_end: Callable[[str], object]) -> None:
        """Have somebody told when the service was waited for in vain, from whichever thread that was."""
        self._patiently.on_end = on_end

    def get(self, key: str, known: str = "") -> Content | None:
        """An object; None where there is none. Where its ETag is the known one, its body is empty and not sent."""

        def read() -> Content:
            condition = {"IfNoneMatch": f'"{known}"'} if known else {}
            found = self._client.get_object(**self._named(key), **condition)
            now = _date(found) or datetime.now(UTC)
            modified = found["LastModified"]
            return Content(found["Body"].read(), _etag(found), modified.timestamp(), (now - modified).total_seconds())

        try:
            return self._patiently(read)
        except ClientError as error:
            if status_of(error) == _SAME:
                return Content(b"", known, 0.0, 0.0)
            _check_gone(error)
            return None

    def put(self, key: str, body: bytes) -> str:
        """Write an object; its ETag."""
        return self._patiently(lambda: _etag(self._client.put_object(**self._named(key), Body=body)))

    def put_if(self, key: str, body: bytes, known: str | None, *, once: bool = False) -> str:
        """Write an object that still has the known ETag, or one that is not there yet for None.

        Its new ETag; empty where it was another's turn. With `once` nothing is waited out, and errors are botocore's.
        """
        condition = {"IfNoneMatch": "*"} if known is None else {"IfMatch": f'"{known}"'}

        def write() -> str:
            return _etag(self._client.put_object(**self._named(key), Body=body, **condition))

        try:
            return write() if once else self._patiently(write)
        except ClientError as error:
            if status_of(error) in (_GONE, _OUTDATED) and code_of(error) != "NoSuchBucket":
                return ""
            raise

    def listing(self, prefix: str = "") -> dict[str, Object]:
        """All objects below a prefix, by their keys."""

        def read() -> dict[str, Object]:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.place.bucket, Prefix=self._prefix + prefix
            )
            return {
                item["Key"].removeprefix(self._prefix): Object(
                    item["Size"], _etag(item), item["LastModified"].timestamp()
                )
                for page in pages
                for item in page.get("Contents", ())
            }

        return self._patiently(read)

    def etag(self, key: str) -> str:
        """The ETag of an object; empty where there is none."""
        try:
            return self._patiently(lambda: _etag(self._client.head_object(**self._named(key))))
        except ClientError as error:
            _check_gone(error)
            return ""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, if they are there."""
        named = [{"Key": self._prefix + key} for key in keys]
        for start in range(0, len(named), DELETED_AT_ONCE):
            self._delete(named[start : start + DELETED_AT_ONCE])

    def _delete(self, named: list[dict[str, str]]) -> None:
        wanted = {"Objects": named, "Quiet": True}
        found = self._patiently(lambda: self._client.delete_objects(Bucket=self.place.bucket, Delete=wanted))
        for error in found.get("Errors", ()):
            raise S3Error(f"{self.place}: cannot remove {error.get('Key')}: {error.get('Code')}")

    def upload(self, path: Path, key: str) -> None:
        """Send a file; the object is there once it is whole. Raises OSError for a file that cannot be read."""
        size = path.stat().st_size

        def send() -> None:
            with path.open("rb") as source, self._files().open_output_stream(self._path(key)) as target:
                while part := source.read(PART_BYTES):
                    target.write(part)
            sent = self._files().get_file_info(self._path(key)).size
            if sent != size:
                raise TransferError(f"{key} has {sent} bytes of {size}")

        self._transfer(send)

    def download(self, key: str, path: Path) -> bool:
        """Bring an object into a file; whether there is one. Raises OSError for a disk that does not take it."""

        def bring() -> bool:
            try:
                source = self._files().open_input_file(self._path(key))
            except FileNotFoundError:
                return False
            with source, path.open("wb") as target, ThreadPoolExecutor(PARTS_AT_ONCE) as threads:

                def part(start: int) -> None:
                    os.pwrite(target.fileno(), source.read_at(PART_BYTES, start), start)

                for _ in threads.map(part, range(0, source.size(), PART_BYTES)):
                    pass
            return True

        return self._transfer(bring)

    def digest(self, key: str) -> str:
        """SHA-256 of an object, which is read for it; empty where there is none."""

        def read() -> str:
            found = sha256()
            try:
                with self._files().open_input_stream(self._path(key)) as source:
                    while part := source.read(PART_BYTES):
                        found.update(part)
            except FileNotFoundError:
                return ""
            return found.hexdigest()

        return self._transfer(read)

    def _transfer(self, move: Callable[[], Any]) -> Any:
        """Move bytes by pyarrow, whose errors of the service have no number; those of this machine's disk have one."""

        def attempt() -> Any:
            try:
                return move()
            except OSError as error:
                if error.errno is not None:
                    raise
                self._look_at_bucket()  # says what is refused, or that nobody answers
                raise TransferError(str(error)) from error

        return self._patiently(attempt)

    @cached_property
    def _session(self) -> Any:
        return boto3.Session(region_name=self.place.region or None)

    @cached_property
    def _client(self) -> Any:
        other = self.place.endpoint
        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=32,
            s3={"addressing_style": "path"} if other else {},
        )
        region = self._session.region_name or "us-east-1"
        return self._session.client("s3", region_name=region, endpoint_url=other or None, config=config)

    def _files(self) -> fs.S3FileSystem:
        """File system of pyarrow with the credentials that `boto3` has now: those of a role expire."""
        found = self._session.get_credentials()
        now = found.get_frozen_credentials() if found else None
        if self._opened is None or self._opened[0] != now:
            keys = (
                {"access_key": now.access_key, "secret_key": now.secret_key, "session_token": now.token} if now else {}
            )
            self._opened = (
                now,
                fs.S3FileSystem(
                    **keys,
                    endpoint_override=self.place.endpoint.partition("://")[2] or None,
                    scheme=self.place.endpoint.partition("://")[0] or "https",
                    region=self._region,
                    connect_timeout=CONNECT_SECONDS,
                    request_timeout=READ_SECONDS,
                    retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
                ),
            )
        return self._opened[1]

    @cached_property
    def _region(self) -> str:
        """Of the bucket: `boto3` follows the service to another region, pyarrow does not."""
        if self.place.region or self.place.endpoint:
            return str(self.place.region or self._session.region_name or "us-east-1")
        found = self._look_at_bucket()
        return str(found.get("BucketRegion") or self._session.region_name or "us-east-1")

    def _look_at_bucket(self) -> Any:
        try:
            return self._client.head_bucket(Bucket=self.place.bucket)
        except ClientError as error:
            if status_of(error) == _GONE:
                raise S3Error(f"{self.place}: there is no bucket {self.place.bucket!r}") from error
            raise

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self.place.bucket, "Key": self._prefix + key}

    def _path(self, key: str) -> str:
        return f"{self.place.bucket}/{self._prefix}{key}"


def _etag(found: Any) -> str:
    return str(found["ETag"]).strip('"')


def _date(found: Any) -> datetime | None:
    """When the service answered, by its own clock."""
    said = found["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(said)
    except ValueError:
        return None


def _check_gone(error: ClientError) -> None:
    """Raise an error that does not say that there is no such object."""
    if status_of(error) != _GONE:
        raise error
