"""Addresses without a Ray cluster are one message, before Ray tries for minutes."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from sweep.cluster.errors import RayError
from sweep.cluster.reach import answers, check, host_and_port
from sweep.cluster.session import ray_session


class _Answer(socketserver.BaseRequestHandler):
    """Says what the server is told to say to whoever has said something."""

    def handle(self) -> None:
        self.request.recv(1024)
        self.request.sendall(self.server.answer)


@pytest.fixture
def server() -> Iterator[socketserver.TCPServer]:
    with socketserver.TCPServer(("127.0.0.1", 0), _Answer) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def at(server: socketserver.TCPServer) -> str:
    return f"127.0.0.1:{server.server_address[1]}"


def closed() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_nothing_answers(tmp_path) -> None:
    address = closed()
    assert not answers(address)
    message = rf"no Ray cluster answers at '\S*:{address.rpartition(':')[2]}' \(Connection refused\). Give the address"
    with pytest.raises(RayError, match=message):
        check(address)
    with pytest.raises(RayError, match=message), ray_session(address, tmp_path / "ray.log"):
        pass


@pytest.mark.parametrize("answer", [b"HTTP/1.0 400 Bad request\r\n\r\n", b"", b"\0"])
def test_something_else_answers(server, answer: bytes) -> None:
    """Such as the dashboard, of which the port is easily taken for that of the head."""
    server.answer = answer
    with pytest.raises(RayError, match=rf"what answers at '{re.escape(at(server))}' is no head of a Ray cluster"):
        check(at(server))


def test_a_server_of_http_2_may_be_a_head(server) -> None:
    """Its first frame are its settings (RFC 9113, 3.4), here of six bytes."""
    server.answer = bytes([0, 0, 6, 4, 0, 0, 0, 0, 0]) + b"\0\3\0\0\0\x64"
    check(at(server))
    assert answers(at(server))


@pytest.mark.parametrize(
    "address", ["here", "host:", ":1", "host:0", "host:65536", "host:６３７９", "host:-1", "host:1e3"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(RayError, match="allowed: local, auto, host:port"):
        host_and_port(address)


def test_addresses_with_a_scheme_or_of_ipv6() -> None:
    assert host_and_port("ray://head.example:10001/") == ("head.example", 10001)
    assert host_and_port("[::1]:6379") == ("::1", 6379)


def test_no_cluster_is_found_on_this_machine(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", set)
    monkeypatch.setattr("ray._private.services.find_bootstrap_address", lambda folder: None)
    with (
        pytest.raises(RayError, match="no Ray cluster is found at address 'auto'"),
        ray_session("auto", tmp_path / "log"),
    ):
        pass
