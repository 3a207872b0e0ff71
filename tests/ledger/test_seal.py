"""Sealed JSON: what was written comes back, and nothing else passes for it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.ledger.seal import SealError, sealed, unsealed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.text().filter(lambda name: name not in ("digest", "format")), VALUES, max_size=5)
INDENTS = st.sampled_from([None, 1, 2])


@given(FIELDS, INDENTS)
def test_what_was_sealed_comes_back(fields, indent):
    text = sealed({"format": 2, **fields}, indent=indent)
    assert unsealed(text, range(1, 3), sealed_since=2) == {"format": 2, **fields}


@given(FIELDS, INDENTS, st.data())
def test_a_changed_character_is_noticed(fields, indent, data):
    text = sealed({"format": 2, **fields}, indent=indent)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != text[place]))
    with pytest.raises(ValueError, match=r".*"):
        unsealed(text[:place] + other + text[place + 1 :], range(1, 3), sealed_since=2)


@pytest.mark.parametrize("tail", [" ", "\n", "\n\n", "x", ',\n "digest": "0"\n}'])
def test_nothing_may_follow(tail):
    with pytest.raises(ValueError, match=r".*"):
        unsealed(sealed({"format": 2}) + tail, range(1, 3), sealed_since=2)


def test_a_digest_in_the_middle_is_not_the_seal():
    text = sealed({"format": 2, "a": 1}, indent=1)
    fields = json.loads(text)
    moved = json.dumps({"digest": fields["digest"], "format": 2, "a": 1}, indent=1)
    with pytest.raises(SealError, match="damaged"):
        unsealed(moved, range(1, 3), sealed_since=2)


def test_formats_before_seals_are_read_without_one():
    assert unsealed('{"format": 1, "a": 2}', range(1, 3), sealed_since=2) == {"format": 1, "a": 2}


@pytest.mark.parametrize(
    "text", ["[]", "7", "null", '"x"', "{}", '{"format": true}', '{"format": "1"}', '{"format": 9}']
)
def test_what_is_no_object_of_a_known_format_is_refused(text):
    with pytest.raises(ValueError, match=r"object|format .*this version reads 1 to 2"):
        unsealed(text, range(1, 3), sealed_since=2)
