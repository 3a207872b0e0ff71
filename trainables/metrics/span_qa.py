"""F1 and exact match of answers: the rules of SQuAD 1.1 and of MLQA (protocol.md 5.2)."""

from __future__ import annotations

import functools
import re
import string
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from trainables.ledger.nearest import unknown
from trainables.metrics.accuracy import check_aligned

Normalise = Callable[[str], str]
"""Answer text -> its tokens joined by single spaces."""

_ENGLISH_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MLQA_ARTICLES = {
    "en": _ENGLISH_ARTICLES,
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "vi": re.compile(r"\b(của|là|cái|chiếc|những)\b"),
    # The official pattern means to strip the article from the front of words but matches it everywhere.
    "ar": re.compile("ال"),
    "hi": None,
    "zh": None,
}
_HAN = re.compile("([\u4e00-\u9fa5])")


def squad_normalise(text: str) -> str:
    """SQuAD 1.1: lower-case, no ASCII punctuation, no English articles, single spaces; the same in every language."""
    kept = text.lower().translate(_ascii_punctuation())
    return " ".join(_ENGLISH_ARTICLES.sub(" ", kept).split())


def mlqa_normalise(text: str, language: str) -> str:
    """MLQA: lower-case, no punctuation of any script, no articles of the language; Chinese by characters.

    Raises ValueError for a language that MLQA does not have.
    """
    if language not in _MLQA_ARTICLES:
        raise ValueError(unknown("MLQA language", language, _MLQA_ARTICLES))
    kept = text.lower().translate(_all_punctuation())
    articles = _MLQA_ARTICLES[language]
    if articles:
        kept = articles.sub(" ", kept)
    if language == "zh":
        kept = _HAN.sub(r" \1 ", kept)
    return " ".join(kept.split())


def squad_scores(references: Sequence[Sequence[str]], predictions: Sequence[str | None]) -> dict[str, float]:
    """`f1` and `exact_match` in percent by the rules of SQuAD 1.1; `references` holds the answers of each question."""
    return _scores(references, predictions, squad_normalise)


def mlqa_scores(
    references: Sequence[Sequence[str]], predictions: Sequence[str | None], language: str
) -> dict[str, float]:
    """`f1` and `exact_match` in percent by the rules of MLQA for the language of the contexts."""
    return _scores(references, predictions, functools.partial(mlqa_normalise, language=language))


def answer_scores(references: Sequence[str], prediction: str | None, normalise: Normalise) -> tuple[float, float]:
    """F1 and exact match of one question, each the best over its reference answers, from 0 to 1.

    A missing prediction scores 0. Tokens are compared as a multiset; without a shared token F1 is 0, also when both
    sides normalise to nothing.
    """
    if prediction is None:
        return 0.0, 0.0
    given = normalise(prediction)
    answers = [normalise(reference) for reference in references]
    return max(_token_f1(answer, given) for answer in answers), float(given in answers)


def _scores(
    references: Sequence[Sequence[str]], predictions: Sequence[str | None], normalise: Normalise
) -> dict[str, float]:
    check_aligned(references, predictions)
    f1 = exact = 0.0
    for number, (answers, prediction) in enumerate(zip(references, predictions, strict=True)):
        if not answers:
            raise ValueError(f"question {number} has no reference answer")
        question_f1, question_exact = answer_scores(answers, prediction, normalise)
        f1 += question_f1
        exact += question_exact
    return {"f1": 100.0 * f1 / len(references), "exact_match": 100.0 * exact / len(references)}


def _token_f1(reference: str, prediction: str) -> float:
    """Of normalised texts."""
    if reference == prediction:
        return float(bool(reference))
    gold, given = reference.split(), prediction.split()
    left, shared = Counter(gold), 0
    for token in given:
        if left[token] > 0:
            left[token] -= 1
            shared += 1
    if not shared:
        return 0.0
    precision, recall = shared / len(given), shared / len(gold)
    return 2 * precision * recall / (precision + recall)


@functools.cache
def _ascii_punctuation() -> dict[int, None]:
    return dict.fromkeys(map(ord, string.punctuation))


@functools.cache
def _all_punctuation() -> dict[int, None]:
    points = (point for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)).startswith("P"))
    return dict.fromkeys(points) | _ascii_punctuation()
