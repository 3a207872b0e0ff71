"""Writes the corpus as a mirror of the hub: `<repo id>/<config>/<split>.parquet`, and the two raw layouts.

Which split holds how many rows is said here; what a row is, in the module of its task. Everything is drawn from fixed
seeds, so that every call writes the same rows.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trainables.data.demo import choice, nli, paraphrase, retrieval, schemas, spans, tagging, wikipedia
from trainables.data.demo.ccg import write_ccgbank
from trainables.data.demo.lexicon import languages, load_lexicon

TRAIN = 480
SMALL_TRAIN = 240
DEV = 120
EVAL = 120
TATOEBA_PAIRS = 160

XNLI = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
PAWSX = ("de", "en", "es", "fr", "ja", "ko", "zh")
XQUAD = ("en", "es", "de", "el", "ru", "tr", "ar", "vi", "th", "zh", "hi")
MLQA = ("en", "es", "de", "ar", "hi", "vi", "zh")
TYDIQA = ("en", "ar", "bn", "fi", "id", "ko", "ru", "sw", "te")
BUCC = ("de", "fr", "ru", "zh")
NO_UDPOS = ("sw", "bn")
"""Languages without a treebank in XTREME."""
UDPOS_TEST_ONLY = ("th",)

Split = tuple[str, str, str, schemas.Features, list[dict]]


def write_demo(root: Path) -> None:
    """Write all data sets under `root`, over what an earlier call wrote there."""
    for repository, config, split, features, rows in _splits():
        path = root / repository / config / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schemas.arrow_schema(features)), path)
    for language in BUCC:
        retrieval.write_bucc(root / "bucc2018" / f"{language}-en", language)
    write_ccgbank(root / "ccgbank")


def demo_fingerprint() -> str:
    """The first 16 hex digits of a SHA-256 over the sources and word lists of the corpus."""
    folder = Path(__file__).parent
    digest = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".txt", ".json")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _available(wanted: tuple[str, ...]) -> list[str]:
    return [language for language in wanted if language in languages()]


def _splits() -> Iterator[Split]:
    yield from _pairs()
    yield from _choices()
    yield from _questions()
    yield from _tags()
    everywhere = [language for language in languages() if language != "en"]
    parallel = retrieval.parallel_statements("tatoeba", TATOEBA_PAIRS, languages())
    for language in everywhere:
        rows = retrieval.tatoeba_rows(parallel, language)
        yield "google/xtreme", f"tatoeba.{load_lexicon(language).iso3}", "validation", schemas.TATOEBA, rows
    for language in languages():
        rows = wikipedia.wikipedia_rows(language)
        yield "wikimedia/wikipedia", f"20231101.{language}", "train", schemas.WIKIPEDIA, rows


def _pairs() -> Iterator[Split]:
    train, dev = paraphrase.qqp_rows(TRAIN, DEV)
    yield "nyu-mll/glue", "qqp", "train", schemas.QQP, train
    yield "nyu-mll/glue", "qqp", "validation", schemas.QQP, dev
    mnli_train, mnli_dev, xnli_dev, xnli_test = nli.inferences("mnli", TRAIN, DEV, EVAL, EVAL)
    yield "nyu-mll/multi_nli", "default", "train", schemas.MNLI, nli.mnli_rows(mnli_train)
    yield "nyu-mll/multi_nli", "default", "validation_matched", schemas.MNLI, nli.mnli_rows(mnli_dev)
    for split, items in (("validation", xnli_dev), ("test", xnli_test)):
        yield "google/xtreme", "XNLI", split, schemas.XNLI, nli.xnli_rows(items, _available(XNLI))
    snli_train, snli_dev = nli.inferences("snli", SMALL_TRAIN, DEV)
    yield "stanfordnlp/snli", "plain_text", "train", schemas.SNLI, nli.snli_rows(snli_train)
    yield "stanfordnlp/snli", "plain_text", "validation", schemas.SNLI, nli.snli_rows(snli_dev)
    for name in ("r1", "r2", "r3"):
        for part, items in zip(("train", "dev"), nli.inferences(f"anli {name}", DEV, EVAL), strict=True):
            rows = nli.anli_rows(items, f"{part}_{name}")
            yield "facebook/anli", "plain_text", f"{part}_{name}", schemas.ANLI, rows
    paws_train, paws_dev, paws_test = paraphrase.paws_pairs("x", TRAIN, DEV, EVAL)
    for language in _available(PAWSX):
        yield "google/xtreme", f"PAWS-X.{language}", "train", schemas.PAWSX, paraphrase.paws_rows(paws_train, language)
        for split, pairs in (("validation", paws_dev), ("test", paws_test)):
            rows = paraphrase.paws_rows(pairs if language == "en" else pairs[:EVAL], language)
            yield "google/xtreme", f"PAWS-X.{language}", split, schemas.PAWSX, rows


def _choices() -> Iterator[Split]:
    for split, rows in zip(("train", "validation"), choice.commonsense_rows(TRAIN, DEV), strict=True):
        yield "tau/commonsense_qa", "default", split, schemas.COMMONSENSE_QA, rows
    for split, rows in zip(("train", "validation"), choice.hellaswag_rows(SMALL_TRAIN, DEV), strict=True):
        yield "Rowan/hellaswag", "default", split, schemas.HELLASWAG, rows
    for split, rows in zip(("train", "validation"), choice.cosmos_rows(SMALL_TRAIN, DEV), strict=True):
        yield "allenai/cosmos_qa", "default", split, schemas.COSMOS_QA, rows


def _questions() -> Iterator[Split]:
    train, dev, xquad, mlqa_dev, mlqa_test = spans.stories("squad", 3, TRAIN, DEV, EVAL, EVAL // 2, EVAL)
    yield "rajpurkar/squad", "plain_text", "train", schemas.SQUAD, spans.squad_rows(train)
    yield "rajpurkar/squad", "plain_text", "validation", schemas.SQUAD, spans.squad_rows(dev, answers=3)
    for language in _available(XQUAD):
        rows = spans.without_title(spans.squad_rows(xquad, language))
        yield "google/xtreme", f"XQuAD.{language}", "validation", schemas.XQUAD, rows
    for language in _available(MLQA):
        for split, items in (("validation", mlqa_dev), ("test", mlqa_test)):
            rows = spans.squad_rows(items, language)
            yield "google/xtreme", f"MLQA.{language}.{language}", split, schemas.MLQA, rows
    tydiqa_train, tydiqa_others, tydiqa_dev = spans.stories("tydiqa", 3, TRAIN, EVAL // 2, EVAL)
    parts = [("train", "en", tydiqa_train)]
    parts += [("train", language, tydiqa_others) for language in _available(TYDIQA) if language != "en"]
    parts += [("validation", language, tydiqa_dev) for language in _available(TYDIQA)]
    rows_by_split: dict[str, list[dict]] = {"train": [], "validation": []}
    for split, language, items in parts:
        rows_by_split[split] += spans.squad_rows(items, language, load_lexicon(language).name.lower())
    for split, rows in rows_by_split.items():
        yield "google/xtreme", "tydiqa", split, schemas.TYDIQA, rows


def _tags() -> Iterator[Split]:
    train, english_dev, dev, test, others = tagging.statements("udpos", TRAIN, DEV, EVAL // 2, EVAL, EVAL)
    for language in [language for language in languages() if language not in NO_UDPOS]:
        config = f"udpos.{load_lexicon(language).name}"
        if language not in UDPOS_TEST_ONLY:
            items = train if language == "en" else others
            yield "google/xtreme", config, "train", schemas.UDPOS, tagging.udpos_rows(items, language)
            items = english_dev if language == "en" else dev
            yield "google/xtreme", config, "validation", schemas.UDPOS, tagging.udpos_rows(items, language)
        yield "google/xtreme", config, "test", schemas.UDPOS, tagging.udpos_rows(test, language)
    train, english_dev, small_train, dev, test = tagging.entity_statements("panx", TRAIN, DEV, EVAL, EVAL // 2, EVAL)
    for language in languages():
        of_split = {
            "train": train if language == "en" else small_train,
            "validation": english_dev if language == "en" else dev,
            "test": test,
        }
        for split, items in of_split.items():
            rows = tagging.panx_rows(items, language)
            yield "google/xtreme", f"PAN-X.{language}", split, schemas.PANX, rows
