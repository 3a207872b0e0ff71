"""Donors: an advice on which language's rows to train on, for each language that a target is measured in.

It knows no record: the signals of the donors' rows weigh the same, with the languages of each recipient in turn.
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.advice.ranking import Advice
from analysis.advice.signals import Distance, Goal, Source, signals_of
from analysis.languages.distances import distance
from analysis.languages.transfer import Transfer
from trainables.tasks.sample import Sample


def advised_donors(
    found: Transfer, sources: Sequence[Source], sample: Sample | None, measure: Distance = distance
) -> dict[str, str]:
    """Recipient -> the donor advised, of those that leave the pair zero-shot; `sample` is of the target."""
    donors = {str(row): donor for donor, row in found.rows.items()}
    own = [source for source in sources if source.name in donors]
    advised = {}
    for recipient in found.recipients:
        allowed = [source for source in own if (donors[source.name], recipient) in found.zero_shot]
        if not allowed:
            continue
        goal = Goal(name=found.target, languages=(recipient,), sample=sample)
        names = [source.name for source in allowed]
        scores = Advice(cheap=signals_of(allowed, [goal], measure)).guess(names, found.target)
        advised[recipient] = donors[names[int(scores.argmax())]]
    return advised
