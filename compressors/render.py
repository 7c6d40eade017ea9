"""How passages become the context of a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .types import CompressedPassage

__all__ = ["Renderer", "render_context"]

Renderer = Callable[[Sequence[CompressedPassage]], str]
"""Renders the passages that are left into the context; the one that the real prompt uses."""


def render_context(passages: Sequence[CompressedPassage]) -> str:
    """The default renderer: title, then the kept text, passages by an empty line.

    Dropped passages leave nothing behind, not even their title.
    """
    blocks = []
    for passage in passages:
        if not passage.text:
            continue
        title = passage.source.title.strip()
        blocks.append(f"{title}\n{passage.text}" if title else passage.text)
    return "\n\n".join(blocks)
