"""Token ids of many texts at once, and the special tokens around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from trainables.tasks.formats.base import IntArray, Tokenizer

TEXTS_AT_ONCE = 16_384
"""Texts in one call of the tokenizer: enough to keep its threads busy, few enough to bound the lists it returns."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Special tokens of an input: `<s> A </s>` alone, `<s> A </s></s> B </s>` in pairs (protocol.md 2.1).

    Read from the tokenizer, so that encoders of other families get the layout they were trained with.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Layout:
        """Layout of a tokenizer; raises ValueError when it adds no special tokens."""
        encoded = tokenizer("a", text_pair="b", return_special_tokens_mask=True)
        ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
        texts = [position for position, mark in enumerate(special) if not mark]
        first = texts[0]
        second = next((p for p, previous in zip(texts[1:], texts, strict=False) if p > previous + 1), 0)
        if not first or not second or not special[-1]:
            raise ValueError(f"the tokenizer must put special tokens around texts, it made {ids} of a pair")
        end_of_first = max(position for position in texts if position < second) + 1
        return cls(
            before=tuple(ids[:first]), between=tuple(ids[end_of_first:second]), after=tuple(ids[texts[-1] + 1 :])
        )

    @property
    def num_single(self) -> int:
        """Special tokens of a single text."""
        return len(self.before) + len(self.after)

    @property
    def num_pair(self) -> int:
        """Special tokens of a pair."""
        return self.num_single + len(self.between)

    def single(self, text: IntArray) -> IntArray:
        """One text with its special tokens."""
        return np.concatenate([_ids(self.before), text, _ids(self.after)])

    def pair(self, first: IntArray, second: IntArray) -> IntArray:
        """Two texts with their special tokens."""
        return np.concatenate([_ids(self.before), first, _ids(self.between), second, _ids(self.after)])


def token_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[IntArray]:
    """Token ids of every text, without special tokens, uncut. Equal texts are tokenised once and share their array."""
    distinct = list(dict.fromkeys(texts))
    found: dict[str, IntArray] = {}
    for some in _batches(distinct):
        encoded = tokenizer(some, add_special_tokens=False, return_attention_mask=False, verbose=False)
        found.update(zip(some, map(_ids, encoded["input_ids"]), strict=True))
    return [found[text] for text in texts]


def word_ids(tokenizer: Tokenizer, words: Sequence[str]) -> list[IntArray]:
    """Token ids of every word as it stands in running text, where some tokenizers make the space before it part of it.

    Byte-level pairs (RoBERTa, ModernBERT, EuroBERT) and Gemma's (mmBERT) do; without the space a word would look like
    the rest of another. Blank words stay as they are.
    """
    space = " " if _takes_spaces(tokenizer) else ""
    return token_ids(tokenizer, [space + word if word.strip() else word for word in words])


def _takes_spaces(tokenizer: Tokenizer) -> bool:
    """Whether a text is its words with the spaces before them, and not its words alone."""
    whole, first, second, spaced = (ids.tolist() for ids in token_ids(tokenizer, ["a b", "a", "b", " b"]))
    return whole != first + second and whole == first + spaced


def token_offsets(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[tuple[IntArray, IntArray]]:
    """Token ids int32[n] and character offsets int32[n, 2] of every text, without special tokens, uncut."""
    for some in _batches(texts):
        encoded = tokenizer(
            some, add_special_tokens=False, return_attention_mask=False, return_offsets_mapping=True, verbose=False
        )
        for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            yield _ids(ids), np.array(offsets, dtype=np.int32).reshape(-1, 2)


def cut_pair(first: int, second: int, room: int) -> tuple[int, int]:
    """Lengths of two texts after cutting one token at a time from the longer (on a tie: the second) to fit `room`."""
    if first + second <= room:
        return first, second
    kept = min(first, max(room - room // 2, room - second))
    return kept, room - kept


def encode_pairs(tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], max_length: int) -> list[IntArray]:
    """`<s> A </s></s> B </s>` for every pair, over-long pairs cut from the end of the longer side (protocol.md 2.1)."""
    layout = Layout.of(tokenizer)
    firsts = token_ids(tokenizer, [first for first, _ in pairs])
    seconds = token_ids(tokenizer, [second for _, second in pairs])
    sequences = []
    for first, second in zip(firsts, seconds, strict=True):
        num_first, num_second = cut_pair(len(first), len(second), max_length - layout.num_pair)
        sequences.append(layout.pair(first[:num_first], second[:num_second]))
    return sequences


def encode_singles(tokenizer: Tokenizer, texts: Sequence[str], max_length: int) -> list[IntArray]:
    """`<s> A </s>` for every text, cut at the end."""
    layout = Layout.of(tokenizer)
    room = max_length - layout.num_single
    return [layout.single(ids[:room]) for ids in token_ids(tokenizer, texts)]


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        yield list(texts[start : start + TEXTS_AT_ONCE])


def _ids(ids: Sequence[int]) -> IntArray:
    return np.array(ids, dtype=np.int32)
