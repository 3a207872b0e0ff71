"""Lines of Python that use an exported model with transformers alone; DIR stands for its folder."""

from __future__ import annotations

import functools

from trainables.ledger.exported import Exported, Kind
from trainables.tasks.formats.base import Head

_BEGIN = """\
import torch
from transformers import {cls}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("DIR")
model = {cls}.from_pretrained("DIR").eval()
"""
_BEGIN_PEFT = """\
import torch
from peft import PeftModel
from transformers import AutoConfig, {cls}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("DIR")
model = {cls}.from_pretrained("{base}", config=AutoConfig.from_pretrained("DIR"))
model = PeftModel.from_pretrained(model, "DIR").merge_and_unload().eval()
"""
_CLASSES = {
    Head.CLASSIFICATION: "AutoModelForSequenceClassification",
    Head.CHOICE: "AutoModelForMultipleChoice",
    Head.TAGGING: "AutoModelForTokenClassification",
    Head.SPAN: "AutoModelForQuestionAnswering",
}
_LINES = {
    Head.CLASSIFICATION: """\
inputs = tokenizer(["A first text."], ["A second one."], truncation=True, max_length={length}, padding=True,
                   return_tensors="pt")
with torch.no_grad():
    best = model(**inputs).logits.argmax(-1)
print([model.config.id2label[number] for number in best.tolist()])""",
    Head.CHOICE: """\
choices = [{choices}]
inputs = tokenizer(["The prompt."] * len(choices), choices, truncation=True, max_length={length}, padding=True,
                   return_tensors="pt")
with torch.no_grad():
    best = model(**{{name: each[None] for name, each in inputs.items()}}).logits.argmax(-1)
print(model.config.id2label[int(best)])""",
    Head.TAGGING: """\
words = ["Every", "word", "alone", "."]
inputs = tokenizer([words], is_split_into_words=True, truncation=True, max_length={length}, return_tensors="pt")
with torch.no_grad():
    best = model(**inputs).logits[0].argmax(-1).tolist()
first = {{word: place for place, word in reversed(list(enumerate(inputs.word_ids(0)))) if word is not None}}
print([model.config.id2label[best[first[number]]] for number in range(len(words))])""",
    Head.SPAN: """\
inputs = tokenizer("Who wrote it?", "It was written by Ada.", truncation="only_second", max_length={length},
                   return_offsets_mapping=True, return_tensors="pt")
offsets = inputs.pop("offset_mapping")[0].tolist()
with torch.no_grad():
    found = model(**inputs)
starts, ends = found.start_logits[0], found.end_logits[0]
inside = [place for place, part in enumerate(inputs.sequence_ids(0)) if part == 1]
score, begin, end = max((float(starts[a] + ends[b]), a, b) for a in inside for b in inside if a <= b < a + 30)
print("It was written by Ada."[offsets[begin][0] : offsets[end][1]])""",
}
_EMBEDDED = """\
inputs = tokenizer(["A sentence."], truncation=True, max_length={length}, padding=True, return_tensors="pt")
with torch.no_grad():
    hidden = model(**inputs, output_hidden_states=True).hidden_states[{layer}]
mask = inputs["attention_mask"][..., None]
print(torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)))"""
_HIDDEN = """\
inputs = tokenizer(["A sentence."], truncation=True, max_length={length}, padding=True, return_tensors="pt")
with torch.no_grad():
    print(model(**inputs).last_hidden_state.shape)"""


def usage(exported: Exported) -> str:
    """The lines for what was exported."""
    begin = _BEGIN.format
    if exported.kind is Kind.ADAPTERS:
        begin = functools.partial(_BEGIN_PEFT.format, base=exported.encoder.name)
    if not exported.task:
        lines = _EMBEDDED if exported.layer >= 0 else _HIDDEN
        return begin(cls="AutoModel") + lines.format(length=exported.max_length or 512, layer=exported.layer)
    head = Head(exported.head)
    choices = ", ".join(f'"Choice {number + 1}."' for number in range(len(exported.labels)))
    return begin(cls=_CLASSES[head]) + _LINES[head].format(length=exported.max_length, choices=choices)
