"""A real S3 service for tests: moto's server in a process of its own, and a gate before it that can be shut."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3

from trainables.ledger.s3.place import S3Place
from trainables.ledger.s3.store import S3Store

KEYS = {
    "AWS_ACCESS_KEY_ID": "made",
    "AWS_SECRET_ACCESS_KEY": "made",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
"""Environment of whoever speaks to the service; it takes any keys."""
REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 120


@contextmanager
def serving() -> Iterator[int]:
    """The port of a service on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.made.s3_server", str(port)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "moto's server has ended"
                assert time.monotonic() < until, "moto's server did not start"
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def client(port: int) -> Any:
    """A client of the service, to look behind the store's back; the caller has `KEYS` in the environment."""
    return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1")


def new_place(port: int, **settings: Any) -> S3Place:
    """A place in a new bucket of the service."""
    bucket = f"made-{uuid.uuid4().hex[:12]}"
    client(port).create_bucket(Bucket=bucket)
    return place(port, bucket, **settings)


def place(port: int, bucket: str, **settings: Any) -> S3Place:
    """A place in a bucket, which is waited for a few seconds only."""
    given = {"prefix": "sweeps/a", "lease_seconds": 3.0, "wait_seconds": 4.0} | settings
    return S3Place(bucket=bucket, endpoint_override=f"127.0.0.1:{port}", scheme="http", region="us-east-1", **given)


class Gate:
    """Hands connections on to a service while it is open; `refuse` cuts them, `fail` answers 503."""

    def __init__(self, port: int) -> None:
        self.state = "open"
        self.turned_away = 0
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            if self.state != "open":
                self.turned_away += 1
                if self.state == "fail":
                    with suppress(OSError):
                        client.recv(65536)
                        client.sendall(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self._behind)) as service:
                back = threading.Thread(target=self._relay, args=(service, client), daemon=True)
                back.start()
                self._relay(client, service)
                back.join()

    def _relay(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while self.state == "open" and (part := source.recv(65536)):
                target.sendall(part)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def objects(store: S3Store) -> dict[str, int]:
    """Key -> bytes of the objects of a store."""
    found = client(int(store.place.endpoint_override.split(":")[1]))
    pages = found.get_paginator("list_objects_v2").paginate(Bucket=store.place.bucket)
    prefix = f"{store.place.prefix}/"
    return {item["Key"].removeprefix(prefix): item["Size"] for page in pages for item in page.get("Contents", ())}


def put(store: S3Store, key: str, body: bytes) -> None:
    """Write an object of a store, past it."""
    service = client(int(store.place.endpoint_override.split(":")[1]))
    service.put_object(Bucket=store.place.bucket, Key=f"{store.place.prefix}/{key}", Body=body)
