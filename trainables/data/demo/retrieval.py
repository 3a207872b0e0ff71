"""Parallel sentences: Tatoeba pairs, and BUCC files in which pairs hide among sentences without a translation."""

from collections.abc import Hashable
from pathlib import Path
from random import Random

from trainables.data.demo.lexicon import load_lexicon
from trainables.data.demo.nli import Statement
from trainables.data.demo.sentences import realise
from trainables.data.demo.tagging import statements

_PAIRS = {"sample": 40, "training": 60}
_DISTRACTORS = {"sample": 80, "training": 120}


def parallel_statements(seed: str, count: int, languages: list[str]) -> list[Statement]:
    """Statements no two of which read the same in any of the languages."""
    [candidates] = statements(f"parallel {seed}", 2 * count)
    lexicons = [load_lexicon(language) for language in languages]
    seen: set[Hashable] = set()
    chosen: list[Statement] = []
    for item in candidates:
        texts = {(lexicon.language, realise(lexicon, *item).text) for lexicon in lexicons}
        if not texts & seen and len(chosen) < count:
            seen |= texts
            chosen.append(item)
    return chosen


def tatoeba_rows(items: list[Statement], language: str) -> list[dict]:
    """Rows of `google/xtreme` tatoeba: both sentences end in a line break, as on the hub."""
    lexicon, english = load_lexicon(language), load_lexicon("en")
    return [
        {
            "source_sentence": realise(lexicon, *item).text + "\n",
            "target_sentence": realise(english, *item).text + "\n",
            "source_lang": lexicon.iso3,
            "target_lang": "eng",
        }
        for item in items
    ]


def write_bucc(folder: Path, language: str) -> None:
    """Write `<language>-en.{sample,training}.{<language>,en,gold}` as BUCC 2018 distributes them.

    Lines are `id<TAB>sentence`, in shuffled order; gold lines are `id<TAB>id`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(_PAIRS.values()) + 2 * sum(_DISTRACTORS.values())
    items = iter(parallel_statements(f"bucc {language}", total, [language, "en"]))
    for split, num_pairs in _PAIRS.items():
        rng = Random(f"bucc {language} {split}")
        pairs = [next(items) for _ in range(num_pairs)]
        sides = {side: pairs + [next(items) for _ in range(_DISTRACTORS[split])] for side in (language, "en")}
        ids: dict[str, dict[Statement, str]] = {}
        for side, said in sides.items():
            rng.shuffle(said)
            ids[side] = {item: f"{side}-{number:09}" for number, item in enumerate(said, start=1)}
            lexicon = load_lexicon(side)
            lines = [f"{ids[side][item]}\t{realise(lexicon, *item).text}" for item in said]
            _write(folder / f"{language}-en.{split}.{side}", lines)
        gold = sorted(f"{ids[language][item]}\t{ids['en'][item]}" for item in pairs)
        _write(folder / f"{language}-en.{split}.gold", gold)


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
