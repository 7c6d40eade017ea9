"""Passages to prompts, several where the model's window does not hold all passages at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..models.store import ModelUnusable
from ..segment import split
from ..types import Passage
from .prompt import Block, Prompt, Writer

__all__ = ["prompts_for"]

_LEAST_ROOM = 32


def prompts_for(writer: Writer, query: str, passages: Sequence[Passage], window: int) -> list[Prompt]:
    """Prompts of at most ``window`` tokens that together hold every passage once, in order.

    Mostly one. Where there are more, each repeats instruction and question, passages are not shared, and one
    that no prompt holds is cut at the end of a sentence where there is one. Then only what stands in the same
    prompt was read together: less than the paper's single pass, which a larger window gives.
    A question of more than a quarter of the window is cut in its middle.

    Raises:
        ModelUnusable: the window does not even hold the question's prompt.
    """
    query = writer.fit(query.strip(), window // 4)
    frame = len(writer.write(query, passages, []).ids)
    room = window - frame
    while room >= _LEAST_ROOM:
        found = [writer.write(query, passages, blocks) for blocks in _groups(writer, passages, room)]
        over = max((len(prompt.ids) for prompt in found), default=0) - window
        if over <= 0:
            return found
        room -= max(over, room // 8)  # parts of a text can have fewer tokens than the whole
    raise ModelUnusable(
        f"a window of {window} tokens does not hold GemFilter's prompt with this question",
        hint="use a model with a larger context window, or a larger window=",
    )


def _groups(writer: Writer, passages: Sequence[Passage], room: int) -> list[list[Block]]:
    sized = [item for n, passage in enumerate(passages) for item in _blocks(writer, n, passage, room)]
    total = sum(size for _, size in sized)
    # Prompts of like length, so that none holds but a rest without rivals.
    aim = room if total <= room else min(room, -(-total // -(-total // room)))
    groups: list[list[Block]] = []
    filled = 0
    for block, size in sized:
        if not groups or filled + size > room or filled >= aim:
            groups.append([])
            filled = 0
        groups[-1].append(block)
        filled += size
    return groups


def _blocks(writer: Writer, number: int, passage: Passage, room: int) -> Iterator[tuple[Block, int]]:
    """The passage in pieces of at most ``room`` tokens, title included, each with its tokens."""
    if not passage.text.strip():
        return
    title = min(64, len(writer.encode(passage.title.strip())[0])) + 4
    offsets = writer.encode(passage.text)[1]
    most = max(room - title, _LEAST_ROOM // 2)
    ends = [segment.end for segment in split(passage.text)] if len(offsets) > most else []
    first, start = 0, 0
    while len(offsets) - first > most:
        reach = max(offsets[first + most][0], start + 1)
        end = max((e for e in ends if start < e <= reach), default=reach)
        last = next(i for i in range(first, len(offsets)) if offsets[i][1] > end)
        yield Block(number, start, end), last - first + title
        first, start = last, end
    if passage.text[start:].strip():
        yield Block(number, start, len(passage.text)), len(offsets) - first + title
