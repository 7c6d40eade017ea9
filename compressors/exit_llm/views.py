"""Which part of a passage a sentence is judged in: all of it, or a window where it is too long."""

from __future__ import annotations

from collections.abc import Sequence

from ..models.store import ModelUnusable
from ..segment import Segment
from ..types import Passage
from .pack import Branch
from .prompt import Prompts, ask, opening

__all__ = ["look"]

TITLE_TOKENS = 64
_LEAST_ROOM = 16


def look(
    prompts: Prompts, query: str, passage: Passage, segments: Sequence[Segment], limit: int
) -> list[Branch]:
    """Prompts of all segments of a passage, in order, none longer than ``limit`` tokens.

    The context is the sentence's own document, title first, and nothing of other passages. Where that is too
    long, consecutive sentences are judged together in a window that shows as much on either side of them.
    Of a query beyond a quarter of the limit, and of a sentence beyond a third of what is left, the middle
    is cut.

    Raises:
        ModelUnusable: the limit does not even hold the question's own words.
    """
    # Parts of a text can have fewer tokens than the whole: then again, with more in reserve.
    reserve = 8
    while True:
        found = _views(prompts, query, passage, segments, limit - reserve)
        if all(len(view.stem) + len(leaf) <= limit for view in found for leaf in view.leaves):
            return found
        reserve *= 4


def _views(
    prompts: Prompts, query: str, passage: Passage, segments: Sequence[Segment], limit: int
) -> list[Branch]:
    text = passage.text
    query = prompts.fit(query.strip(), limit // 4)
    title = prompts.fit(passage.title.strip(), TITLE_TOKENS)
    head = f"{title}\n" if title else ""
    room = limit - len(prompts.encode(opening(query, head), ask("")))
    if room < _LEAST_ROOM:
        raise ModelUnusable(
            f"a window of {limit} tokens does not hold the prompt of exit-llm with a sentence",
            hint="use a model with a larger context window, or a larger window=",
        )
    asked = [text[s.start : s.end] for s in segments]

    def view(members: range, context: str) -> Branch:
        before = opening(query, head + context)
        return Branch.of(prompts.encode_all(before, [ask(asked[i]) for i in members]))

    if 2 * prompts.count(text) <= room:  # twice: no sentence is longer than the whole
        return [view(range(len(segments)), text.strip())]
    ends = [*(s.start for s in segments[1:]), len(text)]
    sizes = [prompts.count(text[s.start : end]) for s, end in zip(segments, ends, strict=True)]
    for i, size in enumerate(sizes):
        if size > room // 3:
            asked[i] = prompts.fit(asked[i], room // 3)
    space = room - min(max(sizes), room // 3)
    found = []
    for group in _groups(sizes, space // 2):
        first, last = _around(group, sizes, space)
        context = text[segments[first].start : segments[last - 1].end]
        found.append(view(group, prompts.fit(context, space)))
    return found


def _groups(sizes: Sequence[int], most: int) -> list[range]:
    """Consecutive segments of at most ``most`` tokens together, or one that has more.

    All in one group where they have at most twice as many.
    """
    if sum(sizes) <= 2 * most:
        return [range(len(sizes))]
    groups, start, total = [], 0, 0
    for i, size in enumerate(sizes):
        if i > start and total + size > most:
            groups.append(range(start, i))
            start, total = i, 0
        total += size
    return [*groups, range(start, len(sizes))]


def _around(group: range, sizes: Sequence[int], space: int) -> tuple[int, int]:
    """First segment and end of the window around a group: neighbours in turn, while there is space."""
    first, last = group.start, group.stop
    left = space - sum(sizes[i] for i in group)
    before = after = True
    while before or after:
        before = before and first > 0 and sizes[first - 1] <= left
        if before:
            first -= 1
            left -= sizes[first]
        after = after and last < len(sizes) and sizes[last] <= left
        if after:
            left -= sizes[last]
            last += 1
    return first, last
