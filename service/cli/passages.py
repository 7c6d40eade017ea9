"""Passages for people: what was kept stands out, what was dropped is dimmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .output import clean, dot, one_line, short_path

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from ...compressors import CompressedPassage

__all__ = ["print_passages"]

_INDENT = 3
_LONG = 200  # characters: of a longer run that was dropped, beginning and end are shown
_ENDS = (110, 60)


def print_passages(
    console: Console, passages: Sequence[CompressedPassage], show_dropped: bool | None = None
) -> None:
    """Each passage with title, score and source, and its text.

    ``show_dropped``: True shows all that was dropped, as it stands (dimmed, or as ``[-...-]`` where there
    are no styles); False nothing of it. None, the default: in a terminal dimmed and shortened (of a
    passage that was dropped altogether, a line), elsewhere nothing.
    """
    from rich.padding import Padding

    styled = console.is_terminal and not console.is_dumb_terminal
    kept = sum(1 for passage in passages if passage.text)
    console.print(f"Passages: {len(passages)} retrieved, {kept} kept", style="bold")
    for number, passage in enumerate(passages, 1):
        body = _body(passage, show_dropped, styled)
        if console.is_terminal:
            console.print(_header(number, passage, dot(console)), no_wrap=True, overflow="ellipsis")
            if body:
                console.print(Padding(body, (0, 0, 0, _INDENT)))
        else:
            console.print(_header(number, passage, dot(console)), soft_wrap=True)
            if body:
                console.print(_indented(body), soft_wrap=True)


def _header(number: int, passage: CompressedPassage, between: str) -> Text:
    from rich.text import Text

    source = passage.source
    line = Text(f"{number:>2} ")
    line.append(one_line(source.title) or "untitled", "bold" if passage.text else "dim")
    about = [
        None if source.score is None else f"{source.score:.2f}",
        None if passage.text else "dropped",
        short_path(source.document_id or ""),
    ]
    for part in about:
        if part:
            line.append(between + part, "dim")
    return line


def _body(passage: CompressedPassage, show_dropped: bool | None, styled: bool) -> Text:
    from rich.text import Text

    if passage.kept is None or show_dropped is False or (show_dropped is None and not styled):
        return Text(clean(passage.text))
    if not passage.kept and show_dropped is None:
        return Text(one_line(passage.source.text), "dim", no_wrap=True, overflow="ellipsis")
    source, body, place = passage.source.text, Text(), 0
    ends = [(span.start, span.end) for span in passage.kept]
    for start, end in [*ends, (len(source), len(source))]:
        dropped = source[place:start]
        if not styled and dropped.strip():
            body.append(f"[-{clean(dropped)}-]")
        else:
            body.append(clean(dropped) if show_dropped else _shortened(dropped), "dim")
        body.append(clean(source[start:end]))
        place = end
    body.rstrip()
    return body


def _shortened(text: str) -> str:
    """On one line, without the middle where it is long; ends on a new line where ``text`` does."""
    line = one_line(text)
    if len(line) > _LONG:
        head, tail = line[: _ENDS[0]].rpartition(" ")[0], line[-_ENDS[1] :].partition(" ")[2]
        # Without blanks there is no word to end at.
        line = f"{head or line[: _ENDS[0]]} ... {tail or line[-_ENDS[1] :]}"
    before = " " if text[:1].isspace() else ""
    after = text[len(text.rstrip()) :]
    kept_indent = "\n" + after.rpartition("\n")[2] if "\n" in after else " " if after else ""
    return f"{before}{line}{kept_indent}" if line else kept_indent


def _indented(body: Text) -> Text:
    from rich.text import Text

    lines = body.split("\n", allow_blank=True)
    return Text("\n").join(Text(" " * _INDENT if line else "") + line for line in lines)
