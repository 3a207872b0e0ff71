"""Forks: work in children of a process that has everything imported, so that a process costs no seconds to start."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST_SECONDS = 240.0
"""A child that takes longer is killed; on a machine that is shared a run may take a minute."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a child ended: what its work returned, what it said on the terminal, and its exit code (negative: signal)."""

    value: Any
    words: str
    code: int


def in_child(work: Callable[[], Any], seconds: float = LONGEST_SECONDS, kill_after: float | None = None) -> Ended:
    """Do some work in a child; `kill_after` so many seconds it is killed, if it is still there."""
    folder = Path(tempfile.mkdtemp(prefix="child-"))
    pid = os.fork()
    if pid == 0:
        _be_child(work, folder)
    try:
        limit = seconds if kill_after is None else min(seconds, kill_after)
        descriptor = os.pidfd_open(pid)
        if not select.select([descriptor], [], [], limit)[0]:
            os.kill(pid, signal.SIGKILL)
        os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        words = (folder / "words").read_text(encoding="utf-8", errors="replace")
        made = folder / "value"
        return Ended(value=pickle.loads(made.read_bytes()) if made.exists() else None, words=words, code=code)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _be_child(work: Callable[[], Any], folder: Path) -> None:
    """Never returns."""
    code = 1
    try:
        words = os.open(folder / "words", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(words, 1)
        os.dup2(words, 2)
        (folder / "value").write_bytes(pickle.dumps(work()))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Something to try in a folder of its own; the name is for messages."""

    name: str
    work: Callable[[Path], Any]


def each(cases: Iterable[Case], folder: Path, workers: int, until: float) -> Iterator[tuple[Case, Any]]:
    """Try cases in children, several at a time, in any order of their ends; none begins after `until` (monotonic).

    Raises RuntimeError for a case that fails itself.
    """
    waiting, running = list(cases), dict[int, tuple[Case, Path]]()
    number = 0
    try:
        while running or (waiting and time.monotonic() < until):
            while waiting and len(running) < workers and time.monotonic() < until:
                case = waiting.pop(0)
                place = folder / f"case-{number}"
                number += 1
                place.mkdir(parents=True)
                pid = os.fork()
                if pid == 0:
                    _be_case(case, place)
                running[pid] = (case, place)
            for pid in list(running):
                found, status = os.waitpid(pid, os.WNOHANG)
                if not found:
                    continue
                case, place = running.pop(pid)
                try:
                    if status:
                        raise RuntimeError(f"{case.name}:\n{(place / 'words').read_text(errors='replace')[-4000:]}")
                    yield case, pickle.loads((place / "value").read_bytes())
                finally:
                    shutil.rmtree(place, ignore_errors=True)
            time.sleep(0.02)
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _be_case(case: Case, place: Path) -> None:
    """Never returns."""
    _be_child(lambda: case.work(place), place)
