"""Notes of a run, and the signature of the files that people may change: no byte changes without a word."""

from __future__ import annotations

import hashlib

import pytest

from trainables.ledger import notes
from trainables.ledger.signature import is_as_signed, signed
from trainables.ledger.store import Store

NOTE = {"name": "none -> xnli #42", "reason": "ValueError: 3 rows", "diverged": True}


def changed_bits(content: bytes):
    for place in range(8 * len(content)):
        other = bytearray(content)
        other[place // 8] ^= 1 << place % 8
        yield bytes(other)


def test_no_changed_bit_of_a_note_passes():
    written = notes.to_json(NOTE)
    assert notes.from_json(written) == {"format": 1, **NOTE}
    for other in changed_bits(written.encode()):
        with pytest.raises(ValueError):
            notes.from_json(other.decode())


@pytest.mark.parametrize("changed", [b"3 rows", b"diverged", b"format"])
def test_a_changed_reason_is_not_shown(tmp_path, changed):
    store = Store(tmp_path).prepare()
    store.fail("ab", NOTE["name"], NOTE["reason"], diverged=True)
    assert store.failure("ab") == NOTE["reason"]
    assert store.diverged("ab")
    path = tmp_path / "runs" / "ab" / "failure.json"
    path.write_bytes(path.read_bytes().replace(changed, bytes([changed[0] ^ 1]) + changed[1:]))
    assert store.failure("ab") == "an attempt failed; its note cannot be read"
    assert not store.diverged("ab")


def test_a_note_of_damage_that_cannot_be_read_says_what_to_do(tmp_path):
    (tmp_path / "runs" / "ab").mkdir(parents=True)
    (tmp_path / "runs" / "ab" / "damage.json").write_text("{")
    assert Store(tmp_path).damage("ab").endswith("Compute it again: the same `run` with --recompute ab")


def test_what_befell_attempts_is_not_shown_changed(tmp_path):
    store = Store(tmp_path).prepare()
    store.note_attempt("ab", "the worker was lost")
    path = tmp_path / "runs" / "ab" / ".work" / "attempts.json"
    path.write_bytes(path.read_bytes().replace(b"lost", b"last"))
    assert store.attempts("ab") == ("an earlier attempt was lost; its note cannot be read",)


def test_notes_of_earlier_versions_are_read(tmp_path):
    folder = tmp_path / "runs" / "ab"
    (folder / ".work").mkdir(parents=True)
    (folder / "failure.json").write_text('{"name": "a", "reason": "labels are missing", "diverged": true}')
    (folder / "damage.json").write_text('{"name": "a", "reason": "a file is gone"}')
    (folder / ".work" / "attempts.json").write_text('["lost once"]')
    store = Store(tmp_path)
    assert (store.failure("ab"), store.damage("ab")) == ("labels are missing", "a file is gone")
    assert store.diverged("ab")
    assert store.attempts("ab") == ("lost once",)


def test_no_changed_bit_of_a_signed_text_passes():
    text = "grid:\n  seeds: [42]\n"
    written = signed(text)
    above = written[: written.rindex("# SHA-256")]
    assert above.endswith(text)
    assert hashlib.sha256(above.encode()).hexdigest() in written.splitlines()[-1]
    assert is_as_signed(written)
    for other in changed_bits(written.encode()):
        assert not is_as_signed(other.decode(errors="replace"))


@pytest.mark.parametrize("kept", range(30, 110, 7))
def test_a_signed_text_that_was_cut_is_noticed(kept):
    assert not is_as_signed(signed("grid:\n  seeds: [42]\n")[:kept])


@pytest.mark.parametrize("text", ["", "a: 1", "a: 1\n", "a: 1\n# a comment\n", "# only a comment"])
def test_a_text_without_a_signature_may_be_anything(text):
    assert is_as_signed(text)


@pytest.mark.parametrize("change", [("42", "43"), ("[42]\n", "[42]\nname: x\n"), ("grid", "# grid")])
def test_a_changed_text_with_its_signature_is_noticed(change):
    assert not is_as_signed(signed("grid:\n  seeds: [42]\n").replace(*change))
