"""Sentence pairs that mean the same or not: Quora questions (English) and PAWS-X (its seven languages)."""

import json
from functools import partial
from pathlib import Path
from random import Random

from trainables.data.demo.lexicon import Lexicon, load_lexicon
from trainables.data.demo.meanings import distinct, draw_gift, draw_journey
from trainables.data.demo.nli import Statement
from trainables.data.demo.sentences import realise

_QUESTIONS_FILE = Path(__file__).parent / "english" / "questions.json"
Pair = tuple[Statement, Statement, int]


def qqp_rows(*counts: int) -> list[list[dict]]:
    """Splits of `nyu-mll/glue` qqp, half duplicates.

    A duplicate asks the same in other words; the others differ in the topic, or ask something else about the topic.
    """
    table = json.loads(_QUESTIONS_FILE.read_text(encoding="utf-8"))
    rng = Random("qqp")
    seen: set = set()
    splits = []
    for count in counts:
        rows = []
        for number in range(count):
            label = number % 2
            [(left, right)] = distinct(partial(_question_pair, rng, table, label), 1, seen, frozenset)
            rows.append({"question1": left, "question2": right, "label": label, "idx": number})
        splits.append(rows)
    return splits


def paws_pairs(seed: str, *counts: int) -> list[list[Pair]]:
    """Splits of pairs that share nearly all words; label 1 where only the order differs, 0 where the roles do.

    The first sentence is always the plain one. Half of the pairs with other roles keep its word order too, which no
    paraphrase does: word order alone is worth three in four, the rest needs a look at who did what.
    """
    rng = Random(f"paws {seed}")
    seen: set = set()
    splits = []
    for count in counts:
        split: list[Pair] = []
        for number in range(count):
            label = number % 2
            split += distinct(partial(_paws_pair, rng, label), 1, seen)
        splits.append(split)
    return splits


def paws_rows(pairs: list[Pair], language: str) -> list[dict]:
    """Rows of `google/xtreme` PAWS-X, where the label is a string."""
    lexicon = load_lexicon(language)
    return [
        {"sentence1": _text(lexicon, left), "sentence2": _text(lexicon, right), "label": str(label)}
        for left, right, label in pairs
    ]


def _text(lexicon: Lexicon, statement: Statement) -> str:
    return realise(lexicon, *statement).text


def _question_pair(rng: Random, table: dict, label: int) -> tuple[str, str]:
    intent = rng.choice(table["intents"])
    topics = table["topics"][intent["topic"]]
    topic = rng.choice(topics)
    left, right = rng.sample(intent["asked"], 2)
    if label == 1:
        return left.format(topic), right.format(topic)
    if rng.random() < 0.5:
        other = rng.choice([candidate for candidate in topics if candidate != topic])
        return left.format(topic), rng.choice((left, right)).format(other)
    [sister] = [one for one in table["intents"] if one["topic"] == intent["topic"] and one is not intent]
    return left.format(topic), rng.choice(sister["asked"]).format(topic)


def _paws_pair(rng: Random, label: int) -> Pair:
    event = rng.choice((draw_gift, draw_journey))(rng)
    swapped = (
        event.but(subject=event.recipient, recipient=event.subject)
        if event.kind == "gift"
        else event.but(origin=event.destination, destination=event.origin)
    )
    if label == 1:
        return (event, ""), (event, "alt"), 1
    return (event, ""), (swapped, rng.choice(("", "alt"))), 0
