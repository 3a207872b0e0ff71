"""The command line of a sweep whose rows and encoder were fetched."""

from __future__ import annotations

import argparse
from pathlib import Path

from search_spaces.config import SweepConfig
from sweep.command_line.configuration import starts_as_published
from sweep.command_line.options import OPTIONS_OF, attribute
from trainables.data.hub import DEMO
from trainables.model.names import DEFAULT_REVISION

_REPLACED = ("--preset", "--config", "--data", "--encoder", "--set", "--debug")


def offline_words(given: argparse.Namespace, config: SweepConfig, folder: Path, encoder: str) -> list[str]:
    """The words after `xstilts` that run the same sweep from a folder; `encoder` is the path of its own inside.

    A configuration file is expected in the folder under its name.
    """
    words = ["run", *_base(given, folder)]
    for option in OPTIONS_OF["run"]:
        value = None if option in _REPLACED else getattr(given, attribute(option))
        for each in value if isinstance(value, list) else [value] * bool(value):
            words += [option] if each is True else [option, str(each)]
    data = config.data.source if config.data.source == DEMO else str(folder)
    words += ["--data", data, "--encoder", str(folder / encoder)]
    instead = {f"data.raw.{name}": "''" for name in config.data.raw.folders}
    if config.encoder.revision != DEFAULT_REVISION:
        instead["encoder.revision"] = DEFAULT_REVISION
    gone = {"data.source", "encoder.name", *instead}
    sets = [text for text in given.set if text.partition("=")[0].strip() not in gone]
    sets += [f"{field}={value}" for field, value in instead.items()]
    return [*words, *(word for text in sets for word in ("--set", text))]


def _base(given: argparse.Namespace, folder: Path) -> list[str]:
    """What the sweep starts from, said where it was not: `--data` alone would make it the published one."""
    if given.config:
        return ["--config", str(folder / given.config.name)]
    if given.preset:
        return ["--preset", given.preset]
    return [] if starts_as_published(given) else ["--preset", "demo"]
