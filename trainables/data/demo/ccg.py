"""A stand-in for CCGbank (LDC2005T13): simple sentences in its AUTO format, spread over sections 00-24."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from trainables.data.demo.meanings import distinct

_SECTIONS = 25
_FILES_PER_SECTION = 2
_SENTENCES_PER_FILE = 10

_NOUNS = (
    "teacher",
    "doctor",
    "farmer",
    "student",
    "singer",
    "writer",
    "engineer",
    "cook",
    "judge",
    "pilot",
    "market",
    "garden",
    "school",
    "library",
    "hotel",
    "car",
)
_ADJECTIVES = ("old", "young", "big", "small", "new", "rich", "tired", "famous", "clean", "red")
_NAMES = ("Anna", "Peter", "Maria", "Ali", "Sara", "David", "Nina", "Omar")
_TRANSITIVE = ("saw", "found", "bought", "sold", "painted", "liked", "visited", "forgot")
_INTRANSITIVE = ("slept", "worked", "sang", "danced", "laughed", "cried", "waited")
_ADVERBS = ("quietly", "often", "yesterday", "quickly", "again")
_PREPOSITIONS = ("in", "near", "behind", "with")
_VP = r"S[dcl]\NP"


@dataclass(frozen=True)
class Leaf:
    """A word with its category and part of speech."""

    category: str
    pos: str
    word: str

    def __str__(self) -> str:
        return f"(<L {self.category} {self.pos} {self.pos} {self.word} {self.category}>)"


@dataclass(frozen=True)
class Node:
    """A combination; `head` is the index of the head child."""

    category: str
    head: int
    children: tuple["Node | Leaf", ...]

    def __str__(self) -> str:
        inside = " ".join(str(child) for child in self.children)
        return f"(<T {self.category} {self.head} {len(self.children)}> {inside} )"


def write_ccgbank(folder: Path) -> None:
    """Write `data/AUTO/<section>/wsj_<section><file>.auto`: two files of ten sentences in each of the 25 sections."""
    rng = Random("ccgbank")
    total = _SECTIONS * _FILES_PER_SECTION * _SENTENCES_PER_FILE
    derivations = iter(distinct(lambda: str(_sentence(rng)), total, set()))
    for section in range(_SECTIONS):
        directory = folder / "data" / "AUTO" / f"{section:02}"
        directory.mkdir(parents=True, exist_ok=True)
        for file in range(_FILES_PER_SECTION):
            name = f"wsj_{section:02}{file:02}"
            lines = []
            for number in range(1, _SENTENCES_PER_FILE + 1):
                lines += [f"ID={name}.{number} PARSER=GOLD NUMPARSE=1", next(derivations)]
            (directory / f"{name}.auto").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _sentence(rng: Random) -> Node:
    subject = _noun_phrase(rng)
    clause = Node("S[dcl]", 1, (subject, _verb_phrase(rng)))
    return Node("S[dcl]", 0, (clause, Leaf(".", ".", ".")))


def _noun_phrase(rng: Random, depth: int = 0) -> Node:
    kind = rng.random()
    if kind < 0.3:
        return Node("NP", 0, (Leaf("N", "NNP", rng.choice(_NAMES)),))
    if kind > 0.9 and depth == 0:
        left, right = _noun_phrase(rng, 1), _noun_phrase(rng, 1)
        return Node("NP", 0, (left, Node(r"NP[conj]", 1, (Leaf("conj", "CC", "and"), right))))
    noun: Node | Leaf = Leaf("N", "NN", rng.choice(_NOUNS))
    if rng.random() < 0.5:
        noun = Node("N", 1, (Leaf("N/N", "JJ", rng.choice(_ADJECTIVES)), noun))
    return Node("NP", 1, (Leaf("NP[nb]/N", "DT", rng.choice(("the", "a"))), noun))


def _verb_phrase(rng: Random) -> Node | Leaf:
    phrase: Node | Leaf
    if rng.random() < 0.6:
        verb = Leaf(rf"({_VP})/NP", "VBD", rng.choice(_TRANSITIVE))
        phrase = Node(_VP, 0, (verb, _noun_phrase(rng)))
    else:
        phrase = Leaf(_VP, "VBD", rng.choice(_INTRANSITIVE))
    modifier = r"(S\NP)\(S\NP)"
    kind = rng.random()
    if kind < 0.3:
        phrase = Node(_VP, 0, (phrase, Leaf(modifier, "RB", rng.choice(_ADVERBS))))
    elif kind < 0.7:
        preposition = Leaf(rf"({modifier})/NP", "IN", rng.choice(_PREPOSITIONS))
        phrase = Node(_VP, 0, (phrase, Node(modifier, 0, (preposition, _noun_phrase(rng, 1)))))
    return phrase
