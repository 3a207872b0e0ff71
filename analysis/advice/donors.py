"""Donors: an advice on which language's rows to train on, for each language that a target is measured in.

It knows no record, and goes by what differs from recipient to recipient or from donor to donor: how near the languages
are, and how many rows there are. What the encoder says of rows is left out. The rows of the target that it can be shown
are English, so it would name English for every recipient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.advice.ranking import Advice
from analysis.advice.signals import Distance, Goal, Source, signals_of
from analysis.languages.distances import distance
from analysis.languages.transfer import Transfer


def advised_donors(found: Transfer, sources: Sequence[Source], measure: Distance = distance) -> dict[str, str]:
    """Recipient -> the donor advised, of those that leave the pair zero-shot."""
    donors = {str(row): donor for donor, row in found.rows.items()}
    own = [replace(source, sample=None) for source in sources if source.name in donors]
    advised = {}
    for recipient in found.recipients:
        allowed = [source for source in own if (donors[source.name], recipient) in found.zero_shot]
        if not allowed:
            continue
        goal = Goal(name=found.target, languages=(recipient,))
        names = [source.name for source in allowed]
        scores = Advice(cheap=signals_of(allowed, [goal], measure)).guess(names, found.target)
        advised[recipient] = donors[names[int(scores.argmax())]]
    return advised
