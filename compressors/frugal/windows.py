"""Passages as an encoder reads them: windows of whole segments, with the place of each token in the text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..models.store import ModelUnusable
from ..segment import split
from ..types import Passage

if TYPE_CHECKING:
    from ..models.encoder import TextEncoder

__all__ = ["Window", "windows_of"]

_TITLE_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Window:
    """``ids`` with special tokens and title; ``ids[first + i]`` stands at ``offsets[i]`` of ``passage``."""

    passage: int
    ids: list[int]
    first: int
    offsets: list[tuple[int, int]]


def windows_of(encoder: TextEncoder, passages: Sequence[Passage], limit: int) -> list[Window]:
    """Every passage in windows of at most ``limit`` tokens, title in front; none for one without tokens.

    Raises:
        ModelUnusable: the tokenizer does not tell where its tokens stand, or ``limit`` holds no text.
    """
    before, after = encoder.special_tokens
    found = []
    for number, passage in enumerate(passages):
        ids, offsets = encoder.tokens(passage.text)
        title = encoder.tokens(f"{passage.title}: ")[0][:_TITLE_TOKENS] if passage.title else []
        head = [*before, *title]
        room = limit - len(head) - len(after)
        if room < 1:
            raise ModelUnusable(
                f"a window of {limit} tokens holds nothing beside the title", hint="use a larger window="
            )
        for start, end in _cuts(passage.text, offsets, room):
            found.append(Window(number, [*head, *ids[start:end], *after], len(head), offsets[start:end]))
    return found


def _cuts(text: str, offsets: Sequence[tuple[int, int]], room: int) -> Iterator[tuple[int, int]]:
    """Token ranges of at most ``room``, ending where a segment does if that leaves them half full."""
    ends = [segment.end for segment in split(text)] if len(offsets) > room else []
    start = 0
    while start < len(offsets):
        end = min(start + room, len(offsets))
        if end < len(offsets):
            fits = [i for i in range(start + room // 2, end) if _ends(offsets, i, ends)]
            end = fits[-1] + 1 if fits else end
        yield start, end
        start = end


def _ends(offsets: Sequence[tuple[int, int]], token: int, ends: Sequence[int]) -> bool:
    at = bisect_left(ends, offsets[token][1])
    return at < len(ends) and ends[at] <= offsets[token + 1][0]
