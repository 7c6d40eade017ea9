"""Where a text may be cut without breaking a user-perceived character (UAX #29)."""

from __future__ import annotations

import unicodedata
from functools import cached_property, lru_cache

import regex  # type: ignore[import-untyped]

__all__ = ["Graphemes"]

# Runs of characters that never combine are skipped at once, all but the last: a mark may follow it.
_alone = r"[\t\n -~\u00a0-\u00ac\u00ae-\u02ff\u0400-\u0482\u3040-\u3096\u4e00-\u9fff]"
_CLUSTERS = regex.compile(rf"{_alone}+(?={_alone})|\X")
_PLAIN = {"Ll", "Lu", "Lt", "Nd", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sc", "Sm", "Zs", "Zl", "Zp"}


@lru_cache(maxsize=4096)
def _never_combines(char: str) -> bool:
    return (
        char < "\u0300"
        or "\u4e00" <= char <= "\u9fff"
        or "\u3040" <= char <= "\u3096"
        or unicodedata.category(char) in _PLAIN
    )


class Graphemes:
    """The grapheme clusters of one text; they are only looked for where a cut meets unusual characters."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _inside(self) -> bytearray:
        """One byte a position: 1 where the position lies inside a cluster."""
        inside = bytearray(len(self._text) + 1)
        for match in _CLUSTERS.finditer(self._text):
            start, end = match.span()
            if end - start > 1 and not (
                _never_combines(self._text[start]) and _never_combines(self._text[end - 1])
            ):
                inside[start + 1 : end] = b"\x01" * (end - start - 1)
        return inside

    def may_cut(self, position: int) -> bool:
        """Whether no cluster is broken by a cut before the character at ``position``."""
        if not 0 < position < len(self._text):
            return True
        before, after = self._text[position - 1], self._text[position]
        if _never_combines(before) and _never_combines(after):
            return (before, after) != ("\r", "\n")
        return not self._inside[position]
