"""Rules for choosing a donor, compared: English, the nearest by each distance, the best on average, an advice.

A rule picks a donor for every recipient among those whose labels leave the pair zero-shot. It never looks at the gain
of the pair it picks: the best on average is so over the other recipients. What its picks gain is put beside the best
donor of each recipient (nobody knows it beforehand) and beside any donor, drawn at random. All rules are judged on the
same recipients, those for which every rule has a pick; then again without each donor in turn, for a rule that is good
because of one donor is not known to be good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from analysis.languages.distances import KINDS, distance
from analysis.languages.transfer import Transfer
from analysis.selection.averages import mean
from trainables.tasks.languages import ENGLISH

ENGLISH_RULE, AVERAGE, ANY, ADVICE = "English", "best on average", "any donor", "advice"
NEAREST = "nearest, "
"""Before the kind of the distance."""

Distance = Callable[[str, str, str], float | None]
_Picks = Callable[[str, Sequence[str]], Sequence[str]]
"""(recipient, donors to choose among) -> the picks, several where they tie, none where the rule has no answer."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a rule's picks come to.

    Attributes:
        rule: its name.
        gain: points over the baseline, mean over the recipients.
        regret: points below the best donor of each recipient, mean over them.
        recipients: that it was judged on.
        least_regret: without the donor whose absence helps most, of those that are left out in turn.
        most_regret: without the donor whose absence harms most.
        best: how often it was the best rule, ties included, as one donor after the other was left out.
        rounds: in how many of these rounds it could be judged.
    """

    rule: str
    gain: float
    regret: float
    recipients: int
    least_regret: float
    most_regret: float
    best: int
    rounds: int


def compare(
    found: Transfer,
    advice: Mapping[str, str] | None = None,
    kinds: Sequence[str] = KINDS,
    measure: Distance = distance,
) -> tuple[Outcome, ...]:
    """All rules that have an answer, the least regret first.

    `advice` is recipient -> donor. Empty where fewer than two recipients have two donors to choose among.
    """
    gains = found.zero_shot
    rules = _rules(gains, advice or {}, kinds, cache(measure))
    whole = _judged(gains, rules, found.donors)
    rounds = [
        _judged(gains, rules, [donor for donor in found.donors if donor != left_out]) for left_out in found.donors
    ]
    rounds = [each for each in rounds if each]
    made = []
    for rule, (gain, regret, recipients) in whole.items():
        own = [each[rule][1] for each in rounds if rule in each]
        best = sum(
            rule in each and each[rule][1] <= min(regret for _, regret, _ in each.values()) + 1e-9 for each in rounds
        )
        made.append(
            Outcome(
                rule=rule, gain=gain, regret=regret, recipients=recipients, least_regret=min(own, default=regret),
                most_regret=max(own, default=regret), best=best, rounds=len(own),
            )
        )  # fmt: skip
    return tuple(sorted(made, key=lambda outcome: outcome.regret))


def _rules(
    gains: Mapping[tuple[str, str], float], advice: Mapping[str, str], kinds: Sequence[str], measure: Distance
) -> dict[str, _Picks]:
    rules: dict[str, _Picks] = {
        ENGLISH_RULE: lambda recipient, donors: [ENGLISH] if ENGLISH in donors else [],
        AVERAGE: lambda recipient, donors: _best_elsewhere(gains, recipient, donors),
        ANY: lambda recipient, donors: donors,
    }
    for kind in kinds:
        rules[NEAREST + kind] = partial(_nearest, kind, measure)
    if advice:
        rules[ADVICE] = lambda recipient, donors: [advice[recipient]] if advice.get(recipient) in donors else []
    return rules


def _judged(
    gains: Mapping[tuple[str, str], float], rules: Mapping[str, _Picks], donors: Sequence[str]
) -> dict[str, tuple[float, float, int]]:
    """Rule -> gain, regret, recipients; on the recipients for which all rules that answer anywhere have a pick."""
    choices = {
        recipient: own
        for recipient in dict.fromkeys(recipient for _, recipient in gains)
        if len(own := [donor for donor in donors if (donor, recipient) in gains]) > 1
    }
    picks = {rule: {code: list(pick(code, own)) for code, own in choices.items()} for rule, pick in rules.items()}
    answering = {rule: own for rule, own in picks.items() if any(own.values())}
    judged_on = [code for code in choices if all(own[code] for own in answering.values())]
    if len(judged_on) < 2:
        return {}
    best = mean(max(gains[donor, code] for donor in choices[code]) for code in judged_on)
    found = {
        rule: mean(mean(gains[donor, code] for donor in own[code]) for code in judged_on)
        for rule, own in answering.items()
    }
    return {rule: (gain, best - gain, len(judged_on)) for rule, gain in found.items()}


def _nearest(kind: str, measure: Distance, recipient: str, donors: Sequence[str]) -> list[str]:
    known = {donor: away for donor in donors if (away := measure(kind, donor, recipient)) is not None}
    return [donor for donor, away in known.items() if away <= min(known.values()) + 1e-9]


def _best_elsewhere(gains: Mapping[tuple[str, str], float], recipient: str, donors: Sequence[str]) -> list[str]:
    """By the mean gain over the other recipients that all these donors have."""
    others = [
        code
        for code in dict.fromkeys(code for _, code in gains)
        if code != recipient and all((donor, code) in gains for donor in donors)
    ]
    if not others:
        return []
    means = {donor: mean(gains[donor, code] for code in others) for donor in donors}
    return [donor for donor, value in means.items() if value >= max(means.values()) - 1e-9]
