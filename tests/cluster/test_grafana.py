"""The dashboard of Grafana shows what is exported, and all of it; tests/ray/test_watching.py reads what is exported."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sweep.cluster.gauges import GAUGES

FILE = Path(__file__).parents[2] / "deploy" / "grafana" / "xstilts.json"


@pytest.fixture
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_every_gauge_is_shown_and_nothing_else(dashboard: dict[str, Any]) -> None:
    named = {name for text in expressions(dashboard) for name in re.findall(r"\b(ray_\w+)", text)}
    assert named == {f"ray_{name}" for name in GAUGES}
    assert dashboard["templating"]["list"][1]["definition"] == "label_values(ray_xstilts_fraction, sweep)"


def test_labels_are_those_of_the_gauges(dashboard: dict[str, Any]) -> None:
    """Labels that Ray adds, of the process, are others after each start of a driver: they must not be lines."""
    for text in expressions(dashboard):
        found = re.fullmatch(r'max by \((sweep|sweep, state)\) \((\w+)\{sweep=~"\$sweep"\}\)', text)
        assert found, text
        assert (found[1] == "sweep, state") is (found[2] == "ray_xstilts_runs")


def test_panels_ask_the_chosen_source_and_lie_beside_each_other(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [each["name"] for each in dashboard["templating"]["list"]] == ["datasource", "sweep"]
    for one, other in itertools.combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below
        assert one["x"] + one["w"] <= 24
