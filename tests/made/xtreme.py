"""How XTREME reads and scores a folder: written from what its `evaluate.py` does, not with our metrics."""

from __future__ import annotations

import collections
import itertools
import json
import re
import string
import unicodedata

XTREME_LANGUAGES = {
    "pawsx": "de en es fr ja ko zh",
    "xnli": "ar bg de el en es fr hi ru sw th tr ur vi zh",
    "panx": "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh "
    "kk tr et fi hu",
    "udpos": "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh",
    "bucc2018": "de fr ru zh",
    "tatoeba": "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et"
    " fi hu",
    "xquad": "en es de el ru tr ar vi th zh hi",
    "mlqa": "en es de ar hi vi zh",
    "tydiqa": "en ar bn fi id ko ru sw te",
}


def read_lines(path):
    return [line.strip() for line in path.read_text().splitlines()]


def read_sentences(path):
    sentences = [[]]
    for line in read_lines(path):
        if line:
            sentences[-1].append(line)
        else:
            sentences.append([])
    return sentences if sentences[-1] else sentences[:-1]


def pos_units(tags):
    """Runs of equal tags; tags that begin with S stand alone."""
    units, place = set(), 0
    for tag, run in itertools.groupby(tags):
        length = len(list(run))
        step = 1 if tag.startswith("S") else length
        units |= {(tag, place + first, step) for first in range(0, length, step)}
        place += length
    return units


def entities(tags):
    """Lenient IOB2: I- opens an entity after O or after another type."""
    found, before = [], "O"
    for place, tag in enumerate(tags):
        if tag != "O":
            if tag[0] == "B" or before == "O" or before[2:] != tag[2:]:
                found.append([tag[2:], place, 0])
            found[-1][2] += 1
        before = tag
    return {tuple(entity) for entity in found}


def overlap_f1(gold, found):
    correct = len(gold & found)
    if not correct:
        return 0.0
    precision, recall = correct / len(found), correct / len(gold)
    return 100 * 2 * precision * recall / (precision + recall)


def tagging(units):
    def score(predictions, labels, language):
        found, gold = (
            {(number, *unit) for number, tags in enumerate(read_sentences(path)) for unit in units(tags)}
            for path in (predictions, labels)
        )
        assert len(read_sentences(predictions)) == len(read_sentences(labels))
        return {"f1": overlap_f1(gold, found)}

    return score


def label_accuracy(predictions, labels, language):
    found, gold = read_lines(predictions), read_lines(labels)
    assert len(found) == len(gold)
    return {"accuracy": 100 * sum(a == b for a, b in zip(found, gold, strict=True)) / len(found)}


def pairs(predictions, labels, language):
    return {"f1": overlap_f1(*({tuple(line.split("\t")) for line in read_lines(p)} for p in (labels, predictions)))}


def squad_tokens(text, language):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


ARTICLES = {
    "en": "a an the", "es": "un una unos unas el la los las", "vi": "của là cái chiếc những",
    "de": "ein eine einen einem eines einer der die das den dem des",
}  # fmt: skip


def mlqa_tokens(text, language):
    text = "".join(c for c in text.lower() if unicodedata.category(c)[0] != "P" and c not in string.punctuation)
    if language in ARTICLES:
        text = re.sub(rf"\b({ARTICLES[language].replace(' ', '|')})\b", " ", text)
    if language == "ar":
        text = text.replace("ال", " ")
    if language == "zh":
        text = "".join(f" {c} " if "\u4e00" <= c <= "\u9fa5" else c for c in text)
    return text.split()


def answers(tokens):
    def score(predictions, labels, language):
        found = json.loads(predictions.read_text())
        f1 = exact = total = 0
        for article in json.loads(labels.read_text())["data"]:
            for question in (q for paragraph in article["paragraphs"] for q in paragraph["qas"]):
                total += 1
                given = tokens(found[question["id"]], language)
                gold = [tokens(answer["text"], language) for answer in question["answers"]]
                exact += max(" ".join(given) == " ".join(one) for one in gold)
                shared = [sum((collections.Counter(given) & collections.Counter(one)).values()) for one in gold]
                f1 += max(2 * n / (len(given) + len(one)) if n else 0 for n, one in zip(shared, gold, strict=True))
        return {"f1": 100 * f1 / total, "exact_match": 100 * exact / total}

    return score


SCORERS = {
    "xnli": label_accuracy, "pawsx": label_accuracy, "tatoeba": label_accuracy, "udpos": tagging(pos_units),
    "panx": tagging(entities), "xquad": answers(squad_tokens), "tydiqa": answers(squad_tokens),
    "mlqa": answers(mlqa_tokens), "bucc2018": pairs,
}  # fmt: skip


def evaluate(folder):
    """Task -> metric -> language -> percent, over the tasks that both folders hold and all of XTREME's languages."""
    found = {}
    for task, codes in XTREME_LANGUAGES.items():
        if (folder / "predictions" / task).is_dir() and (folder / "labels" / task).is_dir():
            extension = "json" if task in ("xquad", "mlqa", "tydiqa") else "tsv"
            found[task] = collections.defaultdict(dict)
            for code in codes.split():
                name = f"{task}/test-{code}.{extension}"
                scores = SCORERS[task](folder / "predictions" / name, folder / "labels" / name, code)
                for metric, value in scores.items():
                    found[task][metric][code] = value
    return found
