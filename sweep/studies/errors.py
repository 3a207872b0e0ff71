"""What can be wrong with a study."""

from __future__ import annotations


class StudyError(RuntimeError):
    """A study that cannot go on: its journal cannot be opened or is of another sweep, or a package is missing."""
