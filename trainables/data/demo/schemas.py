"""The hub's features of every data set that the corpus stands in for; the Arrow schema follows from them."""

import json
from typing import Any

import pyarrow as pa

Features = dict[str, Any]


def _value(dtype: str) -> Features:
    return {"dtype": dtype, "_type": "Value"}


def _labels(*names: str) -> Features:
    return {"names": list(names), "_type": "ClassLabel"}


def _list(feature: Features) -> Features:
    return {"feature": feature, "_type": "List"}


STRING = _value("string")
INT32 = _value("int32")
UPOS_NAMES = (
    "ADJ",
    "ADP",
    "ADV",
    "AUX",
    "CCONJ",
    "DET",
    "INTJ",
    "NOUN",
    "NUM",
    "PART",
    "PRON",
    "PROPN",
    "PUNCT",
    "SCONJ",
    "SYM",
    "VERB",
    "X",
)
NER_NAMES = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
NLI_NAMES = ("entailment", "neutral", "contradiction")


def _strings(*columns: str) -> Features:
    return dict.fromkeys(columns, STRING)


_ANSWERS = {"answer_start": _list(INT32), "text": _list(STRING)}

QQP = _strings("question1", "question2") | {"label": _labels("not_duplicate", "duplicate"), "idx": INT32}
SQUAD = _strings("id", "title", "context", "question") | {
    "answers": {"text": _list(STRING), "answer_start": _list(INT32)}
}
XQUAD = _strings("id", "context", "question") | {"answers": _ANSWERS}
MLQA = _strings("id", "title", "context", "question") | {"answers": _ANSWERS}
TYDIQA = MLQA
MNLI = (
    {"promptID": INT32}
    | _strings("pairID", "premise", "premise_binary_parse", "premise_parse")
    | _strings("hypothesis", "hypothesis_binary_parse", "hypothesis_parse", "genre")
    | {"label": _labels(*NLI_NAMES)}
)
XNLI = _strings("language", "sentence1", "sentence2", "gold_label")
SNLI = _strings("premise", "hypothesis") | {"label": _labels(*NLI_NAMES)}
ANLI = _strings("uid", "premise", "hypothesis") | {"label": _labels(*NLI_NAMES), "reason": STRING}
PAWSX = _strings("sentence1", "sentence2", "label")
UDPOS = {"tokens": _list(STRING), "pos_tags": _list(_labels(*UPOS_NAMES))}
PANX = {"tokens": _list(STRING), "ner_tags": _list(_labels(*NER_NAMES)), "langs": _list(STRING)}
TATOEBA = _strings("source_sentence", "target_sentence", "source_lang", "target_lang")
COMMONSENSE_QA = _strings("id", "question", "question_concept") | {
    "choices": {"label": _list(STRING), "text": _list(STRING)},
    "answerKey": STRING,
}
HELLASWAG = (
    {"ind": INT32}
    | _strings("activity_label", "ctx_a", "ctx_b", "ctx")
    | {"endings": _list(STRING)}
    | _strings("source_id", "split", "split_type", "label")
)
COSMOS_QA = _strings("id", "context", "question", "answer0", "answer1", "answer2", "answer3") | {"label": INT32}
WIKIPEDIA = _strings("id", "url", "title", "text")


def arrow_schema(features: Features) -> pa.Schema:
    """The Arrow schema of hub features, with the features themselves in the metadata as `datasets` writes them."""
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([(name, _arrow_type(feature)) for name, feature in features.items()], metadata=metadata)


def _arrow_type(feature: Features) -> pa.DataType:
    kind = feature.get("_type")
    if kind == "Value":
        return pa.type_for_alias(feature["dtype"])
    if kind == "ClassLabel":
        return pa.int64()
    if kind == "List":
        return pa.list_(pa.field("element", _arrow_type(feature["feature"])))
    return pa.struct([(name, _arrow_type(child)) for name, child in feature.items()])
