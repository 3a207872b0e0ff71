"""Input formats: against slow plain re-implementations, hand-made cases and their own inverse."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.made.encoders import gemma_like, tokenizer_of
from tests.made.texts import tokenizer
from trainables.tasks.examples import (
    BitextExample,
    ChoiceExample,
    PairExample,
    SpanExample,
    TaggingExample,
    TextExample,
)
from trainables.tasks.formats.choice import ChoiceFormat
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.formats.sentence import SentenceFormat, encode_texts
from trainables.tasks.formats.span import Rule, SpanFormat, locate_answer
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.formats.tokens import cut_pair
from trainables.tasks.formats.windows import best_contexts, window_ranges

BOS, PAD, EOS, UNK = 0, 1, 2, 3
NLI = PairFormat(labels=("contradiction", "entailment", "neutral"))
TEXT = st.text("ab cd.é中文ไทย½ ㎏\u200b—“”0", max_size=40)


@functools.cache
def ids(text):
    return tokenizer()(text, add_special_tokens=False)["input_ids"]


def one_hot_outputs(encoded):
    """Logits that put every gold span first."""
    outputs = []
    for sequence, (start, end) in zip(encoded.sequences, encoded.spans, strict=True):
        logits = np.zeros((2, len(sequence)), dtype=np.float32)
        if start:
            logits[0, start] = logits[1, end] = 9.0
        outputs.append(logits)
    return outputs


class TestPair:
    def test_layout_equals_the_tokenizers_own(self):
        example = PairExample(id="1", text_a="A man sleeps.", text_b="Ein Mann schläft.", label=1)
        encoded = NLI.encode([example], tokenizer(), 256, training=True)
        own = tokenizer()(example.text_a, example.text_b)["input_ids"]
        assert encoded.sequences[0].tolist() == own
        assert own[0] == BOS
        assert own.count(EOS) == 3
        assert encoded.sequences[0].dtype == np.int32
        assert (encoded.labels.tolist(), encoded.owners.tolist(), encoded.group) == ([1], [0], 1)

    @given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
    def test_cutting_equals_one_token_at_a_time(self, first, second, room):
        slow = [first, second]
        while sum(slow) > room:
            slow[0 if slow[0] > slow[1] else 1] -= 1
        assert cut_pair(first, second, room) == tuple(slow)

    def test_over_long_pairs_are_cut_like_longest_first(self):
        for first, second in ((40, 3), (3, 40), (40, 40), (21, 20)):
            text_a, text_b = "one " * first, "two " * second
            own = tokenizer()(text_a, text_b, truncation="longest_first", max_length=24)["input_ids"]
            example = PairExample(id="1", text_a=text_a, text_b=text_b, label=0)
            [sequence] = NLI.encode([example], tokenizer(), 24, training=False).sequences
            assert len(sequence) == len(own) == 24
            # The fast tokenizer gives the odd token to the second text, the slow rule to the first.
            assert abs(sequence.tolist().count(ids("two")[0]) - own.count(ids("two")[0])) <= 1

    def test_empty_texts_keep_their_row(self):
        encoded = NLI.encode([PairExample(id="1", text_a="", text_b="", label=0)], tokenizer(), 16, training=False)
        assert encoded.sequences[0].tolist() == [BOS, EOS, EOS, EOS]

    def test_decode_names_the_best_label(self):
        pairs = [PairExample(id="1", text_a="a", text_b="b", label=0)] * 2
        encoded = NLI.encode(pairs, tokenizer(), 16, training=False)
        assert NLI.decode(encoded, [np.array([0.0, 2.0, 1.0]), np.array([3.0, 2.0, 1.0])]) == [
            "entailment", "contradiction",
        ]  # fmt: skip

    def test_positive_label_adds_f1(self):
        qqp = PairFormat(labels=("not_duplicate", "duplicate"), positive="duplicate")
        assert list(qqp.score(["duplicate"], ["duplicate"], "en")) == ["accuracy", "f1"]
        assert list(NLI.score(["neutral"], ["neutral"], "en")) == ["accuracy"]
        with pytest.raises(ValueError, match="positive label 'same'"):
            PairFormat(labels=("a", "b"), positive="same")


class TestChoice:
    five = ChoiceFormat(labels=tuple("ABCDE"))

    def test_every_choice_is_a_pair_with_the_prompt(self):
        example = ChoiceExample(id="1", prompt="Where?", choices=("here", "there", "up", "down", "nowhere"), label=2)
        encoded = self.five.encode([example, example], tokenizer(), 64, training=True)
        own = [tokenizer()("Where?", choice)["input_ids"] for choice in example.choices]
        assert [sequence.tolist() for sequence in encoded.sequences] == own * 2
        assert (encoded.group, encoded.num_rows, encoded.labels.tolist()) == (5, 2, [2, 2])
        assert self.five.decode(encoded, [np.eye(5)[4], np.eye(5)[0]]) == ["E", "A"]

    def test_rejects_another_number_of_choices(self):
        example = ChoiceExample(id="q7", prompt="Where?", choices=("here",), label=0)
        with pytest.raises(ValueError, match="q7: 1 choices, the task has 5"):
            self.five.encode([example], tokenizer(), 64, training=True)


class TestTagging:
    format = TaggingFormat(labels=("NOUN", "VERB"))

    def encode(self, words, max_length=256):
        example = TaggingExample(id="1", words=tuple(words), tags=tuple(number % 2 for number in range(len(words))))
        return self.format.encode([example], tokenizer(), max_length, training=True)

    def test_words_are_tokenised_one_by_one(self):
        words = ["unbelievably", "我们", "ไทย", "Straße"]
        encoded = self.encode(words)
        pieces = [ids(word) for word in words]
        assert encoded.sequences[0].tolist() == [BOS, *itertools.chain(*pieces), EOS]
        expected = [1 + sum(map(len, pieces[:number])) for number in range(len(words))]
        assert encoded.word_positions[0].tolist() == expected
        assert encoded.tags[0].tolist() == [0, 1, 0, 1]

    @pytest.mark.parametrize("kind", ["roberta", "modernbert", "eurobert", "gemma"])
    def test_words_of_tokenizers_that_keep_spaces_are_those_of_running_text(self, kind):
        own = gemma_like() if kind == "gemma" else tokenizer_of(kind)
        words = ("The", "old", "Haus", "ist", "house", "gut")
        example = TaggingExample(id="1", words=words, tags=(0,) * len(words))
        [found] = self.format.encode([example], own, 256, training=True).sequences
        text = own(" " + " ".join(words), add_special_tokens=False)["input_ids"]
        assert [each for each in found.tolist() if each not in own.all_special_ids] == text
        apart = [own(word, add_special_tokens=False)["input_ids"] for word in words]
        assert text != list(itertools.chain(*apart))

    def test_words_without_or_with_too_many_sub_words_become_unknown(self):
        encoded = self.encode(["good", "", "\u00ad", "xq" * 200, "bad"])
        assert len(encoded.word_positions[0]) == 5
        assert encoded.sequences[0][encoded.word_positions[0][[1, 3]]].tolist() == [UNK, UNK]

    @given(st.lists(st.sampled_from(["a", "internationalisation", "", "中文", "xq" * 20]), max_size=30),
           st.integers(8, 40))  # fmt: skip
    def test_pieces_fit_and_join_to_the_sentence(self, words, max_length):
        encoded = self.encode(words, max_length)
        assert max(map(len, encoded.sequences)) <= max_length
        assert [len(tags) for tags in encoded.tags] == [len(places) for places in encoded.word_positions]
        [joined] = self.format.decode(encoded, encoded.tags)
        assert joined == self.format.references(encoded.examples)[0]
        for sequence, positions in zip(encoded.sequences, encoded.word_positions, strict=True):
            assert (sequence[0], sequence[-1]) == (BOS, EOS)
            assert set(np.diff(positions) > 0) <= {True}

    def test_a_cut_loses_no_sub_word(self):
        words = ["internationalisation"] * 20
        inner = [token for sequence in self.encode(words, 32).sequences for token in sequence[1:-1].tolist()]
        assert inner == ids(words[0]) * 20

    def test_accuracy_alone_where_chunks_mean_nothing(self):
        assert list(self.format.score([["NOUN"]], [["NOUN"]], "en")) == ["f1", "accuracy"]
        supertags = TaggingFormat(labels=("NP", "S"), chunk_f1=False)
        assert list(supertags.score([["NP"]], [["S"]], "en")) == ["accuracy"]


def slow_windows(num_tokens, room):
    """Windows as the legacy SQuAD code makes them: spans until nothing overflows."""
    spans, rest = [], num_tokens
    while len(spans) * 128 < num_tokens:
        spans.append((len(spans) * 128, len(spans) * 128 + min(rest, room)))
        if rest <= room:
            break
        rest -= 128
    return spans


def slow_best_context(spans, number, token):
    """`_new_check_is_max_context` of the legacy SQuAD code."""
    best, best_number = None, None
    for other, (first, last) in enumerate(spans):
        if first <= token < last:
            score = min(token - first, last - 1 - token) + 0.01 * (last - first)
            if best is None or score > best:
                best, best_number = score, other
    return best_number == number


def slow_decode(example, encoded, outputs):
    """The answer by the rules of protocol.md 4.5, pair by pair."""
    candidates = []
    for row, logits in enumerate(outputs):
        window = encoded.windows[row]
        end_position = window.position + len(window.begins)
        starts = sorted(range(logits.shape[1]), key=lambda place: -logits[0, place])[:20]
        ends = sorted(range(logits.shape[1]), key=lambda place: -logits[1, place])[:20]
        for start in starts:
            for end in ends:
                inside = window.position <= start <= end < end_position
                if inside and end - start + 1 <= 30 and window.best_context[start - window.position]:
                    candidates.append((logits[0, start] + logits[1, end], row, start, end))
    if not candidates:
        return ""
    best = max(candidates, key=lambda item: item[0])
    window = encoded.windows[best[1]]
    begin, end = window.begins[best[2] - window.position], window.ends[best[3] - window.position]
    return example.context[begin : max(begin, end)]


class TestWindows:
    @given(st.integers(1, 2000), st.integers(316, 379))
    def test_windows_equal_the_legacy_ones(self, num_tokens, room):
        assert window_ranges(num_tokens, room) == slow_windows(num_tokens, room)

    @given(st.integers(1, 900), st.integers(316, 379))
    @settings(max_examples=25)
    def test_best_context_equals_the_legacy_rule(self, num_tokens, room):
        spans = window_ranges(num_tokens, room)
        for number, ((first, last), best) in enumerate(zip(spans, best_contexts(spans), strict=True)):
            assert best.tolist() == [slow_best_context(spans, number, token) for token in range(first, last)]

    @given(st.integers(0, 500), st.integers(1, 400))
    def test_windows_cover_everything_and_each_sub_word_has_one_best(self, num_tokens, room):
        spans = window_ranges(num_tokens, room)
        best = best_contexts(spans)
        owned = [first + place for (first, _), own in zip(spans, best, strict=True) for place in np.flatnonzero(own)]
        assert sorted(owned) == list(range(num_tokens))
        assert all(last - first <= room for first, last in spans)

    @given(st.integers(40, 500), st.integers(61, 400), st.data())
    def test_an_answer_of_thirty_sub_words_is_whole_in_some_window(self, num_tokens, room, data):
        start = data.draw(st.integers(0, num_tokens - 30))
        assert any(first <= start and start + 30 <= last for first, last in window_ranges(num_tokens, room))


class TestSpan:
    format = SpanFormat()

    def example(self, context, answer, offset=None, question="Who?", number="1"):
        start = context.index(answer) if offset is None else offset
        return SpanExample(id=number, question=question, context=context, answers=(answer,), starts=(start,))

    def answer_of(self, example, max_length=384):
        encoded = self.format.encode([example], tokenizer(), max_length, training=True)
        return self.format.decode(encoded, one_hot_outputs(encoded))[0]

    def test_layout_equals_the_tokenizers_own(self):
        example = self.example("Anna sleeps in Oslo.", "Oslo", question="Where does she sleep?")
        encoded = self.format.encode([example], tokenizer(), 384, training=True)
        assert encoded.sequences[0].tolist() == tokenizer()(example.question, example.context)["input_ids"]

    @pytest.mark.parametrize(
        ("context", "answer"),
        [
            ("Anna sleeps in Oslo.", "Anna"),
            ("Anna sleeps  in \n Oslo today", "in \n Oslo"),
            ("贾里德·艾伦是职业生涯中的领袖。", "艾伦"),
            ("ราชธานีของไทยคือกรุงเทพมหานคร", "กรุงเทพมหานคร"),
            ("It weighs ½ ㎏ or so", "½ ㎏"),
            ("ends here", "here"),
        ],
    )
    def test_gold_spans_decode_to_the_answer(self, context, answer):
        assert self.answer_of(self.example(context, answer)) == answer

    def test_an_answer_does_not_end_with_the_space_before_a_word(self):
        # A bare boundary piece stands before the Chinese word and carries its first character.
        context = "say 乒乓 now"
        encoded = self.format.encode([self.example(context, "say")], tokenizer(), 384, training=True)
        boundary = encoded.sequences[0].tolist().index(tokenizer().convert_tokens_to_ids("▁"))
        logits = np.zeros((2, len(encoded.sequences[0])), dtype=np.float32)
        logits[0, encoded.spans[0, 0]] = logits[1, boundary] = 9.0
        assert self.format.decode(encoded, [logits]) == ["say"]
        logits[:] = 0
        logits[0, boundary] = logits[1, boundary + 1] = 9.0
        assert self.format.decode(encoded, [logits])[0].startswith("乒")

    def test_questions_are_cut_at_64_and_sequences_at_the_limit(self):
        example = self.example("word " * 900 + "end", "end", question="why " * 100)
        encoded = self.format.encode([example], tokenizer(), 384, training=False)
        room = 384 - 4 - 64
        assert max(map(len, encoded.sequences)) == 384
        assert [window.position for window in encoded.windows] == [67] * encoded.num_rows
        assert encoded.num_rows == len(slow_windows(901, room))

    def test_windows_without_the_whole_answer_point_at_the_first_position(self):
        example = self.example("word " * 600 + "end", "end")
        encoded = self.format.encode([example], tokenizer(), 384, training=True)
        assert (encoded.spans[:-1] == 0).all()
        assert encoded.spans[-1, 0] > 0
        assert self.format.decode(encoded, one_hot_outputs(encoded)) == ["end"]

    def test_shifted_answers_are_found_before_their_offset(self):
        context = "red blue red blue"
        assert locate_answer(context, "blue", 4) == 4
        assert locate_answer(context, "blue", 15) == 13
        assert locate_answer(context, "blue", 12) == 4
        assert locate_answer(context, "blue", 2) == -1
        examples = [
            self.example(context, "blue"),
            self.example(context, "blue", offset=15),
            self.example(context, "blue", offset=2),
            self.example(context, "green", offset=0),
        ]
        encoded = self.format.encode(examples, tokenizer(), 384, training=True)
        assert (encoded.skipped, encoded.repaired, encoded.owners.tolist()) == (2, 1, [0, 1])
        evaluated = self.format.encode(examples, tokenizer(), 384, training=False)
        assert (evaluated.skipped, evaluated.owners.tolist()) == (0, [0, 1, 2, 3])

    def test_an_empty_context_keeps_its_row_and_predicts_nothing(self):
        example = SpanExample(id="1", question="Who?", context="", answers=("x",), starts=(0,))
        encoded = self.format.encode([example], tokenizer(), 384, training=False)
        assert self.format.decode(encoded, one_hot_outputs(encoded)) == [""]

    @given(st.integers(0, 10_000), st.integers(1, 60), st.integers(24, 64))
    @settings(max_examples=40, deadline=None)
    def test_decoding_equals_the_plain_way(self, seed, num_words, max_length):
        random = np.random.default_rng(seed)
        words = random.choice(["Oslo", "我们", "internationalisation", "½", "ไทย", "a"], num_words).tolist()
        example = SpanExample(id="1", question="Where?", context=" ".join(words), answers=("Oslo",), starts=(0,))
        encoded = self.format.encode([example], tokenizer(), max_length, training=False)
        outputs = [random.normal(size=(2, len(sequence))).astype(np.float32) for sequence in encoded.sequences]
        assert self.format.decode(encoded, outputs) == [slow_decode(example, encoded, outputs)]

    @given(TEXT, st.data())
    @settings(max_examples=60, deadline=None)
    def test_decoded_gold_spans_contain_the_answer(self, context, data):
        if not context.strip():
            return
        begin = data.draw(st.integers(0, len(context) - 1))
        end = data.draw(st.integers(begin + 1, len(context)))
        answer = context[begin:end]
        encoded = self.format.encode([self.example(context, answer)], tokenizer(), 384, training=True)
        if encoded.num_rows and len(ids(answer)) <= 20:
            [found] = self.format.decode(encoded, one_hot_outputs(encoded))
            assert found in context
            visible = "".join(answer.split()).replace("\u200b", "")
            assert visible in "".join(found.split()).replace("\u200b", "")

    def test_mlqa_rule_uses_the_language(self):
        mlqa = SpanFormat(rule=Rule.MLQA)
        assert mlqa.score([("la casa",)], ["casa"], "es")["exact_match"] == 100.0
        assert self.format.score([("la casa",)], ["casa"], "es")["exact_match"] == 0.0


class TestSentence:
    def test_sides_are_encoded_apart(self):
        pairs = [BitextExample(id="1", foreign="Guten Tag", english="Good day")]
        encoded = SentenceFormat().encode(pairs, tokenizer(), 16, training=False)
        assert (encoded.num_rows, encoded.group) == (1, 2)
        assert [sequence.tolist() for sequence in encoded.sequences] == tokenizer()(["Good day", "Guten Tag"])[
            "input_ids"
        ]

    def test_sentences_are_cut_at_the_end(self):
        encoded = encode_texts([TextExample(id="1", text="one " * 50, language="en")], tokenizer(), 16)
        assert encoded.sequences[0].tolist() == [BOS, *ids("one " * 50)[:14], EOS]

    def test_predictions_are_ids_of_the_nearest(self):
        pairs = [BitextExample(id=name, foreign=name, english=name) for name in "abc"]
        encoded = SentenceFormat().encode(pairs, tokenizer(), 16, training=False)
        found = SentenceFormat().decode(encoded, [np.array(0), np.array(2), np.array(2)])
        assert found == ["a", "c", "c"]
        references = SentenceFormat().references(pairs)
        assert SentenceFormat().score(references, found, "de")["accuracy"] == pytest.approx(200 / 3)
