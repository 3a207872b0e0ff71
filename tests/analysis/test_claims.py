"""From predictions in a store to the claims of its report: verdicts with their intervals, or why there are none."""

import dataclasses
import json
import re

import pytest

from analysis.report.command import main
from analysis.scores.load import load
from tests.made.records import DATA, intermediate_spec, record
from tests.made.submissions import FEW, add_run
from trainables.ledger.cells import Row
from trainables.ledger.store import Store

HUB = dataclasses.replace(DATA, source="hub")


def made(root, seeds=(42,), groups=FEW):
    """SQuAD is right in 7 of 10 rows of XNLI where the baseline is in 1, and the other way round on PAWS-X."""
    store = Store(root).prepare()
    for seed in seeds:
        parent = intermediate_spec("squad", seed=seed, data=HUB)
        store.finish(record(parent, name=f"squad #{seed}"))
        for group in groups:
            add_run(store, group, seed=seed, data=HUB)
            add_run(store, group, parent=parent.run_id, seed=seed, data=HUB)
    return store


def report(store, out, *options):
    """Exit code, what the page is made from, and Table 2's lines."""
    code = main([str(store.root), "--out", str(out), "--no-figures", *options])
    return code, json.loads((out / "report.json").read_text()), (out / "table2.md").read_text()


def run_of(store, target, row):
    return next(r for r in load(store) if target in r.record.spec.tasks and r.variant == Row(row, False)).record


def test_a_difference_that_predictions_show_is_a_verdict(tmp_path):
    _, content, table = report(made(tmp_path / "store"), tmp_path / "out")
    line = next(line for line in table.splitlines() if line.startswith("| SQuAD |"))
    xnli, pawsx = (cell.strip().strip("*") for cell in line.split("|")[2:4])
    assert re.fullmatch(r"\+\d+\.\d▲", xnli)
    assert re.fullmatch(r"-\d+\.\d▼", pawsx)
    assert "better" in json.dumps(content["sections"]["answer"])


def test_one_seed_is_said_to_be_one_seed_and_two_are_not(tmp_path):
    _, _, one = report(made(tmp_path / "one"), tmp_path / "a")
    _, _, two = report(made(tmp_path / "two", seeds=(42, 43)), tmp_path / "b")
    assert "rows alone" in one
    assert "one seed" in one.lower()
    assert "rows alone" not in two
    assert "rows and seeds" in two


def test_a_margin_that_holds_everything_makes_nothing_equivalent_that_is_shown_to_differ(tmp_path):
    store = made(tmp_path / "store")
    _, _, table = report(store, tmp_path / "out", "--margin", "100")
    assert "▲" in table
    assert "100 points" in table


@pytest.mark.parametrize("margin", ["-1", "nan", "much"])
def test_a_margin_that_is_none_is_refused(tmp_path, capsys, margin):
    store = made(tmp_path / "store")
    with pytest.raises(SystemExit) as ended:
        main([str(store.root), f"--margin={margin}"])
    assert ended.value.code == 2
    assert "margin" in capsys.readouterr().err


def test_predictions_that_do_not_give_their_recorded_score_give_no_verdict_but_a_reason(tmp_path):
    store = made(tmp_path / "store")
    own = run_of(store, "xnli", "squad")
    scores = tuple(dataclasses.replace(s, value=s.value + 1.0) if s.split == "dev" else s for s in own.scores)
    store.finish(dataclasses.replace(own, scores=scores))
    code, content, table = report(store, tmp_path / "out")
    assert code == 0
    line = next(line for line in table.splitlines() if line.startswith("| SQuAD |"))
    assert "▲" not in line.split("|")[2]
    assert "▼" in line.split("|")[3]
    assert re.search(r"recorded \d+\.\d+ on xnli.*its predictions give", json.dumps(content))


def test_missing_predictions_and_missing_languages_leave_the_rest_of_the_page(tmp_path):
    store = made(tmp_path / "store")
    own = run_of(store, "xnli", "squad")
    (store.root / "runs" / own.run_id / "predictions" / "xnli.parquet").unlink()
    other = run_of(store, "pawsx", "squad")
    store.finish(dataclasses.replace(other, scores=tuple(s for s in other.scores if s.language != "ko")))
    code, content, table = report(store, tmp_path / "out")
    assert code == 0
    line = next(line for line in table.splitlines() if line.startswith("| SQuAD |"))
    assert "▲" not in line
    assert line.split("|")[3].strip() == "gap"
    assert "languages of PAWS-X missing: ko" in json.dumps(content)


def test_a_record_of_a_future_format_is_left_out_by_name(tmp_path):
    store = made(tmp_path / "store")
    own = run_of(store, "xnli", "squad")
    path = store.root / "runs" / own.run_id / "record.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 99'))
    code, content, _ = report(store, tmp_path / "out")
    assert code == 0
    assert own.run_id in json.dumps(content["sections"]["failures"])


def test_the_regret_of_a_choice_is_said_on_request_and_noted_before(tmp_path):
    store = made(tmp_path / "store")
    _, content, _ = report(store, tmp_path / "out")
    assert "regret" not in content["sections"]
    assert not [opening for opening in store.openings() if opening.by == "regret"]
    _, content, _ = report(store, tmp_path / "out", "--regret")
    said = json.dumps(content["sections"]["regret"])
    assert "SQuAD" in said
    # on XNLI the report had opened both runs before; PAWS-X selects the baseline, so SQuAD's was closed
    assert [opening.target for opening in store.openings() if opening.by == "regret"] == ["pawsx"]


def test_the_receipts_stand_beside_the_selection(tmp_path):
    store = made(tmp_path / "store")
    _, content, _ = report(store, tmp_path / "out")
    said = json.dumps(content["sections"]["selection"])
    for receipt in store.receipts():
        assert receipt.table in said
        assert all(run in said for run in receipt.runs)
