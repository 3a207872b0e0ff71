"""Made-up rows for the guide to tasks of one's own: sentences in columns as of CoNLL, questions in SQuAD's JSON."""

from __future__ import annotations

import json
import random
from pathlib import Path

NAMES = ("Amina", "Musa", "Anna", "Ben", "Cara", "Eve")
PLACES = ("Kano", "Lagos", "Paris", "Oslo")
VERBS = {"en": ("visited", "left", "likes"), "ha": ("ya ziyarta", "ya bar", "yana son"), "yo": ("lọ si", "fi silẹ")}


def write_sentences(path: Path, language: str, rows: int) -> None:
    """Named entities; no two files share a sentence."""
    drawn = random.Random(path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = []
    for number in range(rows):
        verb = [(word, "O") for word in drawn.choice(VERBS[language]).split()]
        last = (f"{path.name}{number}", "O")
        words = [(drawn.choice(NAMES), "B-PER"), *verb, (drawn.choice(PLACES), "B-LOC"), last]
        blocks.append("".join(f"{word} {tag}\n" for word, tag in words))
    path.write_text("\n".join(blocks), encoding="utf-8")


def write_questions(path: Path, first_year: int, rows: int) -> None:
    """Questions on contexts of one sentence."""
    drawn = random.Random(path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    paragraphs = []
    for number in range(rows):
        name, place = drawn.choice(NAMES), drawn.choice(PLACES)
        context = f"{name} went to {place} in {first_year + number}."
        answer = {"text": place, "answer_start": context.index(place)}
        asked = {"id": f"{path.stem}-{number}", "question": f"Where did {name} go?", "answers": [answer]}
        paragraphs.append({"context": context, "qas": [asked]})
    path.write_text(json.dumps({"version": "1.1", "data": [{"title": "Travels", "paragraphs": paragraphs}]}))


def write_all(folder: Path) -> None:
    """The files that the guide's YAML names."""
    for language, splits in {"en": ("train", "dev", "test"), "ha": ("train", "test"), "yo": ("test",)}.items():
        for split in splits:
            path = folder / "ner" / f"{language}.{split}.conll"
            write_sentences(path, language, 150 if split == "train" else 30)
    write_questions(folder / "qa" / "train.json", 1500, 120)
    write_questions(folder / "qa" / "dev.json", 1900, 30)
