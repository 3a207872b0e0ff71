"""Natural language inference: MNLI, SNLI and ANLI in English, XNLI with the same pairs in every language.

Pairs are drawn as meanings, then said in a language:

- entailment: the hypothesis leaves out a place or a time, names "someone", or repeats one of two statements;
- contradiction: another place, the opposite action or property, or a negation;
- neutral: a place, a time, a companion or another property that the premise does not mention.

About half of the contradictions show by a negation and half of the neutral pairs by a phrase that only they add, so
that a few hundred rows teach a small encoder something; the rest need a comparison of the two sentences.
"""

from dataclasses import dataclass
from functools import partial
from random import Random

from trainables.data.demo.lexicon import Lexicon, load_lexicon
from trainables.data.demo.meanings import (
    OPPOSITES,
    distinct,
    draw_activity,
    draw_event,
    draw_state,
    pick,
)
from trainables.data.demo.schemas import NLI_NAMES
from trainables.data.demo.sentences import Event, realise

Statement = tuple[Event, str]


@dataclass(frozen=True, kw_only=True)
class Inference:
    """A premise of one or two statements (event, frame), a hypothesis and the label's name."""

    premise: tuple[Statement, ...]
    hypothesis: Statement
    label: str

    def texts(self, lexicon: Lexicon) -> tuple[str, str]:
        """Premise and hypothesis in a language."""
        gap = lexicon.sentence_gap
        premise = gap.join(realise(lexicon, *statement).text for statement in self.premise)
        return premise, realise(lexicon, *self.hypothesis).text


def inferences(seed: str, *counts: int) -> list[list[Inference]]:
    """Splits of the given sizes without a common pair, each with equal shares of the three labels."""
    rng = Random(f"nli {seed}")
    seen: set = set()
    splits = []
    for count in counts:
        split: list[Inference] = []
        for label in (NLI_NAMES[number % 3] for number in range(count)):
            split += distinct(partial(_draw, rng, label), 1, seen)
        splits.append(split)
    return splits


def mnli_rows(items: list[Inference]) -> list[dict]:
    """Rows of `nyu-mll/multi_nli`; parses stay empty."""
    rows = []
    for number, item in enumerate(items):
        premise, hypothesis = item.texts(load_lexicon("en"))
        rows.append(
            {
                "promptID": number,
                "pairID": f"{number}{item.label[0]}",
                "premise": premise,
                "premise_binary_parse": "",
                "premise_parse": "",
                "hypothesis": hypothesis,
                "hypothesis_binary_parse": "",
                "hypothesis_parse": "",
                "genre": "demo",
                "label": NLI_NAMES.index(item.label),
            }
        )
    return rows


def snli_rows(items: list[Inference]) -> list[dict]:
    """Rows of `stanfordnlp/snli`."""
    return [{key: row[key] for key in ("premise", "hypothesis", "label")} for row in mnli_rows(items)]


def anli_rows(items: list[Inference], round_name: str) -> list[dict]:
    """Rows of one round of `facebook/anli`."""
    return [{"uid": f"{round_name}-{number:04}", **row, "reason": ""} for number, row in enumerate(snli_rows(items))]


def xnli_rows(items: list[Inference], languages: list[str]) -> list[dict]:
    """Rows of `google/xtreme` XNLI: the same pairs in each language."""
    rows = []
    for language in languages:
        for item in items:
            premise, hypothesis = item.texts(load_lexicon(language))
            rows.append({"language": language, "sentence1": premise, "sentence2": hypothesis, "gold_label": item.label})
    return rows


def _draw(rng: Random, label: str) -> Inference:
    kind = rng.choice(("event", "activity", "activity", "activity", "state"))
    if kind == "state":
        return _draw_state(rng, label)
    event = draw_event(rng) if kind == "event" else draw_activity(rng)
    said = event
    if label == "entailment":
        weaker = [event.but(place=""), event.but(time=""), event.but(place="", time="")]
        if kind == "event":
            weaker += [event.but(subject="someone"), event.but(subject="someone", time="")]
        hypothesis = (rng.choice(weaker), "")
    elif label == "contradiction":
        others: list[Statement] = [(event.but(place=pick(rng, "places", event.place)), "")]
        if event.verb in OPPOSITES:
            others.append((event.but(verb=OPPOSITES[event.verb]), ""))
        if kind == "activity":
            others += [(event, "not"), (event, "not"), (event.but(time=""), "not")]
        hypothesis = rng.choice(others)
    else:
        slot = rng.choice(("extra", "extra", "extra", "place", "time"))
        said = event if slot == "extra" else event.but(**{slot: ""})
        hypothesis = (event.but(extra=pick(rng, "extras")) if slot == "extra" else event, "")
    if not said.extra and label != "neutral" and rng.random() < 0.15:
        said = said.but(extra=pick(rng, "extras"))
    frame = "alt" if said.time and rng.random() < 0.3 else ""
    return Inference(premise=((said, frame),), hypothesis=hypothesis, label=label)


def _draw_state(rng: Random, label: str) -> Inference:
    first, second = draw_state(rng), draw_state(rng)
    while second.thing == first.thing:
        second = draw_state(rng)
    asked = rng.choice((first, second))
    opposite = OPPOSITES[asked.adjective]
    if label == "entailment":
        hypothesis: Statement = (asked, "")
    elif label == "contradiction":
        hypothesis = rng.choice(((asked.but(adjective=opposite), ""), (asked, "not")))
    else:
        hypothesis = (asked.but(adjective=pick(rng, "adjectives", asked.adjective, opposite)), "")
    return Inference(premise=((first, ""), (second, "")), hypothesis=hypothesis, label=label)
