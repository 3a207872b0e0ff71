"""Span question answering: SQuAD and TyDiQA for training in English, XQuAD, MLQA and TyDiQA in the other languages.

A context tells two or three events with different people, objects, places and times, so that each question has one
answer.
"""

from dataclasses import dataclass
from hashlib import sha1
from random import Random

from trainables.data.demo.lexicon import Lexicon, load_lexicon
from trainables.data.demo.meanings import distinct, draw_activity, draw_event
from trainables.data.demo.sentences import Event, Sentence, realise

_ASKED_SLOT = {"who": "subject", "what": "object", "where": "place", "when": "time"}
_QUESTIONS = {"event": ("who", "what", "where", "when"), "activity": ("who", "where")}


@dataclass(frozen=True, kw_only=True)
class Story:
    """The events of a context and the questions about them: (index of the event, question word)."""

    number: int
    events: tuple[Event, ...]
    questions: tuple[tuple[int, str], ...]


def stories(seed: str, per_story: int, *counts: int) -> list[list[Story]]:
    """Splits of different stories that hold the given numbers of questions, `per_story` in each story."""
    rng = Random(f"spans {seed}")
    seen: set = set()
    number = iter(range(10**6))
    return [
        distinct(
            lambda: _draw_story(rng, next(number), per_story), count // per_story, seen, lambda story: story.events
        )
        for count in counts
    ]


def squad_rows(items: list[Story], language: str = "en", id_prefix: str = "", answers: int = 1) -> list[dict]:
    """Question rows of stories told in a language; a row takes what it needs (XQuAD has no title).

    With `answers` above 1, rows have one to that many reference answers; the second one leaves out function words.
    """
    lexicon = load_lexicon(language)
    rows: list[dict] = []
    for story in items:
        context, sentences, starts = _tell(lexicon, story)
        for index, word in story.questions:
            question = realise(lexicon, story.events[index], word).text
            spans = [
                sentences[index].span(_ASKED_SLOT[word], content_only=bool(which % 2))
                for which in range(len(rows) % answers + 1)
            ]
            begins = [starts[index] + begin for begin, _ in spans]
            rows.append(
                {
                    "id": _identifier(language, context, question, id_prefix, len(rows)),
                    "title": f"Story_{story.number}",
                    "context": context,
                    "question": question,
                    "answers": {
                        "text": [sentences[index].text[begin:end] for begin, end in spans],
                        "answer_start": begins,
                    },
                }
            )
    return rows


def without_title(rows: list[dict]) -> list[dict]:
    """The columns of XQuAD."""
    return [{key: value for key, value in row.items() if key != "title"} for row in rows]


def _draw_story(rng: Random, number: int, per_story: int) -> Story:
    events: list[Event] = []
    for _ in range(rng.choice((2, 3))):
        draw = draw_activity if events and rng.random() < 0.3 else draw_event
        events.append(draw(rng))
        while _clashes(events):
            events[-1] = draw(rng)
    possible = [(index, word) for index, event in enumerate(events) for word in _QUESTIONS[event.kind]]
    return Story(number=number, events=tuple(events), questions=tuple(rng.sample(possible, per_story)))


def _clashes(events: list[Event]) -> bool:
    *earlier, last = events
    return any(
        last.subject.split()[0] == event.subject.split()[0]
        or last.verb == event.verb
        or last.place == event.place
        or last.time == event.time
        or (last.object and last.object.split(".")[0] == event.object.split(".")[0])
        for event in earlier
    )


def _tell(lexicon: Lexicon, story: Story) -> tuple[str, list[Sentence], list[int]]:
    """The context, its sentences and where each starts."""
    gap = lexicon.sentence_gap
    sentences = [realise(lexicon, event, "alt" if number % 2 else "") for number, event in enumerate(story.events)]
    starts, position = [], 0
    for sentence in sentences:
        starts.append(position)
        position += len(sentence.text) + len(gap)
    return gap.join(sentence.text for sentence in sentences), sentences, starts


def _identifier(language: str, context: str, question: str, prefix: str, number: int) -> str:
    digest = sha1(f"{language} {context} {question}".encode()).hexdigest()
    return f"{prefix}-{int(digest[:15], 16)}-{number}" if prefix else digest[:24]
