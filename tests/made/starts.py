"""Commands that are refused before a sweep starts, and the least that is not."""

from __future__ import annotations

from pathlib import Path

from sweep.grid import main

TATOEBA = "google/xtreme/tatoeba.deu/validation"
SENTENCES = {"source_sentence": ["Ja.\n", "Nein.\n"], "target_sentence": ["Yes.\n", "No.\n"]}
GRID = ["--targets", "tatoeba", "--intermediates", "none"]


def refused(words, capsys):
    """What is said of a command that ends with 2 and leaves nothing behind."""
    before = sorted(Path().iterdir())
    assert main(words) == 2
    assert sorted(Path().iterdir()) == before
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said.replace("\n", " ")
