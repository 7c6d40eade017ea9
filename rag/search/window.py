"""Passages that were found, with what stands around them in their documents."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy.orm import Session

from ..ledger import ChunkRepository
from ..ledger.tables import Chunk

__all__ = ["Widened", "widened"]

_JOINT = "\n"


@dataclass(frozen=True, slots=True)
class Widened:
    """A run of neighbouring chunks as one text. ``hit`` is the best of those that were found in it."""

    hit: Chunk
    text: str
    offset: int


def widened(
    session: Session, hits: Sequence[Chunk], window: int, allowed: Container[int] | None = None
) -> list[Widened]:
    """Each hit with up to ``window`` neighbours to either side, in the order of the hits.

    Hits of one document whose neighbourhoods overlap become one text, in the place of the best: no text
    comes twice, and there may be fewer than there were hits. A neighbour that is not ``allowed``, because a
    filter excludes it, ends the run, and so does a position without a chunk.

    The text is the document's own, from the first chunk's start to the last one's end. Where the chunks are
    no slices of their document, theirs are joined: by a line end, or without what both have where they
    overlap.
    """
    repository = ChunkRepository(session)
    places = {
        (chunk.document_id, chunk.position): chunk
        for chunk in repository.around(hits, window)
        if allowed is None or chunk.id in allowed
    }
    runs = [_run(hit, window, places) for hit in hits]
    merged: list[tuple[Chunk, int, int]] = []
    owner: dict[tuple[int, int], int] = {}
    for hit, (first, last) in zip(hits, runs, strict=True):
        touched = {owner[key] for p in range(first, last + 1) if (key := (hit.document_id, p)) in owner}
        place = min(touched, default=len(merged))
        if place == len(merged):
            merged.append((hit, first, last))
        for other in touched:  # two better ones may be bridged by this one
            _, start, end = merged[other]
            first, last = min(first, start), max(last, end)
        merged[place] = (merged[place][0], first, last)
        owner.update(((hit.document_id, p), place) for p in range(first, last + 1))
    kept = sorted({owner[hit.document_id, hit.position] for hit in hits})
    return [
        _joined(repository, hit, [places[hit.document_id, p] for p in range(first, last + 1)])
        for hit, first, last in (merged[place] for place in kept)
    ]


def _run(hit: Chunk, window: int, places: dict[tuple[int, int], Chunk]) -> tuple[int, int]:
    first = last = hit.position
    while hit.position - first < window and (hit.document_id, first - 1) in places:
        first -= 1
    while last - hit.position < window and (hit.document_id, last + 1) in places:
        last += 1
    return first, last


def _joined(repository: ChunkRepository, hit: Chunk, chunks: Sequence[Chunk]) -> Widened:
    start, end = chunks[0].start, chunks[-1].end
    if len(chunks) == 1:
        return Widened(hit, hit.text, hit.start)
    source = repository.source(hit, start, end) if start <= end else ""
    if all(source[chunk.start - start : chunk.end - start] == chunk.text for chunk in chunks):
        return Widened(hit, source, start)
    text = chunks[0].text
    for before, after in pairwise(chunks):
        shared = max(0, before.end - after.start)
        twice = shared and before.text.endswith(after.text[:shared])
        text += after.text[shared:] if twice else _JOINT + after.text
    return Widened(hit, text, start)
