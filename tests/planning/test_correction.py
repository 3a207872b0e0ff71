"""The correction: what a multivariate normal says, worked out by linear algebra; and what must hold of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.planning.correction import COVERED, KIND_SD, RUN_SD, TASK_SD, Correction, Factor, Key, Sample

PRIOR = 0.7
KEYS = st.builds(Key, kind=st.sampled_from("ab"), task=st.sampled_from("xyz"))
SAMPLES = st.lists(st.builds(Sample, key=KEYS, log_ratio=st.floats(-2, 2)), max_size=8)


def oracle(samples: list[Sample], key: Key, noise: float) -> tuple[float, float]:
    """Mean and sd of a new run of `key`: the conditional distribution of one normal vector."""
    keys = [sample.key for sample in samples] + [key]

    def shared(a: Key, b: Key) -> float:
        same_kind = a.kind == b.kind
        return PRIOR**2 + KIND_SD**2 * same_kind + TASK_SD**2 * (same_kind and a.task == b.task)

    covariance = np.array([[shared(a, b) for b in keys] for a in keys]) + noise * np.eye(len(keys))
    seen, cross = covariance[:-1, :-1], covariance[-1, :-1]
    weights = np.linalg.solve(seen, cross) if len(samples) else np.zeros(0)
    mean = float(weights @ np.array([sample.log_ratio for sample in samples]))
    return mean, math.sqrt(covariance[-1, -1] - float(weights @ cross))


def noise_of(samples: list[Sample]) -> float:
    """Variance of runs around the mean of their task; the assumed one counts as four runs."""
    tasks: dict[Key, list[float]] = {}
    for sample in samples:
        tasks.setdefault(sample.key, []).append(sample.log_ratio)
    squares = sum(sum((value - np.mean(values)) ** 2 for value in values) for values in tasks.values())
    degrees = sum(len(values) - 1 for values in tasks.values())
    return float((4 * RUN_SD**2 + squares) / (4 + degrees))


@given(samples=SAMPLES, key=KEYS)
def test_factors_are_those_of_the_normal_that_the_model_describes(samples: list[Sample], key: Key) -> None:
    found = Correction(samples, prior_sd=PRIOR).factor(key)
    mean, sd = oracle(samples, key, noise_of(samples))
    assert (found.log, found.sd) == pytest.approx((mean, sd), abs=1e-6)


@given(samples=SAMPLES.filter(bool), key=KEYS)
def test_without_a_sample_is_as_if_it_had_never_been(samples: list[Sample], key: Key) -> None:
    whole = Correction(samples, prior_sd=PRIOR)
    before = whole.factor(key)
    found = whole.factor(key, without=samples[0])
    expected = Correction(samples[1:], prior_sd=PRIOR).factor(key)
    assert (found.log, found.sd) == pytest.approx((expected.log, expected.sd), abs=1e-6)
    assert whole.factor(key) == before


@given(samples=st.lists(st.floats(-2, 2), min_size=1, max_size=6), key=KEYS)
def test_runs_that_are_summed_up_say_what_they_say_one_by_one(samples: list[float], key: Key) -> None:
    own = Key(kind="a", task="x")
    one_by_one = Correction([Sample(key=own, log_ratio=value) for value in samples], prior_sd=PRIOR)
    mean = float(np.mean(samples))
    squares = float(sum((value - mean) ** 2 for value in samples))
    summed = Sample(key=own, log_ratio=mean, count=len(samples), squares=squares)
    found, expected = (each.factor(key) for each in (Correction([summed], prior_sd=PRIOR), one_by_one))
    assert (found.log, found.sd) == pytest.approx((expected.log, expected.sd), abs=1e-6)


def test_nothing_measured_leaves_the_estimate_and_its_wide_interval() -> None:
    found = Correction(prior_sd=PRIOR).factor(Key(kind="a", task="x"))
    assert found.median == 1
    sd = math.sqrt(PRIOR**2 + KIND_SD**2 + TASK_SD**2 + RUN_SD**2)
    assert found.high == pytest.approx(math.exp(1.2816 * sd), rel=1e-4)
    assert found.low == pytest.approx(1 / found.high)


def test_a_machine_half_as_fast_moves_its_own_task_most_and_all_others_too() -> None:
    own = Key(kind="a", task="x")
    found = Correction([Sample(key=own, log_ratio=math.log(2), count=20)], prior_sd=PRIOR)
    same, alike, other = (found.factor(key) for key in (own, Key(kind="a", task="y"), Key(kind="b", task="x")))
    assert 1 < other.median < alike.median < same.median < 2.01
    assert same.median == pytest.approx(2, rel=0.02)
    assert same.sd < alike.sd < other.sd < math.sqrt(PRIOR**2 + KIND_SD**2 + TASK_SD**2 + RUN_SD**2)


def test_eight_runs_of_ten_lie_in_the_interval_when_the_model_is_right() -> None:
    luck, inside, number = np.random.default_rng(1), 0, 600
    for _ in range(number):
        machine = luck.normal(0, PRIOR)
        kinds = {kind: machine + luck.normal(0, KIND_SD) for kind in "ab"}
        tasks = {(kind, task): kinds[kind] + luck.normal(0, TASK_SD) for kind in "ab" for task in "xy"}
        samples = [
            Sample(key=Key(kind=kind, task=task), log_ratio=luck.normal(mean, RUN_SD))
            for (kind, task), mean in list(tasks.items())[:3] for _ in range(2)
        ]  # fmt: skip
        found = Correction(samples, prior_sd=PRIOR).factor(Key(kind="b", task="y"))
        inside += found.low <= math.exp(luck.normal(tasks["b", "y"], RUN_SD)) <= found.high
    assert inside / number == pytest.approx(COVERED, abs=0.06)  # more than three standard errors


@pytest.mark.parametrize("sd", [0.0, -1.0, math.nan])
def test_a_prior_without_width_is_refused(sd: float) -> None:
    with pytest.raises(ValueError, match="prior_sd must be above 0, got"):
        Correction(prior_sd=sd)


def test_a_factor_is_a_median_between_two_ends() -> None:
    found = Factor(log=math.log(3), sd=0.5)
    assert found.median == pytest.approx(3)
    assert math.sqrt(found.low * found.high) == pytest.approx(3)
