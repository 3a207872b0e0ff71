"""What the page and report.json show: every cell with its runs, settings, folded notes; closed test scores nowhere."""

import dataclasses
import json
import re
import shutil

import pytest

from analysis.report import writer
from analysis.report.command import main
from analysis.report.notes import notes_section
from analysis.report.worked_out import Judged
from analysis.report.writer import write_report
from analysis.scores.load import load
from analysis.showing.kinds import kind
from analysis.statistics.estimate import MARGIN
from tests.made.records import fill, language_scores, plan_of, record, target_spec
from tests.made.reports import in_json, part, table2, texts, whole
from tests.made.verdicts import NO_PREDICTIONS, estimate, made_verdicts
from trainables.ledger.cells import Row
from trainables.ledger.spec import EncoderRef
from trainables.ledger.store import Store

ANLI = Row("anli", False)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("filled"), seeds=(42, 43)).root


@pytest.fixture
def store(filled, tmp_path):
    """The whole grid, two seeds."""
    return Store(shutil.copytree(filled, tmp_path / "store"))


@pytest.fixture
def judging(monkeypatch):
    """Verdicts on all cells but one; an interval for one score by language."""

    def judged(store, sweep, selections, margin):
        verdicts = made_verdicts(sweep.results, selections, without=[(ANLI, "pawsx")])
        languages = {"xnli": {(ANLI, "de"): estimate(60.0)}}
        return Judged(verdicts=dataclasses.replace(verdicts, margin=margin), languages=languages)

    monkeypatch.setattr(writer, "judged", judged)


def names(store):
    return {run.record.name: run.record.run_id for run in load(store)}


def test_every_cell_has_its_score_change_verdict_and_the_runs_of_its_seeds(store, judging, tmp_path):
    """By `records.level` 62.0 and 62.2 on dev against 60.0 and 60.2."""
    write_report(store, tmp_path / "out")
    cells, ids = table2(tmp_path / "out"), names(store)
    cell = cells["Dev, without MLM: change against the baseline", "ANLI+", "XNLI"]
    assert (cell["shown"], cell["selected"]) == ("+2.0▲", True)
    assert cell["score"] == pytest.approx(62.1)
    assert cell["change"] == pytest.approx(2.0)
    assert [each["run"] for each in cell["seeds"]] == [ids["anli -> xnli #42"], ids["anli -> xnli #43"]]
    assert [each["score"] for each in cell["seeds"]] == pytest.approx([62.0, 62.2])
    verdict = cell["verdict"]
    assert (verdict["word"], verdict["p"], verdict["detectable"], verdict["seeds_needed"]) == ("better", 0.0123, 1.9, 5)
    assert (verdict["low"], verdict["high"]) == pytest.approx((0.5, 3.5))
    none = cells["Dev, without MLM: change against the baseline", "ANLI+", "PAWS-X"]
    assert none["verdict"] == {"word": None, "reason": NO_PREDICTIONS}
    best = cells["Test, models selected on dev", "best", "XNLI"]
    assert (best["intermediate"], best["split"], best["score"]) == ("anli", "test", pytest.approx(63.1))


def test_page_and_json_show_the_same(store, judging, tmp_path):
    written = write_report(store, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    page = written.page.read_text()
    assert list(found["sections"]) == re.findall(r'<section id="([^"]+)"', page)
    assert [section["title"] for section in found["sections"].values()] == re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    assert found["format"] == 1
    assert found["newest_record"] == "2026-01-01T00:00:00+00:00"
    for id in names(store).values():
        assert page.count(id) >= 1
    assert "https://" not in page
    assert "http://" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)


def test_the_same_store_gives_the_same_bytes(store, judging, tmp_path):
    write_report(store, tmp_path / "one")
    write_report(Store(store.root), tmp_path / "two")
    for name in ("report.html", "report.json", "report.md", "table2.tex", "languages.tex"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_no_closed_test_score_is_anywhere(store, judging, tmp_path):
    """The closed rows have a test score that no other figure has."""
    for run in load(store):
        if run.record.spec.tasks == ("xnli",) and str(run.variant) not in ("none", "anli"):
            scores = [dataclasses.replace(s, value=77.7123) if s.split == "test" else s for s in run.record.scores]
            store.finish(dataclasses.replace(run.record, scores=tuple(scores)))
    written = write_report(store, tmp_path / "out")
    assert "77.7" not in whole(written)
    found = texts(tmp_path / "out")
    assert {"report.html", "report.json", "report.md", "languages.tex", "table2.tex", "transfer.svg"} <= set(found)
    assert [name for name, text in found.items() if "77.7" in text] == []


def test_the_answer_says_what_to_train_on_and_how_sure_that_is(store, judging, tmp_path):
    write_report(store, tmp_path / "out")
    [answer] = in_json(tmp_path / "out", "answer")
    lines = [[value if isinstance(value, str) else value["text"] for value in line] for line in answer["lines"]]
    assert lines[0] == ["XNLI", "ANLI+", "+2.0", "+0.5 to +3.5", "▲ better", "not separable from 2 of 6"]
    assert lines[1][4] == f"no verdict: {NO_PREDICTIONS}"
    selection = part(write_report(store, tmp_path / "out"), "selection")
    assert "| not separable from 2 of 6 |" in selection
    assert (
        "- **XNLI** (ANLI+): ANLI+ + MLM (0.5 behind, -1.0 to 2.0), Multi-task (1.0 behind, -0.5 to 2.5)" in selection
    )


def test_settings_of_every_row_are_there_and_what_is_shared_is_said_once(store, tmp_path):
    write_report(store, tmp_path / "out")
    _, shared, grid = in_json(tmp_path / "out", "settings")
    assert shared["facts"]["weight decay"] == "0.01"
    assert shared["facts"]["warm-up"] == "0.1"
    place = grid["columns"].index("learning rate")
    rates = {line[0] if isinstance(line[0], str) else line[0]["text"]: line[place] for line in grid["lines"]}
    assert (rates["SQuAD"]["text"], rates["SQuAD"]["number"]) == ("1e-05", 1e-5)
    assert rates["XNLI"]["number"] == 3e-6
    assert rates["Tatoeba"] == ""


def test_scores_by_language_have_their_intervals(store, judging, tmp_path):
    write_report(store, tmp_path / "out")
    folded = {block["text"]: block["blocks"] for block in in_json(tmp_path / "out", "languages")[1:]}
    [grid] = folded["XNLI, dev (acc)"]
    [german] = [line for line in grid["lines"] if line[0] == "de"]
    assert german[grid["columns"].index("ANLI+")]["low"] == 58.5
    assert "low" not in german[grid["columns"].index("SQuAD")]
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<small>58.5 to 61.5</small>") == 1


def test_notes_that_differ_in_figures_and_names_alone_are_one_kind(store):
    [run] = [run for run in load(store) if run.record.name == "anli -> tatoeba #42"]
    notes = (
        "tatoeba de: 3 of 1,000 rows",
        "tatoeba sw: 12 of 900 rows",
        "quite another",
        "tatoeba en, de: 3 of 7 rows",
    )
    runs = [dataclasses.replace(run, record=dataclasses.replace(run.record, notes=notes))]
    folded, single = notes_section(runs).blocks
    assert folded.said == "tatoeba de: 3 of 1,000 rows (and 2 more of this kind; 1 run)"
    assert [item.said for item in folded.blocks[0].items] == [
        f"{note} (anli -> tatoeba #42)" for note in (*notes[:2], notes[3])
    ]
    assert [item.said for item in single.items] == ["quite another (anli -> tatoeba #42)"]
    assert kind("'x' of 3.5e-06") == kind("'yy' of 7")
    assert kind("a de b", ["de"]) != kind("a den b", ["de"])


def test_a_sweep_that_runs_has_the_same_page_with_what_there_is(tmp_path):
    store = fill(tmp_path / "store", skip=[("squad", False, "xnli")])
    up = names(store)["squad #42"]
    plan = plan_of(store, (target_spec("xnli", parent=up), "squad -> xnli #42"))
    written = write_report(store, tmp_path / "out", plan=plan)
    cell = table2(tmp_path / "out")["Dev, without MLM: change against the baseline", "SQuAD", "XNLI"]
    assert (cell["shown"], cell["gap"]["state"], cell["score"]) == ("…", "pending", None)
    assert cell["seeds"] == [{"seed": 42, "run": plan.cells["squad", False, "xnli", 42], "score": None,
                              "reason": "pending: not finished"}]  # fmt: skip
    assert "Where the missing dev averages can lie: SQuAD" in whole(written)
    [answer] = in_json(tmp_path / "out", "answer")
    assert answer["lines"][0][1] == "open: 1 of 7 candidates without a dev score: SQuAD"


def test_the_short_report_is_short_and_says_where_the_rest_is(store, judging, tmp_path):
    written = write_report(store, tmp_path / "out")
    text = written.path.read_text()
    assert len(text.splitlines()) < 90
    assert "report.html beside this file has: What to train on first, Figures, Scores by language," in text
    assert "## Costs" not in text
    assert "## Costs\n" in whole(written)


def test_pictures_stand_on_the_page_and_beside_it_until_a_report_without_them(store, judging, tmp_path):
    write_report(store, tmp_path / "out")
    blocks = in_json(tmp_path / "out", "figures")
    names_drawn = [inner["name"] for block in blocks for inner in block.get("blocks", [block])]
    assert "transfer" in names_drawn
    folder = tmp_path / "out" / "figures"
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{form}" for name in names_drawn for form in ("svg", "pdf")
    }
    assert (tmp_path / "out" / "report.html").read_text().count("<svg") == len(names_drawn)
    (folder / "mine.svg").write_text("mine")
    assert main([str(store.root), "--out", str(tmp_path / "out"), "--no-figures"]) == 0
    assert [path.name for path in folder.iterdir()] == ["mine.svg"]
    assert in_json(tmp_path / "out", "figures") == []
    assert "<svg" not in (tmp_path / "out" / "report.html").read_text()


# options and bad input


def test_the_margin_is_checked_in_the_words_of_all_bounds(store, judging, tmp_path, capsys):
    assert main([str(store.root), "--margin", "1.5"]) == 0
    assert "≈ equivalent: within 1.5 points" in " ".join(capsys.readouterr().out.split())
    assert MARGIN == 0.5
    for given in ("-1", "nan", "x", "101"):
        with pytest.raises(SystemExit, match="2"):
            main([str(store.root), "--margin", given])
        assert f"given {given!r}; allowed: a number from 0 to 100" in capsys.readouterr().err


def test_two_encoders_in_one_store_are_refused_with_how_to_choose(store, capsys, tmp_path):
    other = EncoderRef(name="bundled:6", revision="1")
    store.finish(record(target_spec("xnli", encoder=other), language_scores("xnli", 99.0)))
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "encoder.name: bundled:3" in message
    assert "--where encoder.name=bundled:3" in message
    assert not (tmp_path / "out").exists()


def test_a_record_of_a_future_format_is_named_and_the_page_made(store, tmp_path):
    run_id = names(store)["squad -> xnli #42"]
    store.save_plan(plan_of(store))
    path = store.root / "runs" / run_id / "record.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 9', 1))
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "its record is broken" in page
    assert "format 9" in page.replace("&#39;", "'")


def test_missing_languages_are_a_gap_that_names_them(tmp_path):
    store = Store(tmp_path / "store").prepare()
    scores = language_scores("xnli", 60.0, without={"dev": ("sw", "ur")})
    store.finish(record(target_spec("xnli"), scores, name="none -> xnli #42"))
    write_report(store, tmp_path / "out")
    cell = table2(tmp_path / "out")["Dev", "baseline", "XNLI"]
    assert (cell["shown"], cell["gap"]["reason"]) == ("gap", "2 of 15 languages of XNLI missing: sw, ur")
