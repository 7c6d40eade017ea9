"""Query and passages as the encoder reads them: tokens, segments, overlapping windows.

One window is ``[CLS] query [SEP] title [SEP] part of the passage [SEP]``. A passage that fits
is one window; a longer one is cut at segment borders into windows that share some context, and every
segment is judged in the window that shows most of its surroundings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from ..models.runtime import well_formed
from ..models.store import ModelUnusable
from ..segment import Segment, split
from ..types import Passage

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Reading", "Sentence", "Window", "read"]

QUERY_TOKENS = 96
"""Most tokens of a query: of a longer one the first third and the last two thirds are read."""
TITLE_TOKENS = 32
WINDOW_TOKENS = 384
"""Most tokens of one window, special tokens included; the encoder has 512 positions."""
SHARED_TOKENS = 64
"""Context that a window repeats of the one before it, in whole segments."""


@dataclass(frozen=True, slots=True)
class Window:
    """One input of the encoder. ``text_start`` is where the passage's part begins in ``ids``."""

    ids: list[int]
    text_start: int
    passage: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """Segment ``number`` of a passage and where it is read: tokens ``start:end`` of window ``window``."""

    passage: int
    number: int
    segment: Segment
    window: int
    start: int
    end: int
    pieces: list[int]
    digits: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """One query with its passages, tokenised. ``sentences`` are in order, passage by passage.

    Segments without a single token (control characters) are in ``unread`` and not in ``sentences``.
    """

    query: list[int]
    titles: list[list[int]]
    windows: list[Window]
    sentences: list[Sentence]
    unread: list[tuple[int, Segment]]


def read(
    tokenizer: Tokenizer,
    query: str,
    passages: Sequence[Passage],
    segments: Sequence[Sequence[Segment]] | None = None,
) -> Reading:
    """Tokenise a query and its passages; ``segments`` are found by :func:`split` where not given."""
    if segments is None:
        segments = [split(passage.text) for passage in passages]
    texts = [query, *(p.title for p in passages), *(p.text for p in passages)]
    encoded = tokenizer.encode_batch([well_formed(t) for t in texts], add_special_tokens=False)
    n = len(passages)
    asked = _middle_cut(encoded[0].ids, QUERY_TOKENS)
    titles = [e.ids[:TITLE_TOKENS] for e in encoded[1 : 1 + n]]
    first_id, end_id = (_special(tokenizer, token) for token in ("[CLS]", "[SEP]"))
    windows: list[Window] = []
    sentences: list[Sentence] = []
    unread: list[tuple[int, Segment]] = []
    for number, (encoding, found) in enumerate(zip(encoded[1 + n :], segments, strict=True)):
        head = [first_id, *asked, end_id]
        head += [*titles[number], end_id] if titles[number] else []
        ranges = _ranges(encoding.offsets, found)
        read_here = [i for i, (start, end) in enumerate(ranges) if start < end]
        unread += [(number, found[i]) for i in set(range(len(found))) - set(read_here)]
        places = _windows([ranges[i] for i in read_here], WINDOW_TOKENS - len(head) - 1)
        first = len(windows)
        for start, end in places.windows:
            ids = [*head, *encoding.ids[start:end], end_id]
            windows.append(Window(ids, len(head), number))
        for i, place in zip(read_here, places.chosen, strict=True):
            shift = len(head) - places.windows[place][0]
            start, end = ranges[i]
            inside = min(end, places.windows[place][1])
            text = passages[number].text[found[i].start : found[i].end]
            sentences.append(
                Sentence(
                    number,
                    i,
                    found[i],
                    first + place,
                    start + shift,
                    inside + shift,
                    encoding.ids[start:end],
                    any(character.isdigit() for character in text),
                )
            )
    return Reading(asked, titles, windows, sentences, unread)


@dataclass(frozen=True, slots=True)
class _Places:
    windows: list[tuple[int, int]]
    chosen: list[int]


def _windows(ranges: Sequence[tuple[int, int]], room: int) -> _Places:
    """Token ranges of the windows over consecutive segments, and the best window of each segment."""
    windows: list[tuple[int, int]] = []
    members: list[list[int]] = []
    first = 0
    while first < len(ranges):
        start = ranges[first][0]
        last = first
        while last + 1 < len(ranges) and ranges[last + 1][1] - start <= room:
            last += 1
        windows.append((start, min(ranges[last][1], start + room)))
        members.append(list(range(first, last + 1)))
        if last + 1 == len(ranges):
            break
        following = last + 1
        while following - 1 > first and ranges[last][1] - ranges[following - 1][0] <= SHARED_TOKENS:
            following -= 1
        first = following
    chosen = [0] * len(ranges)
    best = [-inf] * len(ranges)  # a segment that its window cuts off has less than no context there
    for number, (window, inside) in enumerate(zip(windows, members, strict=True)):
        for i in inside:
            context = min(ranges[i][0] - window[0], window[1] - ranges[i][1])
            if context > best[i]:
                best[i], chosen[i] = context, number
    return _Places(windows, chosen)


def _ranges(offsets: Sequence[tuple[int, int]], segments: Sequence[Segment]) -> list[tuple[int, int]]:
    starts = [start for start, _ in offsets]
    return [(bisect_left(starts, s.start), bisect_left(starts, s.end)) for s in segments]


def _special(tokenizer: Tokenizer, token: str) -> int:
    number = tokenizer.token_to_id(token)
    if number is None:
        raise ModelUnusable(
            f"the encoder's tokenizer has no {token}", hint="use an encoder of the BERT family"
        )
    return number


def _middle_cut(ids: list[int], most: int) -> list[int]:
    # The question proper mostly stands at the end of a long query, its subject at the start.
    return ids if len(ids) <= most else ids[: most // 3] + ids[most // 3 - most :]
