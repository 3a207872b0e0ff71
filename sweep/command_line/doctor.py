"""The command `doctor`: whether every node has what a sweep needs. Writes nothing but a probe that it removes."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console

from search_spaces.config import SweepConfig
from sweep.cluster.errors import RayError
from sweep.cluster.sockets import check_sockets
from sweep.command_line.requirements import Requirements, requirements_of
from sweep.command_line.setup import configured
from sweep.planning.preflight.facts import Answer, Facts
from sweep.planning.preflight.finding import Finding, Level, problem
from sweep.planning.preflight.judgement import environment_of, judge
from sweep.planning.preflight.look import look
from sweep.planning.preflight.probe import probe
from sweep.planning.preflight.question import Question
from sweep.terminal.diagnosis import lines, summary

JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set by Ray in the entry point of a submitted job, whose cluster is the one."""
HERE = "here"


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What was asked of whom, and what came back; `here` is this machine."""

    question: Question
    here: Facts
    answers: tuple[Answer, ...]
    findings: tuple[Finding, ...] = ()


def doctor(given: argparse.Namespace, console: Console) -> int:
    """Look at all nodes; returns 0 where nothing is wrong but for warnings, 1 where something is."""
    config = configured(given, Console(stderr=True) if given.json else console)
    needs = requirements_of(config, digests=given.digests)
    seen = _examined(config, needs)
    facts = {answer.node: answer.facts for answer in seen.answers if answer.facts}
    findings = [
        *needs.findings,
        *seen.findings,
        *judge(seen.question, needs.wants, seen.here, seen.answers),
        *environment_of(facts),
    ]
    is_good = all(each.level is not Level.PROBLEM for each in findings)
    if given.json:
        console.file.write(_as_json(findings, facts, is_good=is_good) + "\n")
        return 0 if is_good else 1
    for line in lines(findings):
        console.print(line, soft_wrap=True)
    console.print(summary(findings, len(seen.answers)))
    return 0 if is_good else 1


def _examined(config: SweepConfig, needs: Requirements) -> Examined:
    """Ask this machine, and all nodes where there is a cluster, with a probe at the store if one can be written."""
    if needs.question.bucket:
        return _ask(config, needs.question)
    try:
        with probe(needs.store) as made:
            asked = dataclasses.replace(needs.question, probe=str(made.file), token=made.token, lock=str(made.lock))
            return _ask(config, asked)
    except OSError as error:
        text = f"{error.filename or needs.store}: {error.strerror or error}"
        found = problem("store", "", text, "make room, give the right to write, or give another --store")
        seen = _ask(config, needs.question)
        return dataclasses.replace(seen, findings=(found, *seen.findings))


def _ask(config: SweepConfig, question: Question) -> Examined:
    here = look(question)
    alone = (Answer(node=HERE, facts=here),)
    if not config.cluster.address and JOB_VARIABLE not in os.environ:
        try:
            check_sockets()
        except RayError as error:
            found = problem("temporary files", HERE, str(error), "export RAY_TMPDIR=/tmp")
            return Examined(question=question, here=here, answers=alone, findings=(found,))
        return Examined(question=question, here=here, answers=alone)
    from sweep.cluster.examination import examine  # imports Ray, which takes seconds

    try:
        answers = tuple(examine(config.cluster.address, question))
    except RayError as error:
        found = problem("cluster", "", str(error), "start it, or leave --address out; this machine alone was looked at")
        return Examined(question=question, here=here, answers=alone, findings=(found,))
    return Examined(question=question, here=here, answers=answers)


def _as_json(findings: list[Finding], facts: Mapping[str, Facts], *, is_good: bool) -> str:
    told = {
        "good": is_good,
        "findings": [dataclasses.asdict(each) for each in findings],
        "nodes": {node: dataclasses.asdict(each) for node, each in facts.items()},
    }
    return json.dumps(told, indent=1, ensure_ascii=False)
