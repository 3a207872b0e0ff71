"""Texts that would be more than text where they are not made plain: from data, errors and names."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from tests.made.records import DATA, intermediate_spec, language_scores, plan_of, record, target_spec
from trainables.ledger.cells import Cell, Row
from trainables.ledger.plan import Plan
from trainables.ledger.record import Finding, Symptom
from trainables.ledger.spec import EncoderRef, Phase
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.ledger.studies import StudyResult, Trial

TEXTS = (
    "[/word]", "[red]x[/]", "[link=http://y]x[/link]", ":smile:", "<script>alert(1)</script>", "<img src=x onerror=y>",
    "</td></table><h1>", "<!-- ", "&lt;b&gt; &#60;", "\x1b[31mred", "\x1b]0;t\x07", "\x9b31m", "\x7f\x08\x00", "| a |",
    "\\", "a\\|b", "$\\input{/etc/passwd}$", "100 %", "\\write18{ls}", "{", "}}", "^^5cinput", "\u202egpj.exe",
    "\u2066x", "\u2028second\u2029third", "one\ntwo\r\nthree", "# heading", "- item", "+ item", "1. item", "> quote",
    "---", "***x***", "__x__", "~~x~~", "~~~", "```", "`x`", "``", "[x](http://y)", "![x](http://y)", "[x]: http://y",
    "<http://y>", "http://y.org www.y.org me@y.org", "    code", "[ ] box", "\udcff\ud800", "=1+1",
    "@SUM(A1)", "x" * 10_000,
)  # fmt: skip
ALL = " ".join(TEXTS[:-1])
"""Every one of them, in one line."""

BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
"""Control characters, line separators and bidirectional overrides, in UTF-8."""


def fill_hostile(root: Path, say: str = ALL) -> tuple[Store, Plan]:
    """A store in which everything that is free text says this, and its plan; with harmless words the same otherwise."""
    store = Store(root).prepare()
    encoder = EncoderRef(name=f"enc {say}", revision=f"rev {say}")
    data = dataclasses.replace(DATA, source=f"src {say}", languages=("en", "de", f"l {say}"))
    parent = dataclasses.replace(intermediate_spec("squad", data=data), encoder=encoder)
    finding = Finding(
        symptom=Symptom.CONSTANT, task="xnli", split="dev", languages=("de", f"l {say}"), text=f"finding {say}"
    )

    def finish(spec, scores=(), **fields):
        made = record(spec, scores, name=f"name {say}", notes=(f"note {say}",))
        store.finish(dataclasses.replace(made, device=f"device {say}", versions={f"lib {say}": f"v {say}"},
            commit=f"commit {say}", seconds={f"stage {say}": 1.0}, **fields))  # fmt: skip
        return spec

    finish(parent)
    for up in ("", parent.run_id):
        for target in ("xnli", "pawsx"):
            scores = language_scores(target, 60.0, only=("en", "de"))
            more = [dataclasses.replace(score, metric=f"metric {say}") for score in scores]
            spec = target_spec(target, parent=up, data=data, encoder=encoder)
            finish(spec, [*scores, *more], findings=(finding,) if target == "xnli" else ())
    failing = target_spec("udpos", parent=parent.run_id, data=data, encoder=encoder)
    store.fail(failing.run_id, f"name {say}", f"reason {say}")
    store.fail("0123456789ab", f"name {say}", f"other reason {say}")
    plan = plan_of(store, (failing, f"name {say}"))
    without = {Cell(*Row("none", False), "udpos", 42): f"no rows {say}"}
    plan = dataclasses.replace(plan, without_data=without, notes=(f"plan note {say}",), sweep="")
    store.save_plan(plan)
    trial = Trial(
        number=0, params={f"param {say}": 1.0}, run_id=parent.run_id, state=State.FAILED, reason=f"trial {say}"
    )
    store.save_studies([StudyResult(
        node=parent.run_id, name=f"study {say}", row=Row("squad", False), phase=Phase.INTERMEDIATE, tasks=("squad",),
        mlm=False, seed=42, winner=parent.run_id, gain=None, importances={f"param {say}": 0.5}, trials=(trial,),
    )])  # fmt: skip
    return store, plan
