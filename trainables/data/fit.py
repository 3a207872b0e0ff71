"""Fit: what of the rows does not fit into the declared length, and which answers are not where they should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trainables.data.findings import Check, Finding, Problem, Remark
from trainables.tasks.examples import Example
from trainables.tasks.formats.base import Head, Tokenizer
from trainables.tasks.formats.span import LONGEST_QUESTION, span_examples
from trainables.tasks.formats.tokens import token_ids
from trainables.tasks.sampling import spread
from trainables.tasks.task import Split, Task

MOST = 20_000
"""Examples that are looked at, of each split and language: tokenising all of a large task takes minutes."""
_UNKNOWN = 0.01
"""Part of the sub-words that may be unknown without a remark."""
_UNCUT = 1 << 20
"""Sub-words: longer than any text."""
_UNBOUNDED = 1_000_000
"""What tokenizers give for the longest input of their encoder where nobody has said it is more than this."""


def encoder_fit(task: Task, tokenizer: Tokenizer) -> Iterator[Finding]:
    """Whether the declared length is one that the encoder takes, as far as its tokenizer says it."""
    longest = getattr(tokenizer, "model_max_length", _UNBOUNDED)
    if task.max_length > longest and longest < _UNBOUNDED:
        said = f"max_length is {task.max_length:,}, but the encoder takes {longest:,} sub-words at most"
        yield Problem(check=Check.DECLARATION, text=said)


def row_fit(
    task: Task, split: Split, language: str, examples: Sequence[Example], tokenizer: Tokenizer
) -> Iterator[Finding]:
    """How many examples are cut, or read in several parts; of questions, those without their answer in the context.

    Of many rows some are looked at, spread evenly.
    """
    some = f" ({MOST:,} of {len(examples):,} rows were looked at)" if len(examples) > MOST else ""
    examples = [examples[place] for place in spread(len(examples), MOST)]

    def remark(check: Check, text: str) -> Remark:
        return Remark(check=check, text=f"{text}{some}", split=split, language=language)

    uncut = task.format.encode(examples, tokenizer, _UNCUT, training=False).sequences
    lengths = uncut.lengths
    unknown = (uncut.used == tokenizer.unk_token_id).mean() if len(uncut.used) else 0.0
    if unknown >= _UNKNOWN:
        yield remark(Check.INPUTS, f"{unknown:.1%} of the sub-words are unknown to the tokenizer")
    longer = int((lengths > task.max_length).sum())
    if longer:
        fate = _FATES.get(task.format.head, "are cut")
        many = f"{longer:,} of {len(lengths):,} inputs"
        said = f"{many} are longer than {task.max_length:,} sub-words and {fate}; the longest has {lengths.max():,}"
        yield remark(Check.LENGTHS, said)
    if task.format.head is not Head.SPAN:
        return
    questions = token_ids(tokenizer, [example.question for example in span_examples(examples)])
    if cut := sum(len(ids) > LONGEST_QUESTION for ids in questions):
        yield remark(Check.LENGTHS, f"{cut:,} questions are longer than {LONGEST_QUESTION} sub-words and are cut")
    encoded = task.format.encode(examples, tokenizer, task.max_length, training=True)
    if encoded.skipped:
        fate = "training leaves them out" if split is Split.TRAIN else "no prediction of these can be right"
        said = f"of {encoded.skipped:,} of {len(examples):,} questions the first answer is not in the context; {fate}"
        yield remark(Check.ANSWERS, said)
    if encoded.repaired:
        said = f"{encoded.repaired:,} answers are not at their offset; the place before it that has the words is taken"
        yield remark(Check.ANSWERS, said)


_FATES = {
    Head.TAGGING: "are read in pieces, each word once",
    Head.SPAN: "are read in windows that overlap",
}
"""What becomes of long inputs, where they are not cut."""
