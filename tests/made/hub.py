"""A server on this machine that answers as the Hugging Face hub is documented to, for a few repositories made up here.

Of the documented endpoints: what a repository is, its tree, facts about paths, and files with their commit, size and
digest, whole or in part (`Range`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

_API = re.compile(r"/api/(datasets|models)/([^/]+/[^/]+?)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?")
_FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
MADE_AT = "2026-01-01T00:00:00.000Z"
LARGE = 10_000
"""Bytes from which a file is kept by its SHA-256, as large files of the hub are."""


@dataclasses.dataclass(kw_only=True)
class Repository:
    """Files of one commit; `branches` lead to it."""

    files: dict[str, bytes]
    commit: str
    branches: tuple[str, ...] = ("main",)
    card: Mapping[str, object] = dataclasses.field(default_factory=dict)


class Hub(ThreadingHTTPServer):
    """The repositories by kind (`datasets`, `models`) and id; `asked` are the requests."""

    daemon_threads = True

    def __init__(self, repositories: dict[tuple[str, str], Repository]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.asked: list[str] = []
        self.changed: dict[str, bytes] = {}
        """Name of a file -> what is sent in its place, of the length that was promised."""
        self.refused: set[str] = set()
        """Names of files that are answered with an error of the server."""
        self.cut: dict[str, int] = {}
        """Name of a file -> bytes after which its next answer breaks off."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def hub(repositories: dict[tuple[str, str], Repository]) -> Iterator[Hub]:
    """The server while the block lasts."""
    server = Hub(repositories)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: what was asked is in `asked`."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes = b"") -> None:
        self.server.asked.append(f"{self.command} {unquote(self.path)} {self.headers.get('Range', '')}".strip())
        path = urlsplit(self.path).path
        if path == "/api/whoami-v2":
            self._send(401, {"error": "no token"})
        elif found := _API.fullmatch(path):
            self._about(*(part and unquote(part) for part in found.groups()), body)
        elif found := _FILE.fullmatch(path):
            self._file("datasets" if found[1] else "models", *map(unquote, found.groups()[1:]))
        else:
            self._send(404, {"error": "not found"}, {"X-Error-Code": "RepoNotFound"})

    def _repository(self, kind: str, name: str, revision: str | None) -> Repository | None:
        found = self.server.repositories.get((kind, name))
        if not found:
            self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif revision not in (None, found.commit, *found.branches):
            self._send(404, {"error": f"Invalid rev id: {revision}"}, {"X-Error-Code": "RevisionNotFound"})
        else:
            return found
        return None

    def _about(
        self, kind: str, name: str, what: str | None, revision: str | None, inner: str | None, body: bytes
    ) -> None:
        if not (found := self._repository(kind, name, revision)):
            return
        if what == "paths-info":
            given = self.headers.get("Content-Type", "").startswith("application/json")
            wanted = json.loads(body)["paths"] if given else parse_qs(body.decode())["paths"]
            self._send(200, [_entry(path, found.files[path]) for path in wanted if path in found.files])
        elif what == "tree":
            below = [path for path in found.files if not inner or path.startswith(f"{inner}/")]
            if not below:
                self._send(404, {"error": "not found"}, {"X-Error-Code": "EntryNotFound"})
                return
            deep = parse_qs(urlsplit(self.path).query).get("recursive", [""])[0].lower() in ("true", "1")
            self._send(200, list(_tree(found.files, inner or "", deep=deep)))
        else:
            siblings = [{"rfilename": path, **_facts(content)} for path, content in found.files.items()]
            self._send(200, {
                "id": name, "sha": found.commit, "siblings": siblings, "cardData": dict(found.card), "private": False,
                "gated": False, "disabled": False, "downloads": 1, "likes": 1, "tags": [], "lastModified": MADE_AT,
                "createdAt": MADE_AT,
            })  # fmt: skip

    def _file(self, kind: str, name: str, revision: str, path: str) -> None:
        if not (found := self._repository(kind, name, revision)):
            return
        if path not in found.files:
            self._send(
                404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": found.commit}
            )
            return
        if path in self.server.refused:
            self._send(403, {"error": "not now"})
            return
        content, facts = self.server.changed.get(path, found.files[path]), _facts(found.files[path])
        etag = facts["lfs"]["sha256"] if "lfs" in facts else facts["blobId"]
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": found.commit, "Accept-Ranges": "bytes"}
        if "lfs" in facts:
            headers |= {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{etag}"'}
        status = 200
        if part := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(part[1]), int(part[2] or len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            content, status = content[first : last + 1], 206
        cut = self.server.cut.pop(path, 0) if self.command == "GET" else 0
        self._raw(status, content, "application/octet-stream", headers, cut)

    def _send(self, status: int, answer: object, headers: Mapping[str, str] | None = None) -> None:
        self._raw(status, json.dumps(answer).encode(), "application/json", headers or {})

    def _raw(self, status: int, content: bytes, kind: str, headers: Mapping[str, str], cut: int = 0) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: cut or None])
        self.close_connection = self.close_connection or bool(cut)


def _facts(content: bytes) -> dict[str, object]:
    """Size and digests, as the hub tells them of a sibling."""
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    facts: dict[str, object] = {"size": len(content), "blobId": blob}
    if len(content) >= LARGE:
        facts["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return facts


def _entry(path: str, content: bytes) -> dict[str, object]:
    """The same, as the hub tells them of a path."""
    facts = _facts(content)
    entry = {"type": "file", "path": path, "size": facts["size"], "oid": facts["blobId"]}
    if "lfs" in facts:
        entry["lfs"] = {"oid": facts["lfs"]["sha256"], "size": len(content), "pointerSize": 130}
    return entry


def _tree(files: Mapping[str, bytes], inner: str, *, deep: bool) -> Iterator[dict[str, object]]:
    """Files, and folders, of a folder; with `deep` of those inside, too."""
    start, folders = f"{inner}/" if inner else "", set()
    for path, content in files.items():
        if not path.startswith(start):
            continue
        parts = path.removeprefix(start).split("/")
        for number in range(1, len(parts) if deep else min(len(parts), 2)):
            folder = start + "/".join(parts[:number])
            if folder not in folders:
                folders.add(folder)
                yield {"type": "directory", "path": folder, "size": 0, "oid": "0" * 40}
        if deep or len(parts) == 1:
            yield _entry(path, content)
