"""The prompt that the filter reads: instruction, passages, and the question last, because its end asks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ..exit_llm.prompt import Prompts
from ..models.causal import CausalModel
from ..models.store import ModelUnusable
from ..tokens import valid_unicode
from ..types import Passage

__all__ = ["INSTRUCTION", "Block", "Part", "Prompt", "Writer"]

INSTRUCTION = "Answer the question with what the passages say."
_PLACE = "Place-of-the-Passages"
_TITLE_TOKENS = 64
_APART = "\n\n"


class Block(NamedTuple):
    """``text[start:end]`` of passage number ``passage``: all of it, or what one window holds."""

    passage: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """Where a block stands: ``tokens`` of the prompt, with the ``offsets`` of each in the passage's text."""

    passage: int
    tokens: range
    offsets: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids, and the parts of them that compete. All others are instruction, titles and question."""

    ids: list[int]
    parts: list[Part]


class Writer:
    """Writes prompts for one model. Needs its tokenizer, not its weights.

    Args:
        causal: the model.
        chat: whether the prompt is a user's turn in the model's chat template, where it has one; else
            plain text that ends in "Answer:".
    """

    def __init__(self, causal: CausalModel, *, chat: bool = False) -> None:
        self._causal = causal
        self._chat = chat and causal.has_chat_template

    def write(self, query: str, passages: Sequence[Passage], blocks: Sequence[Block]) -> Prompt:
        """The prompt with these blocks, in this order."""
        lead, head, tail = self._frame
        text, places = f"{head}{INSTRUCTION}", list[int]()
        for block in blocks:
            passage = passages[block.passage]
            title = self._defused(self.fit(passage.title.strip(), _TITLE_TOKENS))
            text += _APART + (f"{title}\n" if title else "")
            places.append(len(text))
            text += self._defused(passage.text)[block.start : block.end]
        text += f"{_APART}Question: {self._defused(query.strip())}{tail}"
        ids, offsets = self.encode(text)
        starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
        parts = []
        for block, place in zip(blocks, places, strict=True):
            stop, shift = place + block.end - block.start, block.start - place
            tokens = range(bisect_right(ends, place), bisect_left(starts, stop))
            inside = [(max(starts[i], place) + shift, min(ends[i], stop) + shift) for i in tokens]
            parts.append(
                Part(block.passage, range(tokens.start + len(lead), tokens.stop + len(lead)), inside)
            )
        return Prompt([*lead, *ids], parts)

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids and, for each, ``start, end`` in ``text``; lone surrogates are read as U+FFFD."""
        tokenizer = self._causal.tokenizer
        self._causal.encode("")  # settles under the model's lock what a tokenizer's first call sets
        found = tokenizer(
            valid_unicode(text), add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        return found["input_ids"], found["offset_mapping"]

    def fit(self, text: str, most: int) -> str:
        """``text``, or of one that has more than ``most`` tokens the start and the end."""
        return Prompts(self._causal).fit(text, most)

    @cached_property
    def _frame(self) -> tuple[list[int], str, str]:
        """Token ids before the text, and what stands in the text before and after the user's words."""
        tokenizer = self._causal.tokenizer
        if not tokenizer.is_fast:
            raise ModelUnusable(
                f"the tokenizer of {self._causal.name} does not say where its tokens stand",
                hint="the model's folder must hold tokenizer.json",
            )
        if self._chat:
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
                return [], head, tail
        # A template writes the token at the start of a text itself; here the tokenizer must.
        plain, whole = self._causal.encode("a"), list(tokenizer("a")["input_ids"])
        at = next((i for i in range(len(whole)) if whole[i : i + len(plain)] == plain), 0)
        return whole[:at], "", "\nAnswer:"

    @cached_property
    def _marks(self) -> list[str]:
        added = self._causal.tokenizer.added_tokens_decoder.values()
        return [token.content for token in added if token.special and len(token.content) > 1]

    def _defused(self, text: str) -> str:
        """Marks of the model within the words are broken by a blank, in place: offsets stay."""
        for mark in self._marks:
            if mark in text:
                text = text.replace(mark, f"{mark[0]} {mark[2:]}")
        return text
