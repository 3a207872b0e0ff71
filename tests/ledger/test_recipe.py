"""Recipes as text: one way to write each, and errors that point at the place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.ledger.cells import Row
from trainables.ledger.recipe import (
    Method,
    MethodKind,
    Recipe,
    RecipeError,
    Stage,
    parse_recipe,
    recipe_of,
)

WRITTEN = {
    "none": "none",
    "squad": "squad",
    "qqp+mlm": "qqp+mlm",
    "panx@en": "panx",
    "panx@sw+de+sw": "panx@de+sw",
    "panx@sw:1000": "panx@sw:1000",
    "panx@sw:200steps:1000": "panx@sw:1000:200steps",
    "mlm@sw+am": "mlm@am+sw",
    "mlm@en": "mlm@en",
    "qqp+mlm@sw": "qqp+mlm@sw",
    "panx@de+sw+mlm": "panx@de+sw+mlm",
    " squad + mlm > panx @ de ": "squad+mlm>panx@de",
    "qqp/adapter48": "qqp/adapter",
    "mlm@sw/adapter>qqp/lora16": "mlm@sw/adapter>qqp/lora16",
}

WRONG = {
    "": (1, "an empty stage"),
    "squad>": (7, "an empty stage"),
    "none>squad": (1, "stands alone"),
    "panx@": (6, "allowed after @"),
    "panx@@sw": (6, "allowed after @"),
    "panx@sw,am": (8, "',am' cannot stand here"),
    "panx:0": (6, "allowed after a colon"),
    "panx:10:5": (9, "allowed after a colon"),
    "panx:10rows": (6, "allowed after a colon"),
    "qqp/lor": (5, "did you mean 'lora'"),
    "qqp/lora0": (5, "unknown method 'lora0'"),
    "qqp+sw": (5, "allowed after +"),
    "mlm+mlm": (1, "cannot have mlm beside it"),
    "qqp+mlm+mlm": (8, "'+mlm' cannot stand here"),
    "panx@sw+mlm:10": (12, "':10' cannot stand here"),
    "squad>panx@de>squad": (15, "a loop"),
}


@pytest.mark.parametrize(("text", "canonical"), WRITTEN.items())
def test_there_is_one_way_to_write_a_recipe(text: str, canonical: str) -> None:
    assert str(parse_recipe(text)) == canonical
    assert parse_recipe(canonical) == parse_recipe(text)


@pytest.mark.parametrize(("text", "place", "what"), [(text, *found) for text, found in WRONG.items()])
def test_an_error_points_at_the_place(text: str, place: int, what: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    said, shown, mark = str(caught.value).split("\n")
    assert f"at character {place}:" in said
    assert what in said
    assert shown == f"  {text}"
    assert mark.index("^") - 2 == place - 1


def test_rows_of_the_paper_are_recipes() -> None:
    assert parse_recipe("none") == Recipe()
    for row in (Row("none", False), Row("squad", False), Row("multitask", True)):
        assert recipe_of(row).row == row
        assert recipe_of(row).is_plain
    assert parse_recipe("squad>panx@de+mlm").row == Row("squad>panx@de", True)
    assert parse_recipe("qqp+mlm/lora").row == Row("qqp+mlm/lora", False)
    assert not parse_recipe("panx@sw").is_plain
    assert not parse_recipe("mlm@sw").is_plain


def test_a_chain_knows_the_encoders_on_its_way() -> None:
    assert [str(parent) for parent in parse_recipe("squad>panx@de>qqp+mlm").parents] == ["squad", "squad>panx@de"]
    assert parse_recipe("squad").parents == ()


NAMES = st.sampled_from(["squad", "my-task_2", "a.b", "MLQA"])
CODES = st.lists(st.sampled_from(["en", "sw", "zh-Hans", "am"]), max_size=3).map(tuple)
METHODS = st.none() | st.builds(Method, kind=st.sampled_from(MethodKind), size=st.integers(1, 99999))


@st.composite
def stages(draw: st.DrawFn) -> Stage:
    mlm = draw(st.booleans())
    task = draw(NAMES) if mlm else draw(NAMES | st.just("mlm"))
    return Stage(
        task=task, languages=draw(CODES), rows=draw(st.integers(0, 10**8)), steps=draw(st.integers(0, 10**8)),
        mlm=mlm, mlm_languages=draw(CODES) if mlm else (), method=draw(METHODS),
    )  # fmt: skip


@given(st.lists(stages(), max_size=4, unique=True).map(tuple))
def test_what_is_written_is_read_again(found: tuple[Stage, ...]) -> None:
    recipe = Recipe(stages=found)
    assert parse_recipe(str(recipe)) == recipe
    assert recipe_of(recipe.row) == recipe
