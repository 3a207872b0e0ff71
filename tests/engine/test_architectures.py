"""What the planner says of an architecture is what a run finds: tiny encoders through every phase."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
import transformers
from transformers import PreTrainedTokenizerBase
from transformers.tokenization_utils_tokenizers import TokenizersBackend

from search_spaces.encoder_check import check_encoder
from tests.made.encoders import encoder_folder, tokenizer_of
from tests.made.phases import OPTIONS, spec
from trainables.ledger.spec import EncoderRef, HiddenStates, Phase, Retrieval
from trainables.ledger.store import Store
from trainables.model.architectures import ARCHITECTURES, SLOW_TOKENIZERS
from trainables.model.names import encoder_fingerprint
from trainables.phases.run import run_to_end

OTHERS = ("deberta", "distilbert", "mpnet", "roformer", "xlm", "t5", "gpt2")


def wanted(folder, phase, *tasks, **given):
    """A run that starts from the encoder in a folder."""
    made = spec(phase, *tasks, **given)
    return dataclasses.replace(made, encoder=EncoderRef(name=folder.name, revision=encoder_fingerprint(str(folder))))


def runs(folder, store):
    """Specs of every phase, and a function that computes them."""
    options = dataclasses.replace(OPTIONS, encoder=str(folder))
    first = wanted(folder, Phase.INTERMEDIATE, "qqp")
    specs = [
        first,
        wanted(folder, Phase.INTERMEDIATE, "qqp", mlm=True),
        wanted(folder, Phase.INTERMEDIATE, "csqa"),
        wanted(folder, Phase.TARGET, "xquad", parent=first.run_id),
        wanted(folder, Phase.TARGET, "udpos"),
        wanted(folder, Phase.RETRIEVAL, "tatoeba"),
        dataclasses.replace(
            wanted(folder, Phase.RETRIEVAL, "tatoeba", parent=first.run_id),
            retrieval=Retrieval(layer=0, layers=HiddenStates.ALL),
        ),
    ]
    return specs, lambda found: run_to_end(found, "name", store, options)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_every_architecture_of_the_list_goes_through_every_phase(kind, tmp_path):
    specs, compute = runs(encoder_folder(tmp_path / kind, kind), Store(tmp_path / "store").prepare())
    for found in specs:
        able = ARCHITECTURES[kind].can_be_cut or not found.retrieval
        if able:
            check_encoder(str(tmp_path / kind), "main", [found])
            assert compute(found).scores
        else:
            with pytest.raises(ValueError, match=f"{kind} has no list of layers, so tatoeba cannot be embedded"):
                check_encoder(str(tmp_path / kind), "main", [found])
            with pytest.raises(Exception, match=r"layer|encoder"):
                compute(found)


@pytest.mark.parametrize("kind", OTHERS)
def test_an_architecture_that_is_refused_could_not_be_computed(kind, tmp_path):
    specs, compute = runs(encoder_folder(tmp_path / kind, kind), Store(tmp_path / "store").prepare())
    with pytest.raises(ValueError, match=f"unknown architecture '{kind}'; .*known: xlm-roberta, "):
        check_encoder(str(tmp_path / kind), "main", specs)
    for found in specs:
        with pytest.raises(Exception, match=r"."):
            compute(found)


def test_slow_tokenizers_are_those_that_transformers_has_no_fast_version_of():
    classes = [getattr(transformers, name, None) for name in SLOW_TOKENIZERS]
    assert all(inspect.isclass(each) and issubclass(each, PreTrainedTokenizerBase) for each in classes)
    assert not any(issubclass(each, TokenizersBackend) for each in classes)


def test_made_tokenizers_are_the_same_in_every_process():
    code = (
        "import json; from tests.made.encoders import tokenizer_of; from trainables.model.architectures import *;"
        "print(json.dumps({kind: tokenizer_of(kind).backend_tokenizer.to_str() for kind in ARCHITECTURES}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {kind: tokenizer_of(kind).backend_tokenizer.to_str() for kind in ARCHITECTURES}
