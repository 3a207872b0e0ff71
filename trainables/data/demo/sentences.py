"""From a meaning to a sentence: the same event said in any language of the corpus, with tokens, tags and spans."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from trainables.data.demo.lexicon import Lexicon, Phrase, Word

_CLOSING = set(".,?!;:؟،۔।。，？")
_SPACE = "_"


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened, in concept keys of the lexicon; "" for what is not said.

    `subject` and `recipient` are a person, a first name, a first name with a surname ("anna kim") or "someone"; `time`
    is a concept or a year in digits; `object` is a concept, with ".three" for three of them.
    """

    kind: str
    subject: str = ""
    verb: str = ""
    object: str = ""
    place: str = ""
    time: str = ""
    extra: str = ""
    thing: str = ""
    adjective: str = ""
    origin: str = ""
    destination: str = ""
    org: str = ""
    building: str = ""
    city: str = ""
    recipient: str = ""

    def but(self, **changes: str) -> "Event":
        """The same event with some slots changed."""
        return replace(self, **changes)


class Token(NamedTuple):
    """A token in its sentence: where it stands, its tag, the slot it came from and the entity type it belongs to."""

    text: str
    tag: str
    slot: str = ""
    entity: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """Text with its tokens; offsets count characters of `text`."""

    text: str
    tokens: tuple[Token, ...]

    def span(self, slot: str, content_only: bool = False) -> tuple[int, int]:
        """Start and end of the words that fill a slot; without function words where `content_only`."""
        tokens = [token for token in self.tokens if token.slot == slot]
        content = [token for token in tokens if token.tag not in ("DET", "ADP")]
        chosen = content if content_only and content else tokens
        return chosen[0].start, chosen[-1].end


def realise(lexicon: Lexicon, event: Event, frame: str = "") -> Sentence:
    """Say an event; `frame` is a variant of its kind ("alt", "who", "not", ...), "" for the plain statement."""
    pieces: list[Token] = []
    indefinite = f"{event.kind}_someone"
    if event.subject == "someone" and not frame and indefinite in lexicon.frames:
        frame = "someone"
    for part in lexicon.frames[f"{event.kind}_{frame}" if frame else event.kind]:
        if isinstance(part, Word):
            if pieces or part.text not in _CLOSING:
                pieces.append(Token(text=part.text, tag=part.tag))
        else:
            pieces += _fill(lexicon, event, *part.strip("{}").partition(":")[::2])
    return _assemble(lexicon, pieces)


def _fill(lexicon: Lexicon, event: Event, slot: str, column: str) -> list[Token]:
    value = getattr(event, slot) if hasattr(event, slot) else slot
    if not value:
        return []
    if slot in ("subject", "recipient"):
        phrase = _person(lexicon, value)
    elif slot in ("verb", "travel", "open"):
        section = {"event": "transitive", "activity": "intransitive"}.get(event.kind, "verbs")
        phrase = _agreeing(lexicon, section, value, _controller(lexicon, event, section), column)
    elif slot == "adjective":
        phrase = _agreeing(lexicon, "adjectives", value, lexicon.form("things", event.thing), column)
    elif slot == "object":
        concept, _, number = value.partition(".")
        phrase = lexicon.form("objects", concept, number or "one")
    elif slot == "time" and value.isdecimal():
        phrase = lexicon.year(value)
    elif slot in ("city", "origin", "destination"):
        phrase = lexicon.form("cities", value, {"city": "in", "origin": "from", "destination": "to"}[slot])
    else:
        phrase = lexicon.form(f"{slot}s", value)
    entity = _entity_type(slot, value)
    return [
        Token(text=word.text, tag=word.tag, slot=slot, entity=entity if word.tag in ("PROPN", "PUNCT") else "")
        for word in phrase.words
    ]


def _entity_type(slot: str, value: str) -> str:
    if slot in ("city", "origin", "destination"):
        return "LOC"
    return {"org": "ORG", "subject": "PER", "recipient": "PER"}.get(slot, "")


def _person(lexicon: Lexicon, value: str) -> Phrase:
    if value == "someone":
        return lexicon.someone
    first, _, surname = value.partition(" ")
    if first not in lexicon.concepts["names"]:
        return lexicon.form("people", first)
    phrase = lexicon.form("names", first)
    if not surname:
        return phrase
    gap = Word(text=lexicon.meta.get("name_gap", _SPACE), tag="PUNCT")
    spaced = lexicon.spaced or gap.text != _SPACE
    middle = () if lexicon.spaced else (gap,) if spaced else (Word(text=_SPACE, tag="X"),)
    return Phrase(words=phrase.words + middle + lexicon.form("surnames", surname).words, agreement=phrase.agreement)


def _controller(lexicon: Lexicon, event: Event, section: str) -> Phrase:
    """The phrase that the verb agrees with: the subject, or in some languages the object of a transitive verb."""
    if lexicon.meta.get("agreement") == "object" and event.object and section == "transitive":
        concept, _, number = event.object.partition(".")
        return lexicon.form("objects", concept, number or "one")
    if event.kind == "opening":
        if lexicon.meta.get("agreement") == "object":
            return lexicon.form("buildings", event.building)
        return lexicon.form("orgs", event.org)
    return _person(lexicon, event.subject)


def _agreeing(lexicon: Lexicon, section: str, value: str, controller: Phrase, column: str) -> Phrase:
    wanted = [f"{column}_{controller.agreement}", column] if column else []
    return lexicon.form(section, value, *wanted, controller.agreement)


def _assemble(lexicon: Lexicon, pieces: list[Token]) -> Sentence:
    text = ""
    tokens: list[Token] = []
    glued = True
    for number, piece in enumerate(pieces):
        if piece.text == _SPACE:
            text, glued = text + " " if text else text, True
            continue
        if piece.text.startswith("+"):
            last = tokens[-1]
            suffix = _suffix(piece.text[1:], last.text)
            tokens[-1] = last._replace(text=last.text + suffix)
            text += suffix
            continue
        surface = _elided(lexicon, piece.text, pieces[number + 1].text if number + 1 < len(pieces) else "")
        if not tokens or text == "¿":
            surface = _capitalised(lexicon, surface)
        if not (glued or surface in _CLOSING or surface.startswith("-")) and lexicon.spaced:
            text += " "
        tokens.append(piece._replace(text=surface, start=len(text), end=len(text) + len(surface)))
        text += surface
        glued = surface == "¿" or surface.endswith(("'", "’"))
    return Sentence(text=text, tokens=tuple(tokens))


def _capitalised(lexicon: Lexicon, word: str) -> str:
    if lexicon.language == "tr" and word.startswith("i"):
        return "İ" + word[1:]
    return word[:1].upper() + word[1:]


def _elided(lexicon: Lexicon, word: str, following: str) -> str:
    if word == lexicon.meta.get("elide") and following[:1].lower() in set("aeiouhéèê"):
        return word[:-1] + "'"
    return word


def _suffix(alternatives: str, stem: str) -> str:
    """The Korean particle that fits the stem: `after consonant~after vowel`; any other suffix as it is."""
    after_consonant, mark, after_vowel = alternatives.partition("~")
    closed = "가" <= stem[-1] <= "힣" and (ord(stem[-1]) - ord("가")) % 28 != 0
    return after_consonant if closed or not mark else after_vowel
