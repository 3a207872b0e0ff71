"""The words of one language: a table of concepts, each with its surface forms, and the sentence frames that use them.

A file `languages/<code>.txt` has one section a category and one line a concept:

    [objects]
    columns = one three
    apple = m:एक सेब | mp:तीन सेब

Forms are separated by `|` and named by `columns`; `m:` before a form is its agreement class. Words are separated by
spaces also where the script has none. A word takes the tag written after it (`hier/ADV`), else the one that `[tags]`
lists for it, else the usual one of its section.
"""

import configparser
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from trainables.data.demo.schemas import UPOS_NAMES

LANGUAGES_FOLDER = Path(__file__).parent / "languages"
USUAL_TAGS = {
    "names": "PROPN",
    "surnames": "PROPN",
    "cities": "PROPN",
    "orgs": "PROPN",
    "transitive": "VERB",
    "intransitive": "VERB",
    "verbs": "VERB",
    "adjectives": "ADJ",
    "frames": "VERB",
}
_NOT_CONCEPTS = ("meta", "tags", "frames")


@dataclass(frozen=True, kw_only=True)
class Word:
    """One token with its universal part-of-speech tag."""

    text: str
    tag: str


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """A surface form and the class (gender, number) that other words agree with; "" where nothing agrees."""

    words: tuple[Word, ...]
    agreement: str = ""


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """Everything that sentences in one language are made of."""

    language: str
    name: str
    iso3: str
    script: str
    meta: dict[str, str]
    tags: dict[str, str]
    concepts: dict[str, dict[str, dict[str, Phrase]]]
    frames: dict[str, tuple[Word | str, ...]]

    @property
    def spaced(self) -> bool:
        """Whether words are separated by spaces."""
        return self.meta.get("joiner", "space") == "space"

    @property
    def sentence_gap(self) -> str:
        """What stands between two sentences: a space, or nothing in Chinese and Japanese."""
        return " " if self.spaced or self.meta.get("sentence_gap") == "space" else ""

    def form(self, section: str, concept: str, *columns: str) -> Phrase:
        """The form in the first of `columns` that the concept has, else its first form."""
        forms = self.concepts[section][concept]
        for column in columns:
            if column in forms:
                return forms[column]
        return next(iter(forms.values()))

    def year(self, digits: str) -> Phrase:
        """A year as an adverbial, such as "in 1998"."""
        return Phrase(words=_words(self.meta["year"].replace("{year}", digits), "NOUN", self.tags))

    @property
    def someone(self) -> Phrase:
        """The indefinite pronoun as a subject."""
        return _phrase(self.meta["someone"], "PRON", self.tags)


@cache
def load_lexicon(language: str) -> Lexicon:
    """The lexicon of a language code; FileNotFoundError where the corpus lacks the language."""
    parser = configparser.ConfigParser(delimiters=("=",), comment_prefixes=("#",), interpolation=None)
    parser.read_string((LANGUAGES_FOLDER / f"{language}.txt").read_text(encoding="utf-8"))
    meta = dict(parser["meta"])
    tags: dict[str, str] = {}
    for tag, words in parser["tags"].items():
        tags |= dict.fromkeys(words.split(), tag.upper())
    return Lexicon(
        language=language,
        name=meta["name"],
        iso3=meta["iso3"],
        script=meta["script"],
        meta=meta,
        tags=tags,
        concepts={
            section: _concepts(parser[section], USUAL_TAGS.get(section, "NOUN"), tags)
            for section in parser.sections()
            if section not in _NOT_CONCEPTS
        },
        frames={name: _frame(text, tags) for name, text in parser["frames"].items()},
    )


def languages() -> list[str]:
    """Codes of all languages of the corpus, English first."""
    codes = sorted(path.stem for path in LANGUAGES_FOLDER.glob("*.txt"))
    return ["en", *(code for code in codes if code != "en")]


def _concepts(section: configparser.SectionProxy, usual: str, tags: dict[str, str]) -> dict[str, dict[str, Phrase]]:
    columns = section.get("columns", "form").split()
    return {
        concept: {column: _phrase(form, usual, tags) for column, form in zip(columns, forms.split("|"), strict=False)}
        for concept, forms in section.items()
        if concept != "columns"
    }


def _phrase(form: str, usual: str, tags: dict[str, str]) -> Phrase:
    agreement, mark, text = form.strip().rpartition(":")
    return Phrase(words=_words(text, usual, tags), agreement=agreement if mark else "")


def _words(text: str, usual: str, tags: dict[str, str]) -> tuple[Word, ...]:
    return tuple(_word(token, usual, tags) for token in text.split())


def _word(token: str, usual: str, tags: dict[str, str]) -> Word:
    text, mark, tag = token.rpartition("/")
    if mark and tag in UPOS_NAMES:
        return Word(text=text, tag=tag)
    if token.isdecimal():
        return Word(text=token, tag="NUM")
    if len(token) == 1 and unicodedata.category(token).startswith("P"):
        return Word(text=token, tag="PUNCT")
    return Word(text=token, tag=tags.get(token, usual))


def _frame(text: str, tags: dict[str, str]) -> tuple[Word | str, ...]:
    return tuple(token if token.startswith("{") else _word(token, "VERB", tags) for token in text.split())
