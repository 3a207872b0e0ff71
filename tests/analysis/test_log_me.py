"""LogME against the evidence as the density of a Gaussian, maximised by another program."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from analysis.advice.log_me import fit, log_me


def problem(rows, width, noise, classes=2, seed=0):
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, width))
    scores = features[:, :classes] + noise * generator.normal(size=(rows, classes))
    return features, scores.argmax(axis=1)


def plain(features, targets):
    """The largest log density of the targets, per row, over both precisions."""

    def minus(logs):
        alpha, beta = np.exp(logs)
        covariance = np.eye(len(targets)) / beta + features @ features.T / alpha
        return -multivariate_normal(np.zeros(len(targets)), covariance).logpdf(targets)

    found = min((minimize(minus, start, method="Nelder-Mead") for start in ([0, 0], [2, 2])), key=lambda own: own.fun)
    return -found.fun / len(targets)


@pytest.mark.parametrize(("rows", "width"), [(40, 5), (12, 20), (30, 30)])
def test_it_is_the_largest_evidence(rows, width):
    features, labels = problem(rows, width, 0.5)
    expected = np.mean([plain(features, (labels == label).astype(float)) for label in (0, 1)])
    assert log_me(features, labels) == pytest.approx(expected, abs=2e-3)


def test_features_that_repeat_each_other_have_the_evidence_of_their_sum():
    features, labels = problem(40, 5, 0.5)
    repeated = np.concatenate([features, features], axis=1)
    expected = np.mean([plain(repeated, (labels == label).astype(float)) for label in (0, 1)])
    assert log_me(repeated, labels) == pytest.approx(expected, abs=2e-3)
    assert log_me(repeated / np.sqrt(2), labels) == pytest.approx(log_me(features, labels), abs=1e-6)


def test_features_that_tell_the_labels_score_higher_than_those_that_do_not():
    features, labels = problem(200, 8, 0.2, classes=3)
    other = np.random.default_rng(1).normal(size=features.shape)
    assert log_me(features, labels) > log_me(other, labels) + 0.1


def test_the_weights_predict():
    features, labels = problem(300, 8, 0.1, classes=3)
    unseen, gold = problem(300, 8, 0.1, classes=3, seed=7)
    assert ((unseen @ fit(features, labels).weights).argmax(axis=1) == gold).mean() > 0.85


def test_one_label_is_nothing_to_explain():
    with pytest.raises(ValueError, match="given 1 kinds of them; allowed: two or more"):
        log_me(np.ones((4, 2)), np.zeros(4, int))


def test_features_that_are_all_nothing_have_an_evidence():
    assert np.isfinite(log_me(np.zeros((6, 2)), np.array([0, 1, 0, 1, 0, 1])))
