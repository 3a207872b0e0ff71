"""Running text for masked language modelling: articles of several paragraphs, as in `wikimedia/wikipedia`."""

from trainables.data.demo.lexicon import load_lexicon
from trainables.data.demo.sentences import realise
from trainables.data.demo.tagging import statements

_ARTICLES = 14
_PARAGRAPHS = 3
_SENTENCES = 6


def wikipedia_rows(language: str) -> list[dict]:
    """Articles of three paragraphs of six sentences: 252 sentences a language, other ones in each language."""
    lexicon = load_lexicon(language)
    [items] = statements(f"wikipedia {language}", _ARTICLES * _PARAGRAPHS * _SENTENCES)
    said = iter(realise(lexicon, *item).text for item in items)
    rows = []
    for number in range(_ARTICLES):
        paragraphs = [lexicon.sentence_gap.join(next(said) for _ in range(_SENTENCES)) for _ in range(_PARAGRAPHS)]
        rows.append(
            {
                "id": str(number + 1),
                "url": f"https://{language}.wikipedia.org/wiki/Demo_{number + 1}",
                "title": f"Demo {number + 1}",
                "text": "\n\n".join(paragraphs),
            }
        )
    return rows
