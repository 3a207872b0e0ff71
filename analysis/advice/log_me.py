"""LogME: how well a linear model on given features explains labels, as the largest evidence that it can have.

Of Bayesian linear regression with prior precision `alpha` of the weights and noise precision `beta` on the targets, the
logarithm of the evidence at the best two, per row, mean over the classes (one against the rest; You et al. 2021).

All that is needed of the features is their Gram matrix, so that thousands of rows cost no more than hundreds.

Shapes: N rows, D features, C classes, R rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STEPS = 100
_TOLERANCE = 1e-6
_LEAST = 1e-10
"""Of the sums that precisions are divided by: features that explain everything, or nothing."""

Array = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """The best explanation of labels.

    Attributes:
        value: log evidence per row, mean over the classes.
        weights: float[D, C], means of the weights.
    """

    value: float
    weights: Array


def log_me(features: Array, labels: NDArray[np.integer]) -> float:
    """LogME of features[N, D] for labels[N]; larger is better, and only for the same labels to be compared."""
    return fit(features, labels).value


def fit(features: Array, labels: NDArray[np.integer]) -> Fit:
    """The best linear explanation of labels[N] by features[N, D]; raises ValueError for fewer than two labels."""
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(f"labels to explain: given {len(classes)} kinds of them; allowed: two or more")
    features_ND = np.asarray(features, np.float64)
    squares_R, right_DR = _principal(features_ND)
    values, weights = [], []
    for label in classes:
        targets_N = (labels == label).astype(np.float64)
        along_R = right_DR.T @ (features_ND.T @ targets_N)
        value, alpha, beta = _evidence(squares_R, along_R**2 / squares_R, targets_N)
        values.append(value)
        weights.append(right_DR @ (beta * along_R / (alpha + beta * squares_R)))
    return Fit(value=float(np.mean(values)), weights=np.stack(weights, axis=1))


def _principal(features_ND: Array) -> tuple[Array, Array]:
    """Squares of the singular values, and the right singular vectors; those that are 0 but for rounding left out."""
    squares_D, right_DD = np.linalg.eigh(features_ND.T @ features_ND)
    kept = squares_D > max(features_ND.shape) * np.finfo(np.float64).eps * squares_D.max()
    return squares_D[kept], right_DD[:, kept]


def _evidence(squares_R: Array, projected_R: Array, targets_N: Array) -> tuple[float, float, float]:
    """Log evidence per row at its maximum, and the two precisions there, by MacKay's fixed point.

    `projected_R` are the squares of the targets along the left singular vectors.
    """
    rows = len(targets_N)
    outside = max(float(targets_N @ targets_N - projected_R.sum()), 0.0)
    alpha = beta = 1.0
    for _ in range(_STEPS):
        known_R = beta * squares_R / (alpha + beta * squares_R)
        weights_square = float((beta**2 * squares_R * projected_R / (alpha + beta * squares_R) ** 2).sum())
        residue = outside + float(((alpha / (alpha + beta * squares_R)) ** 2 * projected_R).sum())
        new_alpha = max(float(known_R.sum()), _LEAST) / max(weights_square, _LEAST)
        new_beta = (rows - float(known_R.sum())) / max(residue, _LEAST)
        moved = abs(np.log(new_alpha / alpha)) + abs(np.log(new_beta / beta))
        alpha, beta = new_alpha, new_beta
        if moved < _TOLERANCE:
            break
    covariance_R = 1 / beta + squares_R / alpha
    exponent = (projected_R / covariance_R).sum() + outside * beta
    determinant = np.log(covariance_R).sum() - (rows - len(squares_R)) * np.log(beta)
    return float(-0.5 * (rows * np.log(2 * np.pi) + determinant + exponent)) / rows, alpha, beta
