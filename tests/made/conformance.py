"""The suite that every task must pass, with what holds for the tasks of the paper alone."""

from __future__ import annotations

from tests.made.texts import tokenizer
from trainables.data.conformance import examine, held
from trainables.tasks import languages
from trainables.tasks.registry import task
from trainables.tasks.task import Role, Split

ROWS = 40
PUBLISHED_LANGUAGES = {
    "xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9, "bucc": 4, "tatoeba": 36,
}  # fmt: skip


class Conformance:
    """What every task must hold on every corpus; a test module derives from it and names tasks and corpora."""

    def test_what_it_declares_is_what_its_rows_give(self, name, corpus):
        assert [str(problem) for problem in examine(task(name), corpus, tokenizer(), rows=ROWS)] == []

    def test_training_rows_are_at_hand(self, name, corpus):
        known = task(name)
        # No open data has CCG categories.
        assert held(known, Split.TRAIN, corpus) or not known.trains or (name == "ccg" and corpus.kind == "mirror")

    def test_declaration_is_that_of_the_paper(self, name, corpus):
        known = task(name)
        if known.trains:
            assert known.languages[Split.TRAIN] == known.languages[Split.STOPPING] == ("en",)
            assert known.num_train_rows > 0
        if known.role is Role.TARGET:
            assert len(known.languages[Split.TEST]) == PUBLISHED_LANGUAGES[name]
        assert set(known.languages.get(Split.TEST, ())) <= set(languages.XTREME)
