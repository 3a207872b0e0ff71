"""Which rows are translations of each other and therefore one item: they go right or wrong together.

XNLI, PAWS-X, XQuAD and MLQA are translated; languages may hold part of them (MLQA). In the demo corpus every task is,
for its rows are drawn once for all languages. Rows are taken together by the first of these that languages share:

    the id                      XQuAD, MLQA
    the number of the row       PAWS-X, one file a language, where a few labels differ between languages
    the place in the language   XNLI, one file for all languages, which have the same pairs in the same order

Pairs must bear it out: their labels agree. To take rows together that are independent does no harm but for degrees of
freedom; to miss translations makes intervals too narrow. In other data sets ids tell nothing of translations: sentences
of parallel treebanks (PUD) and English sides that Tatoeba has in several languages stay apart.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence

from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.task import Task

DEMO = "demo"
"""Name of the source whose languages are all translations (`DataRef.source`)."""

_AGREEMENT = 0.9
"""Share of rows whose label is that of the first translation, from which on rows count as translations."""
_NUMBER = re.compile(r"\.(\d+)\Z", re.ASCII)


def items(
    of: Task, source: str, languages: Sequence[str], ids: Sequence[str], references: Sequence[str]
) -> tuple[int, ...]:
    """Numbers from 0 on in order of appearance, one a row; translations of one sentence have the same.

    Args:
        of: the target.
        source: name of the data source.
        languages: N, rows of a language together.
        ids: N.
        references: N labels of pairs; of other formats they are not looked at.
    """
    if (of.parallel or source == DEMO) and not isinstance(of.format, MiningFormat):
        for names in (ids, _numbers(ids), _places(languages)):
            found = _numbered(names)
            is_borne_out = not isinstance(of.format, PairFormat) or _agreement(found, references) >= _AGREEMENT
            if _is_shared(found, languages) and is_borne_out:
                return found
    return tuple(range(len(ids)))


def _numbers(ids: Sequence[str]) -> Iterator[Hashable]:
    """Row numbers, the last part of ids that are made of file and number; other ids as they are."""
    return (int(match[1]) if (match := _NUMBER.search(row)) else row for row in ids)


def _places(languages: Sequence[str]) -> Iterator[int]:
    """Place of every row among those of its language."""
    counts: dict[str, int] = {}
    for language in languages:
        counts[language] = counts.get(language, -1) + 1
        yield counts[language]


def _numbered(names: Iterable[Hashable]) -> tuple[int, ...]:
    numbers: dict[Hashable, int] = {}
    return tuple(numbers.setdefault(name, len(numbers)) for name in names)


def _is_shared(found: Sequence[int], languages: Sequence[str]) -> bool:
    """Whether an item stands in several languages."""
    return len(set(found)) < len(set(zip(found, languages, strict=True)))


def _agreement(found: Sequence[int], labels: Sequence[str]) -> float:
    """Share of translations, the first of each item apart, that have the label of the first."""
    first: dict[int, str] = {}
    agreeing = sum(first.setdefault(item, label) == label for item, label in zip(found, labels, strict=True))
    return (agreeing - len(first)) / max(len(found) - len(first), 1)
