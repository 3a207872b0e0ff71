"""The section on donor and recipient languages: gains, how they go with distances, which rule chooses a donor best."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.advice.donors import advised_donors
from analysis.advice.signals import Source
from analysis.languages.association import FEWEST_LANGUAGES, SHUFFLES, Association, associations
from analysis.languages.distances import PACKAGE, source
from analysis.languages.rules import Outcome, compare
from analysis.languages.transfer import Transfer
from analysis.report.content import Block, Code, Folded, Grid, Head, Line, Paragraph, Section, Value
from analysis.statistics.estimate import Verdict
from analysis.tables.table import number
from analysis.tables.table2 import SEEN
from trainables.ledger.recipe import recipe_of
from trainables.tasks.families import family_of
from trainables.tasks.language_facts import by_family

TITLE = "Donor and recipient languages"


def donors_section(found: Sequence[Transfer]) -> Section:
    """A folded part for every training and target; those of one family of tasks first."""
    blocks: list[Block] = []
    for each in sorted(found, key=lambda own: family_of(own.target) != family_of(own.training.partition(":")[0])):
        blocks.append(Folded(said=each.title, blocks=(_gains(each), *_distances(each), *_rules(each))))
    if blocks:
        blocks.insert(0, Paragraph(said=_introduction()))
    return Section(id="donors", title=TITLE, blocks=tuple(blocks))


def _introduction() -> str:
    said = (
        "Rows that differ in the language of their training rows alone (donors), and what they gain over the baseline "
        f"in every language of a target (recipients). {SEEN}: labels of such a task were seen in the recipient "
        "language, by the donor's row or by the target's own training; such pairs are no zero-shot transfer and are "
        "left out of "
        "all that follows the table. Correlations are Spearman's; p by "
        f"{SHUFFLES:,} shuffles of the labels of the languages, each within its role (two-sided), adjusted by Holm "
        "over the distances."
    )
    if read := source():
        return f"{said} Distances: languages.csv and {read} (CC BY-SA 4.0)."
    return f"{said} Distances of URIEL+ are not shown: {PACKAGE} is not installed (docs/languages.md)."


def _gains(found: Transfer) -> Grid:
    """Donors down, recipients across; the mean over the zero-shot recipients at the right."""
    recipients = [code for group in by_family(found.recipients).values() for code in group]
    lines = []
    for donor in found.donors:
        own = {code: gain for (of, code), gain in found.zero_shot.items() if of == donor}
        mean = Value(said="") if not own else _points(sum(own.values()) / len(own))
        cells = (Value(said=donor), *(_pair(found, donor, code) for code in recipients), mean)
        lines.append(Line(cells=cells))
    heads = (Head(title="donor"), *(Head(title=code, numeric=True) for code in (*recipients, "mean")))
    return Grid(title="Gain in points, donors down, recipients across", heads=heads, lines=tuple(lines))


def _pair(found: Transfer, donor: str, recipient: str) -> Value:
    gain, verdict = found.gains.get((donor, recipient)), found.verdicts.get((donor, recipient))
    if gain is None:
        return Value(said="–", empty=True)
    if (donor, recipient) in found.supervised:
        return Value(said=f"{number(gain, signed=True)} {SEEN}", number=gain)
    if not isinstance(verdict, Verdict):
        return _points(gain)
    said = f"{number(gain, signed=True)} {verdict.word.sign}".strip()
    return Value(said=said, number=gain, low=verdict.estimate.low, high=verdict.estimate.high)


def _points(value: float) -> Value:
    return Value(said=number(value, signed=True), number=value)


def _distances(found: Transfer) -> tuple[Block, ...]:
    made = associations(found)
    if all(each.correlation is None for each in made):
        return (
            Paragraph(
                said="Distances: too few languages whose distances are known, or no differences; a correlation needs "
                f"{FEWEST_LANGUAGES}."
            ),
        )
    heads = [Head(title="distance"), *(Head(title=title, numeric=True) for title in _ASSOCIATION)]
    lines = tuple(Line(cells=(Value(said=each.kind), *_association(each))) for each in made)
    return (Grid(title="Gain against the distance of donor and recipient", heads=tuple(heads), lines=lines),)


_ASSOCIATION = ("correlation", "p", "p, adjusted", "pairs", "languages")


def _association(found: Association) -> tuple[Value, ...]:
    if found.correlation is None:
        return (Value(said=found.reason, empty=True), *(Value(said="") for _ in _ASSOCIATION[1:]))
    numbers = (found.correlation, found.p, found.adjusted)
    said = (f"{found.correlation:+.2f}".replace("-", "\N{MINUS SIGN}"), f"{found.p:.3f}", f"{found.adjusted:.3f}")
    counts = (found.pairs, found.languages)
    return (
        *(Value(said=text, number=value) for text, value in zip(said, numbers, strict=True)),
        *(Value(said=str(count), number=count) for count in counts),
    )


def _rules(found: Transfer) -> tuple[Block, ...]:
    sources = [Source(recipe=recipe_of(row)) for row in found.rows.values()]
    outcomes = compare(found, advised_donors(found, sources))
    if not outcomes:
        return (Paragraph(said="Rules for choosing a donor: fewer than two recipients have donors to choose among."),)
    heads = ("gain", "regret", "regret without a donor, least", "most", "best without a donor")
    lines = tuple(Line(cells=(Value(said=each.rule), *_outcome(each))) for each in outcomes)
    least = outcomes[0]
    said = (
        f"Least regret: {least.rule}. Every rule picks a donor for each of {least.recipients} recipients, without "
        "looking at the gain of the pair that it picks; regret is the distance to the best donor of each recipient in "
        "points. Then again without each donor in turn. The advice goes by all distances "
        "together."
    )
    titles = (Head(title="rule"), *(Head(title=title, numeric=True) for title in heads))
    return (
        Grid(title="Rules for choosing a donor", heads=titles, lines=lines),
        Paragraph(said=(said, " ", Code("docs/languages.md"), " says what the rules are.")),
    )


def _outcome(found: Outcome) -> tuple[Value, ...]:
    regrets = (found.regret, found.least_regret, found.most_regret)
    return (
        _points(found.gain),
        *(Value(said=number(value), number=value) for value in regrets),
        Value(said=f"{found.best} of {found.rounds}", number=found.best),
    )
