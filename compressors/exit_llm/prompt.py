"""The prompt as EXIT published it, and its tokens.

The wording is that of Hwang et al., 2024 (arXiv:2412.12559, table 6) and of their release
(github.com/ThisIsHwang/EXIT): scores depend on every word of it. The published turn marks are Gemma's,
and its chat template writes them; other models get the same words in their own turn marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from ..models.causal import CausalModel
from ..models.store import ModelUnusable

__all__ = ["Prompts", "ask", "opening"]

PUBLISHED_HEAD = "<start_of_turn>user\n"
PUBLISHED_TAIL = "<end_of_turn>\n<start_of_turn>model\n"
_PLACE = "Place-of-the-Question"
_ANCHOR = "."


class _Frame(NamedTuple):
    """What stands around the user's words: token ids before the text, and text before and after."""

    lead: list[int]
    head: str
    tail: str


def opening(query: str, context: str) -> str:
    """The part of the user's words that all sentences of one document share."""
    return f"Query:\n{query}\nFull context:\n{context}"


def ask(sentence: str) -> str:
    """The part that is the sentence's own; it follows :func:`opening`."""
    return (
        f'\nSentence:\n{sentence}\nIs this sentence useful in answering the query? Answer only "Yes" or "No".'
    )


class Prompts:
    """Writes prompts for one model. Needs its tokenizer, not its weights."""

    def __init__(self, causal: CausalModel) -> None:
        self._causal = causal

    @cached_property
    def answers(self) -> tuple[int, int]:
        """Token ids of "Yes" and "No".

        Raises:
            ModelUnusable: one of them is not a single token, so that its probability is not that of one step.
        """
        ids = {word: self._causal.encode(word) for word in ("Yes", "No")}
        for word, found in ids.items():
            if len(found) != 1:
                raise ModelUnusable(
                    f"the tokenizer of {self._causal.name} has no single token for {word!r}",
                    hint="exit-llm reads the probabilities of these words: use a model that has both",
                )
        if ids["Yes"] == ids["No"]:
            raise ModelUnusable(
                f"the tokenizer of {self._causal.name} has one token for 'Yes' and 'No'",
                hint="use a model whose vocabulary holds both words",
            )
        return ids["Yes"][0], ids["No"][0]

    @cached_property
    def _frame(self) -> _Frame:
        tokenizer = self._causal.tokenizer
        if self._causal.has_chat_template:
            from jinja2 import TemplateError

            try:
                text: str = tokenizer.apply_chat_template(
                    [{"role": "user", "content": _PLACE}],
                    add_generation_prompt=True,
                    tokenize=False,
                    enable_thinking=False,  # a template without thoughts does not look at it
                )
            except TemplateError:
                text = ""
            head, found, tail = text.partition(_PLACE)
            if found and _PLACE not in tail:
                return _Frame([], head, tail)
        # A template writes the token at the start of a text itself; here the tokenizer must.
        plain, whole = self._causal.encode("a"), list(tokenizer("a")["input_ids"])
        at = next((i for i in range(len(whole)) if whole[i : i + len(plain)] == plain), 0)
        return _Frame(whole[:at], PUBLISHED_HEAD, PUBLISHED_TAIL)

    @cached_property
    def _marks(self) -> list[str]:
        added = self._causal.tokenizer.added_tokens_decoder.values()
        return [token.content for token in added if token.special and len(token.content) > 1]

    def encode(self, before: str, asked: str) -> list[int]:
        """Token ids of one whole prompt.

        Marks of the model that stand in the words are broken up by a blank: a passage that holds
        ``<|im_end|>`` must not end the user's turn.
        """
        words = before + asked
        for mark in self._marks:
            if mark in words:
                words = words.replace(mark, f"{mark[0]} {mark[1:]}")
        return [*self._frame.lead, *self._causal.encode(self._frame.head + words + self._frame.tail)]

    def encode_all(self, before: str, asked: Sequence[str]) -> list[list[int]]:
        """:meth:`encode` for every sentence after the same ``before``, without reading that again each time.

        What differs begins with the same words ("Sentence:"), so that a tokenizer takes the same decision
        on either side of them wherever they stand. That is tried on the first and the last sentence;
        where it does not hold, every prompt is encoded whole.
        """
        if len(asked) > 2:
            first, last = self.encode(before, asked[0]), self.encode(before, asked[-1])
            short = [self.encode(_ANCHOR, one) for one in asked]
            same = _common_end(first, short[0])
            start, cut = len(first) - same, len(short[0]) - same
            if all(ids[:cut] == short[0][:cut] for ids in short):
                found = [first[:start] + ids[cut:] for ids in short]
                if found[-1] == last:
                    return found
        return [self.encode(before, one) for one in asked]

    def count(self, text: str) -> int:
        """Tokens of ``text`` alone."""
        return self._causal.count_tokens(text)

    def fit(self, text: str, most: int) -> str:
        """``text``, or of a longer one what ``most`` tokens hold: a third of its start, the rest of its end.

        Of a long question, the point mostly stands at the end and the subject at the start.
        """
        while (count := self.count(text)) > most:
            keep = min(len(text) - 1, len(text) * most // count)
            if keep < 3:
                return text[: max(keep, 0)]
            text = f"{text[: keep // 3 - 1]} {text[len(text) - (keep - keep // 3) :]}"
        return text


def _common_end(one: Sequence[int], other: Sequence[int]) -> int:
    length = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        length += 1
    return length
