"""Which text of a conversation may be compressed, and for which question.

What becomes of a part depends on nothing that comes behind it: the same conversation, one turn longer, is
sent with the same beginning, so that a provider's prompt cache still holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["LEAST", "Part", "find_parts", "own_text", "replaced"]

Messages = Sequence[Mapping[str, Any]]

LEAST = 1000
"""Characters from which a tool's result is compressed without being marked."""
_MARKED = re.compile(r"<tersus>(.*?)</tersus>", re.DOTALL)
_TOOLS = ("tool", "function")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one message.

    ``piece``: the number of the content part that it stands in; None where the content is a string.
    ``start`` and ``end`` enclose it with its marks, ``text`` is what stands between them, ``query`` what it
    is to answer.
    """

    message: int
    piece: int | None
    start: int
    end: int
    text: str
    query: str


def find_parts(messages: Messages) -> list[Part]:
    """What is marked (``<tersus>…</tersus>``) by user, system and developer, and long results of tools.

    A part of a user's message answers the rest of that message, or, where that is nothing, the question
    before; a tool's result answers the last question; what stands in a system message the first one.
    What an assistant said stays as it is.
    """
    first = next((text for m in messages if m.get("role") == "user" and (text := own_text(m))), "")
    question, parts = "", []
    for number, message in enumerate(messages):
        role = message.get("role")
        if role == "user":
            question = own_text(message) or question
        query = first if role in ("system", "developer") else question
        if role == "assistant":
            continue
        for piece, text in _texts(message):
            marked = [
                Part(number, piece, found.start(), found.end(), found[1], query)
                for found in _MARKED.finditer(text)
            ]
            if not marked and role in _TOOLS and len(text) >= LEAST:
                marked = [Part(number, piece, 0, len(text), text, query)]
            parts += marked
    return parts


def own_text(message: Mapping[str, Any]) -> str:
    """What a message says outside of marks."""
    return "\n".join(_MARKED.sub(" ", text) for _, text in _texts(message)).strip()


def replaced(messages: Messages, texts: Mapping[Part, str]) -> list[dict[str, Any]]:
    """A copy of the conversation with each part's text in the place of part and marks."""
    copies = [dict(message) for message in messages]
    for part, text in sorted(texts.items(), key=lambda item: (item[0].message, -item[0].start)):
        message = copies[part.message]
        if part.piece is None:
            content = message["content"]
            message["content"] = content[: part.start] + text + content[part.end :]
        else:
            pieces = list(message["content"])
            whole = pieces[part.piece]["text"]
            pieces[part.piece] = {
                **pieces[part.piece], "text": whole[: part.start] + text + whole[part.end :],
            }  # fmt: skip
            message["content"] = pieces
    return copies


def _texts(message: Mapping[str, Any]) -> Iterator[tuple[int | None, str]]:
    content = message.get("content")
    if isinstance(content, str):
        yield None, content
    elif isinstance(content, list):
        for number, piece in enumerate(content):
            if (
                isinstance(piece, Mapping)
                and piece.get("type") == "text"
                and isinstance(piece.get("text"), str)
            ):
                yield number, piece["text"]
