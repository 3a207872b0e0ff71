"""The plan: the right runs, each once, with the right parents; what lacks rows is said, never skipped in silence."""

import itertools
from collections import Counter

import pytest
from safetensors.numpy import load_file

from search_spaces.config_file import apply_sets
from search_spaces.encoders import encoder_size
from search_spaces.presets import demo, paper
from sweep.graph.capacity import Machine
from sweep.planning import planner
from sweep.planning.cost import Costs
from sweep.planning.planner import build_phase_plan, build_plan
from sweep.planning.work import work_of
from tests.made.data import SMALL, FakeData, node, plan
from tests.made.encoders import encoder_folder
from trainables.data.carried import CarriedData
from trainables.data.hub import open_data
from trainables.data.joined import JoinedData
from trainables.ledger.cells import Cell, Row
from trainables.ledger.plan import Share
from trainables.ledger.spec import MlmLength, Phase
from trainables.model.architectures import ARCHITECTURES


def test_the_paper_is_153_cells_in_16_intermediate_102_target_and_34_retrieval_runs():
    found = plan()
    assert len(found.cells) == 153
    assert not found.without_data
    phases = Counter(n.spec.phase for n in found.nodes.values())
    assert phases == {Phase.INTERMEDIATE: 16, Phase.TARGET: 102, Phase.RETRIEVAL: 34}


def test_a_small_grid_counted_by_hand():
    # rows: none, qqp, qqp+mlm; columns: xnli, xquad and mlqa (one run), tatoeba
    found = plan("grid.intermediates=none,qqp", "grid.targets=xnli,xquad,mlqa,tatoeba")
    assert [n.name for n in found.nodes.values() if n.spec.phase is Phase.INTERMEDIATE] == ["qqp #42", "qqp+mlm #42"]
    assert Counter(n.name for n in found.nodes.values()) == Counter(
        ["qqp #42", "qqp+mlm #42"]
        + [f"{row} -> {t} #42" for row in ("none", "qqp", "qqp+mlm") for t in ("xnli", "xquad,mlqa", "tatoeba")]
    )
    assert len(found.cells) == 12


def test_parents_stand_before_children_and_are_the_runs_of_the_row():
    found = plan("grid.intermediates=none,qqp,squad", "grid.targets=xnli,tatoeba", "grid.seeds=1,2")
    seen = set()
    for run_id, it in found.nodes.items():
        assert set(it.parents) <= seen
        seen.add(run_id)
    assert node(found, "squad+mlm -> tatoeba #2").parents == (node(found, "squad+mlm #2").run_id,)
    assert node(found, "none -> xnli #1").parents == ()


def test_every_cell_points_to_the_run_that_measures_it():
    found = plan("grid.intermediates=none,squad", "grid.targets=mlqa,xquad")
    for cell, run_id in found.cells.items():
        spec = found.nodes[run_id].spec
        assert cell.target in spec.tasks
        assert spec.seed == cell.seed
    cells = [Cell(intermediate="squad", mlm=True, target=target, seed=42) for target in ("xquad", "mlqa")]
    assert found.cells[cells[0]] == found.cells[cells[1]]


def test_a_fine_tuning_measures_all_targets_that_share_it_even_if_one_is_asked_for():
    alone, both = plan("grid.targets=mlqa"), plan("grid.targets=xquad,mlqa")
    assert alone.nodes.keys() == both.nodes.keys()
    assert node(alone, "none -> xquad,mlqa #42").spec.tasks == ("xquad", "mlqa")


def test_seeds_multiply_all_runs():
    one, three = plan("grid.seeds=1"), plan("grid.seeds=1,2,3")
    assert len(three.nodes) == 3 * len(one.nodes)
    assert one.nodes.keys() < three.nodes.keys()


def test_the_baseline_exists_without_mlm_only():
    found = plan("grid.intermediates=none", "grid.mlm=on", "grid.targets=xnli")
    assert [cell.row for cell in found.cells] == [Row("none", False)]


def test_runs_have_the_published_settings():
    found = plan()
    qqp = node(found, "qqp #42").spec.optimisation
    assert (qqp.learning_rate, qqp.epochs, qqp.batch_sizes, qqp.max_length) == (1e-5, 3, {"qqp": 24}, 256)
    with_mlm = node(found, "qqp+mlm #42").spec
    assert with_mlm.optimisation.learning_rate == 5e-6
    assert with_mlm.optimisation.batch_sizes == {"qqp": 24, "mlm": 8}
    assert with_mlm.mlm.length is MlmLength.TASK_EPOCHS
    assert len(with_mlm.mlm.languages) == 40
    mixture = node(found, "multitask+mlm #42").spec
    assert mixture.mlm.length is MlmLength.CAPPED_SUM
    assert "squad" not in mixture.tasks
    shared = node(found, "none -> xquad,mlqa #42").spec.optimisation
    assert (shared.learning_rate, shared.epochs, shared.batch_sizes) == (3e-6, 2, {"xquad": 16})
    assert shared.max_length == 384
    assert node(found, "none -> tatoeba #42").spec.retrieval.layer == 4


def test_a_target_without_training_rows_goes_without_and_says_why():
    found = plan("grid.intermediates=none,qqp", "grid.targets=pawsx,xnli", data=FakeData("PAWS-X.en/train"))
    assert {cell.target for cell in found.cells} == {"xnli"}
    reasons = {reason for cell, reason in found.without_data.items() if cell.target == "pawsx"}
    assert reasons == {"pawsx has no train rows: DIR/google/xtreme/PAWS-X.en/train.parquet does not exist"}
    assert len(found.without_data) == 3


def test_an_intermediate_without_rows_blocks_its_row_and_nothing_else():
    found = plan("grid.intermediates=none,qqp", "grid.targets=xnli,tatoeba", data=FakeData("glue/qqp/train"))
    assert {cell.row for cell in found.cells} == {Row("none", False)}
    assert {cell.row for cell in found.without_data} == {Row("qqp", False), Row("qqp", True)}
    assert all("qqp has no train rows" in reason for reason in found.without_data.values())
    assert all(n.spec.phase is not Phase.INTERMEDIATE for n in found.nodes.values())


def test_intermediate_runs_alone_need_no_rows_of_a_target():
    sets = ["grid.intermediates=none,qqp,squad", "grid.seeds=1,2"]
    config = apply_sets(paper(), [*SMALL, *sets])
    data = FakeData("xtreme", "multi_nli", "bucc", "glue/qqp/train")
    found, [reason] = build_phase_plan(config, Phase.INTERMEDIATE, data)
    assert [it.name for it in found.nodes.values()] == ["squad #1", "squad #2", "squad+mlm #1", "squad+mlm #2"]
    assert reason == "qqp has no train rows: DIR/nyu-mll/glue/qqp/train.parquet does not exist"
    assert not found.cells
    assert not found.without_data
    whole = plan(*sets, "grid.targets=tatoeba")
    assert found.nodes == {id_: it for id_, it in whole.nodes.items() if it.name.startswith("squad") and not it.parents}


def test_target_runs_alone_are_those_that_train():
    config = apply_sets(paper(), [*SMALL, "grid.intermediates=none", "grid.targets=mlqa,tatoeba,bucc"])
    found, reasons = build_phase_plan(config, Phase.TARGET, FakeData())
    assert [it.name for it in found.nodes.values()] == ["none -> xquad,mlqa #42"]
    assert not found.cells
    assert not reasons


def test_a_fine_tuning_measures_only_targets_with_rows():
    found = plan("grid.intermediates=none", "grid.targets=xquad,mlqa", data=FakeData("xtreme/MLQA"))
    assert [n.name for n in found.nodes.values()] == ["none -> xquad #42"]
    assert [cell.target for cell in found.without_data] == ["mlqa"]


def test_single_missing_languages_are_noted_and_left_out_of_the_fingerprint():
    data = FakeData("PAWS-X.ko/test")
    found = plan("grid.intermediates=none", "grid.targets=pawsx", data=data)
    assert found.notes == ("pawsx: no test rows for ko",)
    [paths] = data.fingerprinted
    assert "google/xtreme/PAWS-X.ko/validation" in paths
    assert "google/xtreme/PAWS-X.ko/test" not in paths


def test_the_fingerprint_covers_exactly_the_files_that_are_read():
    data = FakeData()
    plan("grid.intermediates=none", "grid.targets=xnli", "data.languages=de", data=data)
    [paths] = data.fingerprinted
    assert paths == sorted([
        "nyu-mll/multi_nli/default/train", "google/xtreme/XNLI/validation", "google/xtreme/XNLI/test"
    ])  # fmt: skip


def test_missing_mlm_text_blocks_the_rows_with_mlm():
    found = plan("grid.intermediates=qqp", "grid.targets=xnli", data=FakeData("wikimedia", "PAN-X"))
    assert [cell.row for cell in found.cells] == [Row("qqp", False)]
    assert list(found.without_data.values()) == ["MLM: no text in any language"]


def test_stand_ins_for_mlm_text_are_noted():
    found = plan("grid.intermediates=qqp", "grid.targets=xnli", data=FakeData("20231101.sw", "20231101.de", "PAN-X.de"))
    assert node(found, "qqp+mlm #42").spec.mlm.languages.count("de") == 0
    assert "MLM: no Wikipedia for sw; words of PAN-X stand in for it" in found.notes
    assert "MLM: no text in de; their share goes to the other languages" in found.notes


def test_the_mixture_leaves_out_members_without_rows_and_says_so():
    found = plan("grid.intermediates=multitask", "grid.targets=xnli", "grid.mlm=off", data=FakeData("hellaswag"))
    assert "hellaswag" not in node(found, "multitask #42").spec.tasks
    [note] = [note for note in found.notes if note.startswith("multitask: trained without hellaswag")]
    assert "has no train rows" in note


def without_official_files(data):
    """The data, with the releases as they are for a user of the hub who has none of them."""
    return JoinedData(data, open_data("hub").releases, CarriedData)


def test_what_needs_official_files_says_which_and_how_to_give_them():
    found = plan("grid.intermediates=none,ccg,multitask", "grid.targets=xnli,bucc", "grid.mlm=off",
                 data=without_official_files(FakeData()))  # fmt: skip
    reasons = {(cell.intermediate, cell.target): why for cell, why in found.without_data.items()}
    assert reasons.keys() == {("ccg", "xnli"), *((row, "bucc") for row in ("none", "ccg", "multitask"))}
    assert reasons["ccg", "xnli"].startswith("ccg has no train and stopping rows: CCGbank (LDC2005T13, licensed by")
    assert "--set data.raw.ccg=DIR" in reasons["ccg", "xnli"]
    assert "BUCC 2018" in reasons["none", "bucc"]
    assert "--set data.raw.bucc=DIR" in reasons["none", "bucc"]
    assert node(found, "multitask #42").spec.tasks == ("anli", "qqp", "hellaswag", "cosmosqa", "csqa")
    [note] = [note for note in found.notes if note.startswith("multitask: trained without ccg")]
    assert "CCGbank" in note


def test_the_mixture_holds_all_but_squad_each_with_its_own_batch():
    found = node(plan("grid.intermediates=multitask", "grid.targets=xnli", "grid.mlm=off"), "multitask #42").spec
    assert found.tasks == ("anli", "qqp", "hellaswag", "ccg", "cosmosqa", "csqa")
    # Table 3
    assert found.optimisation.batch_sizes == {
        "anli": 24, "qqp": 24, "hellaswag": 24, "ccg": 24, "cosmosqa": 4, "csqa": 4,
    }  # fmt: skip
    assert found.optimisation.epochs == 3


def test_where_official_files_lie_does_not_change_the_runs(tmp_path):
    inside, given = tmp_path / "mirror", tmp_path / "elsewhere"
    for folder in (inside / "bucc2018", given):
        for split, side in itertools.product(("sample", "training"), ("de", "en", "gold")):
            file = folder / "de-en" / f"de-en.{split}.{side}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("de-1\ten-1\n" if side == "gold" else f"{side}-1\ttext\n")
    (tmp_path / "empty").mkdir()
    sets = ["grid.intermediates=none", "grid.targets=bucc"]
    first = build_plan(apply_sets(paper(), [*SMALL, *sets, f"data.source={inside}"]))
    second = build_plan(
        apply_sets(paper(), [*SMALL, *sets, f"data.source={tmp_path / 'empty'}", f"data.raw.bucc={given}"])
    )
    assert first.nodes.keys() == second.nodes.keys()
    assert first.notes == ("bucc: no dev rows for fr, ru, zh", "bucc: no test rows for fr, ru, zh")


def test_languages_restrict_targets_and_not_intermediate_runs():
    every, some = plan("grid.targets=pawsx,xnli"), plan("grid.targets=pawsx,xnli", "data.languages=en,de,ko")
    assert node(every, "qqp #42").run_id == node(some, "qqp #42").run_id
    assert node(some, "qqp -> pawsx #42").spec.data.languages == ("en", "de", "ko")
    assert node(some, "qqp -> xnli #42").spec.data.languages == ("en", "de")
    assert node(every, "qqp -> xnli #42").spec.data.languages == ()


def test_naming_all_languages_is_no_restriction():
    every = plan("grid.intermediates=none", "grid.targets=pawsx")
    named = plan("grid.intermediates=none", "grid.targets=pawsx", "data.languages=zh,ko,ja,fr,es,de,en,sw")
    assert every.nodes.keys() == named.nodes.keys()


def test_a_target_with_none_of_the_languages_goes_without():
    found = plan("grid.intermediates=none", "grid.targets=pawsx,xnli", "data.languages=sw")
    assert [cell.target for cell in found.cells] == ["xnli"]
    [reason] = found.without_data.values()
    assert reason == "pawsx has none of the languages asked for (sw); it has en, de, es, fr, ja, ko, zh"


def test_what_cannot_change_a_result_does_not_change_the_runs():
    base = plan("grid.targets=xnli")
    same = plan(
        "grid.targets=xnli", "name=other", "store=/x", "cluster.threads=4", "engine.micro_batch=2",
        "cluster.cpus=2", "engine.eval_tokens=99",
    )  # fmt: skip
    assert base.nodes.keys() == same.nodes.keys()


def test_another_source_of_the_same_rows_is_another_run():
    base = plan("grid.intermediates=none", "grid.targets=xnli")
    other = plan("grid.intermediates=none", "grid.targets=xnli", "data.repositories.xnli=facebook/xnli")
    assert base.nodes.keys().isdisjoint(other.nodes)


def test_a_folder_names_an_encoder_by_its_content_not_its_path(tmp_path):
    folders = [tmp_path / place / "model" for place in "ab"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(
            '{"model_type": "bert", "num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 100}'
        )
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "tokenizer.json").write_text("{}")
    first, second = (plan("grid.targets=tatoeba", f"encoder.name={folder}") for folder in folders)
    assert first.nodes.keys() == second.nodes.keys()
    (folders[1] / "model.safetensors").write_bytes(b"others")
    assert first.nodes.keys().isdisjoint(plan("grid.targets=tatoeba", f"encoder.name={folders[1]}").nodes)


def test_shares_of_a_gpu_come_from_the_phase_or_the_task():
    found = plan(
        "cluster.address=auto",
        "cluster.gpus.target=1/2",
        "cluster.gpus.tasks.tatoeba=0.25",
        "cluster.gpus.tasks.qqp=1/3",
    )
    xnli = node(found, "none -> xnli #42").share
    assert (xnli.gpus, xnli.cpus, xnli.gpu_bytes) == (0.5, 1, 0), "a number wins over the memory that is needed"
    assert node(found, "none -> tatoeba #42").share.gpus == 0.25
    assert node(found, "qqp #42").share.gpus == 1 / 3
    squad = node(found, "squad #42").share
    assert squad.gpus == 1
    assert 0 < squad.least_gpu_bytes < squad.gpu_bytes, "of no GPU that is known, so a whole one until it is"


@pytest.mark.parametrize(("memory", "gpus"), [(0, 1.0), (80_000_000_000, 0.125), (16_000_000_000, 0.25)])
def test_the_share_follows_from_the_memory_of_the_gpu_where_that_is_known(monkeypatch, memory, gpus):
    """6 layers 384 wide, batches of 32 rows of 256 sub-words in fp32: 8,192 x 7 x 66 x 384 bytes are 1.45 GB; to these
    come weights, a tenth, and CUDA.
    """
    here = Machine(name="here", cpus=64, gpus=2, gpu_bytes=memory)
    monkeypatch.setattr(planner, "this_machine", lambda: here)
    share = node(plan("grid.intermediates=none", "grid.targets=xnli"), "none -> xnli #42").share
    assert 2.3e9 < share.gpu_bytes < 3.5e9
    assert share.gpus == gpus


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("FacebookAI/xlm-roberta-large", 560e6), ("FacebookAI/xlm-roberta-base", 278e6),
        ("facebook/xlm-roberta-xl", 3.5e9), ("facebook/xlm-v-base", 779e6), ("cis-lmu/glot500-base", 394e6),
        ("sentence-transformers/LaBSE", 471e6), ("microsoft/mdeberta-v3-base", 279e6), ("google/rembert", 576e6),
        ("jhu-clsp/mmBERT-small", 140e6), ("jhu-clsp/mmBERT-base", 307e6), ("EuroBERT/EuroBERT-210m", 210e6),
        ("EuroBERT/EuroBERT-610m", 610e6), ("EuroBERT/EuroBERT-2.1B", 2.1e9),
    ],
)  # fmt: skip
def test_sizes_of_encoders_are_those_of_their_model_cards(name, parameters):
    assert encoder_size(name, "main").parameters == pytest.approx(parameters, rel=0.02)


@pytest.mark.parametrize("kind", ["xlm-roberta", "modernbert", "eurobert", "rembert", "deberta-v2", "bert"])
def test_sizes_of_folders_are_those_of_their_weights(kind, tmp_path):
    """But for biases, norms and positions, of which tiny encoders have many."""
    shape = {"hidden_size": 64, "intermediate_size": 96, "max_position_embeddings": 514}
    made = encoder_folder(tmp_path, kind, **shape)
    size = encoder_size(str(made), "main")
    weights = load_file(made / "model.safetensors")
    matrices = sum(
        tensor.size for name, tensor in weights.items() if tensor.ndim == 2 and "layer" in name and "pooler" not in name
    )
    table = next(tensor for name, tensor in weights.items() if name.endswith(ARCHITECTURES[kind].table))
    assert (size.vocabulary, size.width or size.hidden) == tuple(table.shape)
    assert size.layer_parameters == matrices


def test_cost_grows_with_the_work():
    small, large = encoder_size("bundled:6", "main"), encoder_size("bundled", "main")
    found = plan("grid.intermediates=qqp", "grid.targets=xnli,tatoeba")
    train, with_mlm = node(found, "qqp #42"), node(found, "qqp+mlm #42")
    assert with_mlm.cost > train.cost
    assert node(found, "qqp -> tatoeba #42").cost < node(found, "qqp -> xnli #42").cost

    def seconds(size=small, threads=1, rows=1000):
        work = work_of(train.spec, size, rows={"qqp": rows}, evaluated={})
        return Costs().estimate(train.spec, work, Share(), threads).seconds

    assert seconds(large) > seconds(small)
    assert seconds(threads=2) < seconds(threads=1)
    assert seconds(rows=2000) > seconds(rows=1000)


def test_all_hidden_states_are_other_retrieval_runs_and_nothing_else_changes():
    plain, every = build_plan(demo()), build_plan(apply_sets(demo(), ["retrieval.layers=all"]))
    names = [{node.name for run_id, node in plan.nodes.items() if run_id not in other.nodes}
             for plan, other in ((plain, every), (every, plain))]  # fmt: skip
    assert names[0] == names[1]
    assert names[0]
    assert all(name.split(" #")[0].endswith(("tatoeba", "bucc")) for name in names[0])
