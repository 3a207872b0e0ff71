"""Bitext mining written out pair by pair, as protocol.md 5.4 says it."""

from __future__ import annotations

import numpy as np


def slow_candidates(foreign, english, embeddings, k=4):
    """Candidate ids and scores, best first. `foreign` and `english` are (id, text); `embeddings` text -> vector."""
    xs, ys = (list(dict.fromkeys(text for _, text in side)) for side in (foreign, english))
    cosine = np.array([[embeddings[x] @ embeddings[y] for y in ys] for x in xs])
    near_x = [sorted(range(len(ys)), key=lambda y, x=x: -cosine[x, y])[:k] for x in range(len(xs))]
    near_y = [sorted(range(len(xs)), key=lambda x, y=y: -cosine[x, y])[:k] for y in range(len(ys))]

    def margin(x, y):
        mean_x = np.mean([cosine[x, other] for other in near_x[x]])
        mean_y = np.mean([cosine[other, y] for other in near_y[y]])
        return cosine[x, y] / ((mean_x + mean_y) / 2)

    pool = [max((margin(x, y), x, y) for y in near_x[x]) for x in range(len(xs))]
    pool += [max((margin(x, y), x, y) for x in near_y[y]) for y in range(len(ys))]
    taken_x, taken_y, found = set(), set(), []
    for score, x, y in sorted(pool, reverse=True):
        if score > 0 and x not in taken_x and y not in taken_y:
            taken_x.add(x)
            taken_y.add(y)
            found.append((score, xs[x], ys[y]))
    once = [{text: name for name, text in side if [t for _, t in side].count(text) == 1} for side in (foreign, english)]
    return [(score, once[0][x], once[1][y]) for score, x, y in found if x in once[0] and y in once[1]]


def slow_threshold(candidates, gold):
    """Try every prefix; the threshold lies half-way behind the best, the shortest of equals."""
    best_f1, threshold = 0.0, float("inf")
    for size in range(1, len(candidates) + 1):
        right = len({(x, y) for _, x, y in candidates[:size]} & gold)
        f1 = 2 * right / (size + len(gold))
        if f1 > best_f1:
            ends = candidates[size - 1 : size + 1]
            best_f1, threshold = f1, sum(score for score, _, _ in ends) / len(ends)
    return threshold


def slow_f1(candidates, gold, threshold):
    found = {(x, y) for score, x, y in candidates if score >= threshold}
    return 200 * len(found & gold) / (len(found) + len(gold))
