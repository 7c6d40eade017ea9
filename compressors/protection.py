"""What must not be lost: patterns to keep, and what a kept sentence needs beside it to be understood."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..errors import InvalidInput
from .types import CompressedPassage

__all__ = ["KeepTooSlow", "Protection"]

Offsets = tuple[int, int]
_LONGEST = 1000  # characters of a pattern; compiling takes time too
_SECONDS = 2.0


class KeepTooSlow(InvalidInput):
    """A keep pattern took too long on these passages: it backtracks without end, or matches everywhere."""

    code = "keep_too_slow"


@dataclass(frozen=True, slots=True)
class Protection:
    """What stays beside the best sentences. All of it is off by default.

    - ``keep``: regular expressions (of the package ``regex``, which reads those of ``re``) that are
      searched in each passage's text. A segment (sentence, list item, table, code block, heading) that a
      match touches is kept as a whole and before all others, whatever its score. An adaptive or risk
      budget keeps it besides what reaches the threshold; under ``ratio`` and ``max_tokens`` it is the
      first to be taken. A budget is still a promise: what it has no room for is lost, and ``reason`` says so.
    - ``headings``: what is kept brings the headings of its section, innermost first.
    - ``titles``: what is kept brings the heading that opens its passage's text. ``Passage.title`` needs no
      protection: the renderer puts it before whatever is kept, and leaves it out with a passage of
      which nothing is kept. A heading that repeats it is not brought a second time.
    - ``antecedents``: a kept sentence that begins with an English pronoun of the third person or a
      demonstrative brings the first sentence of its passage, unless that begins so too. This is the
      likeliest place of what the pronoun stands for; what it stands for is not looked into.

    The last three bring their text where the budget has room for it, before lesser sentences get any. They
    are off because ``tersus.eval.protection_check`` found no gain in answer or support recall for
    antecedents, and the labelled data has no headings to tell by; what they help is the reading.

    Raises:
        InvalidInput: a pattern that is no text, empty, too long or broken; with its number and position.
    """

    keep: Sequence[str] = ()
    titles: bool = False
    headings: bool = False
    antecedents: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.keep, str):
            raise InvalidInput("keep is one string, and must be a list", hint=f"keep=[{self.keep!r}]")
        object.__setattr__(self, "keep", tuple(self.keep))
        for number, pattern in enumerate(self.keep, 1):
            _check(number, pattern)

    @property
    def brings(self) -> bool:
        """Whether kept text brings other text with it."""
        return self.titles or self.headings or self.antecedents

    def matches(self, texts: Sequence[str]) -> list[list[Offsets]]:
        """Where the keep patterns match: for each text the ``start, end`` of all matches, sorted.

        Matches without a character are left out.

        Raises:
            KeepTooSlow: all patterns on all texts took more than two seconds.
        """
        deadline = time.perf_counter() + _SECONDS
        found: list[set[Offsets]] = [set() for _ in texts]
        for number, pattern in enumerate(self.keep, 1):
            for text, spans in zip(texts, found, strict=True):
                try:
                    spans.update(_search(pattern, text, deadline))
                except TimeoutError as error:
                    raise KeepTooSlow(
                        f"keep pattern {number} ({pattern!r}) was not done after {_SECONDS:g} s",
                        hint="make it more exact: no repetition inside a repetition, no .* at its beginning",
                    ) from error
        return [sorted(spans) for spans in found]

    def loss(self, passages: Sequence[CompressedPassage]) -> str | None:
        """What of the matches is not in the compressed passages, in words; None where all of it is.

        Raises:
            KeepTooSlow: as :meth:`matches`.
        """
        if not self.keep:
            return None
        total, lost = 0, []
        for passage, spans in zip(passages, self.matches([p.source.text for p in passages]), strict=True):
            total += len(spans)
            lost += _missing(passage, spans)
        if not lost:
            return None
        return f"{len(lost)} of {total} matches of keep patterns were lost, first {lost[0]!r:.80}"


def _check(number: int, pattern: Any) -> None:
    name = f"keep pattern {number}"
    if not isinstance(pattern, str) or not pattern:
        raise InvalidInput(f"{name} must be a regular expression, got {pattern!r:.80}")
    if len(pattern) > _LONGEST:
        raise InvalidInput(f"{name} has {len(pattern)} characters, more than {_LONGEST}", hint="use several")
    import regex  # type: ignore[import-untyped]

    try:
        _compiled(pattern)
    except regex.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        raise InvalidInput(
            f"{name} ({pattern!r:.80}) is broken{where}: {error.msg}",
            hint="put a backslash before a character that is meant literally",
        ) from error
    except (RecursionError, OverflowError) as error:
        raise InvalidInput(f"{name} is nested too deeply, or repeats too often") from error


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import regex  # here: importing tersus.compressors stays cheap

    return regex.compile(pattern)


def _search(pattern: str, text: str, deadline: float) -> Iterator[Offsets]:
    # The package's limit holds for the search for one match; matches without number need one of their own.
    left = max(0.001, deadline - time.perf_counter())
    for match in _compiled(pattern).finditer(text, timeout=left):
        if match.start() < match.end():
            yield match.span()
        if time.perf_counter() > deadline:
            raise TimeoutError


def _missing(passage: CompressedPassage, spans: Sequence[Offsets]) -> list[str]:
    source = passage.source.text
    if passage.kept is None:
        # Written text has its own blanks and line ends.
        text = " ".join(passage.text.split())
        return [source[a:b] for a, b in spans if " ".join(source[a:b].split()) not in text]
    kept = bytearray(len(source))
    for span in passage.kept:
        kept[span.start : span.end] = b"\1" * (span.end - span.start)
    return [
        source[start:end]
        for start, end in spans
        if any(not kept[i] and not source[i].isspace() for i in range(start, end))
    ]
