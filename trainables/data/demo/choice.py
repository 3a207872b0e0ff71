"""Multiple choice in English: CommonsenseQA, HellaSwag and Cosmos QA from tables in `english/`."""

import json
from hashlib import sha1
from pathlib import Path
from random import Random

from trainables.data.demo.lexicon import load_lexicon
from trainables.data.demo.meanings import distinct

_TABLES = Path(__file__).parent / "english"
_LETTERS = "ABCDE"
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NO_ANSWER = "None of the above choices ."


def commonsense_rows(*counts: int) -> list[list[dict]]:
    """Splits of `tau/commonsense_qa`: where something is, what it is for, what it is.

    Distractors are answers to the same relation for other concepts. No question of one split is in another.
    """
    table = _load("commonsense.json")
    rng = Random("commonsense")
    questions = [
        (relation, concept, asked)
        for relation in table
        for concept in relation["answers"]
        for asked in relation["asked"]
    ]
    rng.shuffle(questions)
    held_out = iter(questions)
    pools = [[next(held_out) for _ in range(len(questions) * count // sum(counts))] for count in counts]
    return [
        [_commonsense_row(rng, *pool[number % len(pool)]) for number in range(count)]
        for count, pool in zip(counts, pools, strict=True)
    ]


def hellaswag_rows(*counts: int) -> list[list[dict]]:
    """Splits of `Rowan/hellaswag`: the end that belongs to the beginning, among ends of other activities."""
    table = _load("stories.json")
    rng = Random("hellaswag")
    seen: set = set()
    return [
        [
            row | {"ind": number}
            for number, row in enumerate(
                distinct(lambda: _hellaswag_row(rng, table), count, seen, lambda row: (row["ctx"], *row["endings"]))
            )
        ]
        for count in counts
    ]


def cosmos_rows(*counts: int) -> list[list[dict]]:
    """Splits of `allenai/cosmos_qa`: why somebody did what the text tells; the last answer is never right."""
    table = _load("stories.json")
    rng = Random("cosmos")
    seen: set = set()
    return [
        distinct(lambda: _cosmos_row(rng, table), count, seen, lambda row: (row["context"], row["question"]))
        for count in counts
    ]


def _load(name: str) -> list[dict]:
    return json.loads((_TABLES / name).read_text(encoding="utf-8"))


def _commonsense_row(rng: Random, relation: dict, concept: str, asked: str) -> dict:
    answer = relation["answers"][concept]
    others = rng.sample([other for other in relation["answers"].values() if other != answer], 4)
    texts, place = _shuffled(rng, answer, others)
    question = asked.format(concept)
    question = question[0].upper() + question[1:]
    return {
        "id": sha1(f"{question} {texts}".encode()).hexdigest()[:32],
        "question": question,
        "question_concept": concept.removeprefix("a ").removeprefix("an "),
        "choices": {"label": list(_LETTERS), "text": texts},
        "answerKey": _LETTERS[place],
    }


def _hellaswag_row(rng: Random, table: list[dict]) -> dict:
    story = rng.choice(table)
    person = _first_name(rng)
    others = rng.sample([other["end"] for other in table if other is not story], 3)
    endings, place = _shuffled(rng, story["end"], others)
    start, then = story["start"].format(person), story["then"].format("she" if _is_woman(person) else "he")
    return {
        "ind": 0,
        "activity_label": story["activity"],
        "ctx_a": start,
        "ctx_b": then,
        "ctx": f"{start} {then}",
        "endings": endings,
        "source_id": f"demo~{table.index(story)}",
        "split": "demo",
        "split_type": "indomain",
        "label": str(place),
    }


def _cosmos_row(rng: Random, table: list[dict]) -> dict:
    story, earlier = rng.sample(table, 2)
    person, day, other_day = _first_name(rng), *rng.sample(_DAYS, 2)
    pronoun = "she" if _is_woman(person) else "he"
    reasons = rng.sample([other["reason"] for other in table if other not in (story, earlier)], 2)
    answers, place = _shuffled(
        rng, f"Because {pronoun} {story['reason']}.", [f"Because {pronoun} {reason}." for reason in reasons]
    )
    context = f"{earlier['past'].format(person, other_day)} {story['past'].format(person, day)}"
    return {
        "id": sha1(context.encode()).hexdigest()[:32],
        "context": context,
        "question": f"Why did {person} do this on {day}?",
        **{f"answer{number}": answer for number, answer in enumerate([*answers, _NO_ANSWER])},
        "label": place,
    }


def _shuffled(rng: Random, right: str, wrong: list[str]) -> tuple[list[str], int]:
    texts = [right, *wrong]
    rng.shuffle(texts)
    return texts, texts.index(right)


def _first_name(rng: Random) -> str:
    names = load_lexicon("en").concepts["names"]
    return names[rng.choice(list(names))]["form"].words[0].text


def _is_woman(name: str) -> bool:
    forms = load_lexicon("en").concepts["names"].values()
    return any(form["form"].words[0].text == name and form["form"].agreement == "f" for form in forms)
