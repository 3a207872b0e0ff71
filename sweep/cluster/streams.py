"""Where Ray's messages go while a sweep runs: into a file, also those that its C++ core writes by itself."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from trainables.ledger.plain import PlainFormatter


@contextlib.contextmanager
def quiet(log_file: Path) -> Iterator[None]:
    """Send the messages of Ray and Tune, and what else is written to the error stream, to a file.

    Warnings of other loggers still reach the error stream of before.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with _own_error_stream(log_file) as stream, _warnings_to(stream), _ray_to(log_file):
        yield


@contextlib.contextmanager
def _own_error_stream(log_file: Path) -> Iterator[TextIO]:
    """Have descriptor 2 write to a file; the stream that it was. Subprocesses and C++ know only the descriptor."""
    try:
        before = os.dup(2)
    except OSError:  # closed, as it may be in a service
        yield sys.stderr
        return
    with log_file.open("ab") as file, os.fdopen(before, "w", buffering=1) as stream:
        sys.stderr.flush()
        os.dup2(file.fileno(), 2)
        try:
            yield stream
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)


@contextlib.contextmanager
def _warnings_to(stream: TextIO) -> Iterator[None]:
    """What Python does with warnings that no logger handles, on another stream."""
    before = logging.lastResort
    logging.lastResort = logging.StreamHandler(stream)
    logging.lastResort.setLevel(logging.WARNING)
    logging.lastResort.setFormatter(PlainFormatter("%(message)s"))
    try:
        yield
    finally:
        logging.lastResort = before


@contextlib.contextmanager
def _ray_to(log_file: Path) -> Iterator[None]:
    handler = logging.FileHandler(log_file)  # opened here: a word to Ray's log ends no sweep whose store is away
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("ray")
    before, propagate = list(logger.handlers), logger.propagate
    logger.handlers, logger.propagate = [handler], False
    tune_logger = logging.getLogger("ray.tune")
    tune_before = list(tune_logger.handlers)
    tune_logger.handlers = []
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before, propagate
        tune_logger.handlers = tune_before
        handler.close()
