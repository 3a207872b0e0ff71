"""What help says of the programs and their commands."""

from __future__ import annotations

from collections.abc import Iterable

SUMMARIES = {
    "run": "compute what is missing of a sweep, show Table 2, write the report",
    "plan": "say what `run` would do: cells, runs, what is done, what lacks data, work and disk",
    "simulate": "run a sweep on paper: on which GPUs, with which failures, how long",
    "status": "where a sweep stands, from its store alone",
    "tasks": "the tasks, and the rows that --data has for them; checks tasks of your own",
    "search": "search the settings of some tasks without a grid; ends with YAML that `run` takes",
    "advise": "rank candidate rows for a target before anything is trained, and say how good that is",
    "report": "the report again, from the records of a store alone",
    "submission": "the selected models' test predictions in the layout of XTREME",
    "compare": "what changed between two stores beyond chance, on dev",
    "examples": "which rows an intermediate task fixed or broke, as a table and a page",
    "check": "read all that a store holds, and say what is sound",
    "export": "a model of a store as a folder for transformers, with a model card",
    "predict": "predictions of an exported model on rows of your own",
    "fetch": "rows and encoder of a sweep into a folder, for nodes without network",
    "doctor": "whether every node has what a sweep needs, and what to do where not",
}

_SWEEP = """\
Without any option the sweep is the demo: the built-in corpus and a small encoder, minutes on two cores. With options
but neither --preset nor --config, everything not said is as published: XLM-R Large, data from the hub, Tables 3 and 4.
"""

DESCRIPTIONS = {
    "run": f"Compute what is missing of a sweep, then show Table 2 and write the report.\n\n{_SWEEP}",
    "plan": f"Say what `run` would do: cells, runs, what is done, what lacks data, work and disk.\n\n{_SWEEP}",
    "simulate": f"""\
Run a sweep on paper: on clusters that need not exist, with failures, lost nodes and wrong estimates, by the very graph
that `run` drives. Computes and writes nothing. Of --store alone it takes what is left of the sweep there.

{_SWEEP}""",
    "status": "Where a sweep stands, from its store alone: neither data nor Ray are needed.",
    "tasks": """\
The tasks, their sources, the rows that --data has for them, and an example of each.

With --check FILE the tasks of a file of your own: whether what each says of itself is what its rows give, what its rows
have that figures suffer from, and its first examples as the model sees them. A .py file is executed.
""",
    "fetch": """\
Bring all rows and the encoder of a sweep into a folder that --data and --encoder take: from the hub, or from a folder
that mirrors it. The same command goes on where it was interrupted. Ends with the command that runs the sweep
from there.
""",
    "doctor": """\
Ask every node of the cluster (without --address this machine) whether rows, encoder, store, space, versions, GPUs,
clocks and limits are as the sweep of these options needs them, and say of each fault what to do. Computes nothing.
""",
    "search": """\
Search learning rates, epochs and what else has a range (search.ranges) for some tasks, each by the English dev figure
of its own task; ends with YAML that --config of a run takes.
""",
}

_CODES = "exit codes: 0 every cell done (or without data), 1 some failed or blocked, 2 bad input, 130 interrupted\n"

EXAMPLES = {
    "run": f"""\
examples:
  {{program}}                              the demo
  {{program}} --data DIR --encoder bundled:6 --intermediates none,qqp --mlm off,on --targets xnli,udpos
  {{program}} --config sweep.yaml --set target.learning_rate=5e-5 --set intermediate.tasks.qqp.epochs=1

{_CODES}""",
    "tasks": """\
examples:
  {program} --data DIR
  {program} --check tasks.yaml
  {program} --check tasks.py --data DIR --encoder xlm-roberta-base

exit codes: 0 shown, or no task of FILE has a problem, 1 one has, 2 bad input
""",
    "fetch": """\
examples:
  {program} --preset paper --out DIR --dry-run       how much it is
  {program} --preset paper --out DIR
  {program} --preset paper --data MIRROR --encoder FOLDER --out DIR

exit codes: 0 all is there, 1 something did not come, 2 bad input, 130 interrupted
""",
    "doctor": """\
examples:
  {program} --preset paper --data DIR --encoder DIR/encoders/NAME --store STORE --address auto
  {program} --json ...        for programs

exit codes: 0 nothing is wrong but for warnings, 1 something is, 2 bad input
""",
    "simulate": """\
examples:
  {program} --preset paper --gpus 8,16,64                          how long, how busy
  {program} --preset paper --gpus 16 --lose-node 2h --fail squad+mlm
  {program} --preset paper --gpus 16 --node-life 3d --node-back 1h --wrong-by 1.5
  {program} --store results/demo --replay --nodes 4                the sweep of a store, on four such machines

exit codes: 0 simulated, whatever came of it, 2 bad input
""",
    "search": """\
examples:
  {program} --phase intermediate --tasks squad,qqp --trials 12 --data DIR --encoder bundled:6
  {program} --phase target --tasks xnli --set search.ranges.target.epochs=fixed
  {program} --phase intermediate --tasks squad,qqp --hours 20 ...  spread by cost and expected gain
  {program} --phase target --tasks xnli --trials 20 --set search.pruning=median
  xstilts run --config results/search/best.yaml ...                with what was found
""",
}
"""By command."""


def overview(program: str, commands: Iterable[str], default: str) -> str:
    """What a program is, its commands and some examples."""
    listed = "\n".join(f"  {command:<11} {SUMMARIES[command]}" for command in commands)
    without = f"; without a command: {default}" if default else ""
    return f"""\
Which English task should an encoder train on first? Runs the grid of intermediate-task training and zero-shot
cross-lingual evaluation (Phang et al. 2020).

commands (`{program} COMMAND --help` shows the options of one{without}):
{listed}

examples:
  {program} run                          the demo
  {program} plan --preset paper          what the paper's grid costs
  {program} run --data DIR --encoder bundled:6 --intermediates none,qqp --mlm off,on --targets xnli,udpos

{_CODES}"""
