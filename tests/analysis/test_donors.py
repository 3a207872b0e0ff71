"""Donors and recipients: what is a donor, associations with distances, rules for choosing one, and the report."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr

from analysis.figures.donors import donor_map
from analysis.languages.association import associations
from analysis.languages.rules import compare
from analysis.languages.transfer import Transfer, donor_of, transfers
from analysis.report.writer import report_on
from analysis.scores.load import load
from analysis.selection.results import collect
from tests.made.donors import fill_donors
from tests.made.figures import cut_off
from tests.made.records import fill
from tests.made.reports import in_json
from trainables.ledger.cells import Row
from trainables.ledger.recipe import parse_recipe
from trainables.tasks.registry import task
from trainables.tasks.task import Split

PLACES = {"en": 0.0, "de": 0.1, "fr": 0.2, "hi": 0.5, "ta": 0.6, "sw": 0.9, "yo": 1.0}


def far(kind, a, b):
    """Languages on a line; of the kind `unknown` nothing is known."""
    return None if kind == "unknown" else abs(PLACES[a] - PLACES[b])


def transfer(gain, donors=tuple(PLACES), recipients=tuple(PLACES), supervised=lambda donor, code: donor == code):
    pairs = list(itertools.product(donors, recipients))
    return Transfer(
        training="panx", target="panx", rows={donor: Row(f"panx@{donor}", False) for donor in donors},
        recipients=recipients, gains={pair: gain(*pair) for pair in pairs},
        supervised=frozenset(pair for pair in pairs if supervised(*pair)),
    )  # fmt: skip


@pytest.mark.parametrize(("recipe", "donor"), [
    ("panx@sw", ("panx", "sw")), ("panx", ("panx", "en")), ("panx@sw:1000", ("panx:1000", "sw")),
    ("panx@sw/adapter", ("panx/adapter", "sw")), ("panx@sw+mlm", ("panx+mlm", "sw")), ("mlm@sw", ("mlm", "sw")),
    ("none", None), ("mlm", None), ("panx@de+sw", None), ("squad>panx@sw", None), ("panx@sw+mlm@de", None),
])  # fmt: skip
def test_donors_differ_in_nothing_but_one_language(recipe, donor):
    assert donor_of(parse_recipe(recipe).row) == donor


def test_gains_are_over_the_baseline_in_the_same_language(tmp_path):
    def level(donor, recipient):
        return 40.0 + len(recipient) + {"": 0.0, "en": 1.0, "sw": 3.0 if recipient == "yo" else 2.0}[donor]

    [found] = transfers(collect(load(fill_donors(tmp_path, "panx", ["en", "sw"], level))))
    assert (found.training, found.target, found.donors) == ("panx", "panx", ("en", "sw"))
    assert found.gains["sw", "yo"] == 3.0
    assert found.gains["en", "yo"] == 1.0
    assert found.supervised == {("sw", "sw"), ("sw", "en"), ("en", "en")}


def test_the_rows_of_the_paper_are_no_donors(tmp_path):
    store = fill(tmp_path)
    assert transfers(collect(load(store))) == ()
    assert in_json(report_on(store.root, figures=False).path.parent, "donors") == []


def test_nearer_donors_that_give_more_are_found():
    found = transfer(lambda donor, code: 5.0 - far("", donor, code))
    [near, unknown] = associations(found, ["line", "unknown"], far)
    assert near.correlation == pytest.approx(-1.0)
    assert near.p < 0.01
    assert near.adjusted == near.p
    assert (near.pairs, near.languages) == (42, 7)
    assert unknown.correlation is None
    assert "known of 0 languages" in unknown.reason or "known of 1 languages" in unknown.reason


def test_the_correlation_is_spearmans_and_p_is_that_of_all_orders_of_the_languages():
    """Against scipy, and against every one of the 5! orders, counted one by one."""
    codes = ("en", "de", "fr", "hi", "ta")
    gains = dict(zip(itertools.product(codes, codes), np.random.default_rng(3).normal(size=25), strict=True))
    found = transfer(lambda donor, code: gains[donor, code] - 2 * far("", donor, code), codes, codes)
    pairs = list(found.zero_shot)
    values = [found.zero_shot[pair] for pair in pairs]

    def correlation(order):
        name = dict(zip(codes, order, strict=True))
        return spearmanr([round(far("", name[a], name[b]), 9) for a, b in pairs], values).statistic

    own = correlation(codes)
    exact = np.mean([abs(correlation(order)) >= abs(own) - 1e-12 for order in itertools.permutations(codes)])
    [made] = associations(found, ["line"], far, shuffles=4000)
    assert made.correlation == pytest.approx(own)
    assert made.p == pytest.approx(exact, abs=0.03)


def test_labels_change_places_among_languages_of_one_role_only():
    """Two donors that only give, five languages that only receive: every one of the 2! x 5! orders, counted."""
    donors, recipients = ("en", "de"), ("fr", "hi", "ta", "sw", "yo")
    gains = dict(zip(itertools.product(donors, recipients), np.random.default_rng(5).normal(size=10), strict=True))
    found = transfer(lambda donor, code: gains[donor, code] - 3 * far("", donor, code), donors, recipients)
    values = [found.gains[pair] for pair in found.gains]

    def correlation(givers, takers):
        name = dict(zip(donors + recipients, givers + takers, strict=True))
        return spearmanr([round(far("", name[a], name[b]), 9) for a, b in found.gains], values).statistic

    orders = itertools.product(itertools.permutations(donors), itertools.permutations(recipients))
    own = correlation(donors, recipients)
    exact = np.mean([abs(correlation(*order)) >= abs(own) - 1e-12 for order in orders])
    [made] = associations(found, ["line"], far, shuffles=4000)
    assert made.p == pytest.approx(exact, abs=0.03)


def test_gains_of_donors_alone_do_not_pass_for_a_relation():
    """One donor is better everywhere: pairs are many, languages few, so p must not be small."""
    found = transfer(lambda donor, code: {"fr": 3.0}.get(donor, 0.0) + 0.01 * len(code))
    [made] = associations(found, ["line"], far)
    assert made.p > 0.05


def test_equal_gains_have_no_correlation():
    [made] = associations(transfer(lambda donor, code: 1.0), ["line"], far)
    assert (made.correlation, made.reason) == (None, "all gains are the same")


def test_supervised_pairs_never_count():
    found = transfer(lambda donor, code: 99.0 if donor == code else -far("", donor, code))
    assert associations(found, ["line"], far)[0].correlation == pytest.approx(-1.0)
    assert max(each.gain for each in compare(found, kinds=["line"], measure=far)) <= 0.0


def test_rules_by_hand():
    """Three donors, three recipients: gains as listed, distances on the line."""
    table = {
        ("en", "fr"): 1.0, ("de", "fr"): 2.0, ("sw", "fr"): 0.0,
        ("en", "hi"): 1.0, ("de", "hi"): 4.0, ("sw", "hi"): 0.0,
        ("en", "yo"): 1.0, ("de", "yo"): 0.0, ("sw", "yo"): 5.0,
    }  # fmt: skip
    found = transfer(lambda donor, code: table[donor, code], ("en", "de", "sw"), ("fr", "hi", "yo"))
    made = {each.rule: each for each in compare(found, {"fr": "de", "hi": "sw", "yo": "sw"}, ["line"], far)}
    assert made["English"].gain == 1.0
    assert made["English"].regret == pytest.approx((1 + 3 + 4) / 3)
    # nearest: fr <- de 2, hi <- de and sw tie at 0.4: (4 + 0) / 2, yo <- sw 5
    assert made["nearest, line"].gain == pytest.approx((2 + 2 + 5) / 3)
    # best on the two others: fr <- sw (2.5), de 2: 0; hi <- sw (2.5): 0; yo <- de (3): 0
    assert made["best on average"].gain == 0.0
    assert made["any donor"].gain == pytest.approx((1 + 5 / 3 + 2) / 3)
    assert made["advice"].gain == pytest.approx((2 + 0 + 5) / 3)
    assert {each.recipients for each in made.values()} == {3}


def test_a_rule_that_lives_on_one_donor_shows_it():
    """Swahili is the best everywhere; without it the best on average is no better than any other."""
    found = transfer(lambda donor, code: 9.0 if donor == "sw" else 1.0, ("en", "de", "sw"), ("fr", "hi", "ta"))
    made = {each.rule: each for each in compare(found, kinds=[])}
    best, english = made["best on average"], made["English"]
    assert (best.regret, english.regret) == (0.0, 8.0)
    assert (english.least_regret, english.most_regret) == (0.0, 8.0)
    assert (english.best, english.rounds) == (1, 2), "without Swahili; it has no answer where English is left out"
    assert best.best == best.rounds == 3


def test_one_recipient_tells_nothing_of_a_rule():
    assert compare(transfer(lambda donor, code: 1.0, ("en", "de"), ("sw",)), kinds=["line"], measure=far) == ()


def test_the_picture_is_the_same_twice_and_says_what_is_crossed():
    found = transfer(lambda donor, code: 5.0 - 8 * far("", donor, code))
    picture = donor_map(found)
    assert picture.svg == donor_map(found).svg
    assert picture.name == "donors-panx-panx"
    assert "Crossed: no zero-shot transfer" in picture.caption


@pytest.mark.parametrize(("target", "donors"), [("panx", 40), ("panx", 1), ("udpos", 12)])
def test_no_name_of_a_family_is_cut_off(target, donors):
    recipients = task(target).languages[Split.DEV]
    assert cut_off(donor_map(transfer(lambda donor, code: 1.0, recipients[:donors], recipients)).figure) == []


def test_the_report_has_gains_distances_and_rules(tmp_path):
    def level(donor, recipient):
        return 50.0 + (2.0 if donor else 0.0) + (30.0 if donor == recipient else 0.0) + (donor == "fi") * 0.5

    store = fill_donors(tmp_path, "panx", ["en", "de", "fi", "sw"], level)
    blocks = in_json(report_on(store.root).path.parent, "donors")
    assert "no zero-shot transfer" in blocks[0]["text"]
    gains, against, rules = (block for block in blocks[1]["blocks"] if block["kind"] == "grid")
    row = next(line for line in gains["lines"] if line[0] == "sw")
    assert row[gains["columns"].index("sw")] == {"text": "+32.0 §", "number": 32.0}
    assert row[-1]["number"] == pytest.approx(2.0)
    assert [line[0] for line in against["lines"]][:2] == ["family", "script"]
    assert {"English", "best on average", "nearest, family", "advice"} <= {line[0] for line in rules["lines"]}
    assert (tmp_path / "report" / "figures" / "donors-panx-panx.svg").exists()
