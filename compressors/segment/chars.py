"""Classes of characters that segmentation tells apart.

Code points and their roles follow the Unicode Character Database (property
``Sentence_Terminal``, scripts) and UAX #14 on the scripts without blanks.
"""

from __future__ import annotations

import re

__all__ = [
    "CJK_CLOSERS",
    "CLOSERS",
    "CONTINUA",
    "HARD",
    "NO_START",
    "SOFT",
    "is_continua",
    "joins_words",
    "skip_space",
    "trim",
]

SOFT = ".!?…‼⁇⁈⁉\u037e⸮"
"""Terminators that need a blank behind them in scripts with blanks: they also stand inside tokens."""

HARD = "。｡．！？।॥؟۔։።፧፨။។៕᙮᠃᠉꓿꘎꛳"
"""Terminators that end a sentence whether or not a blank follows."""

CLOSERS = "\"'”’“‘»«›‹)]}" + "」』）】》〉〕｝］＂" + "*_~`" + "¹²³⁰⁴⁵⁶⁷⁸⁹†‡"
"""What may follow a terminator and still belong to its sentence: quotes, brackets, emphasis, note marks."""

CJK_CLOSERS = "」』）】》〉〕｝］”’"

CONTINUA = (
    "\u0e00-\u0e4e\u0e5a-\u0e5b\u0e80-\u0ecf\u0edc-\u0edf\u0f40-\u0fbc\u1000-\u103f\u1050-\u109d\u1780-\u17d3"
    "\u19de-\u19ff\u1a20-\u1aad"
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u30ff\u3105-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua48c\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f"
    "\U00016fe0-\U00018aff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""Letters of scripts written without blanks (Han, kana, Thai, Lao, Tibetan, Burmese, Khmer), for ``re``."""

NO_START = (
    "、，；：？！。．・：」』）】》〉〕｝］”’ーゝゞ々〻ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶㇰ-ㇿ％℃"
)
"""What no line of Chinese or Japanese may begin with (for ``re``)."""

_continua = re.compile(f"[{CONTINUA}]").match


def is_continua(char: str) -> bool:
    """Whether a character belongs to a script that writes no blanks between words."""
    return char > "\u0e00" and _continua(char) is not None


def joins_words(before: str, after: str) -> bool:
    """Whether a cut between two neighbouring characters would break a word, number or identifier."""
    return (
        (before.isalnum() or before == "_")
        and (after.isalnum() or after == "_")
        and not (is_continua(before) and is_continua(after))
    )


def skip_space(text: str, position: int, end: int) -> int:
    """The first position from ``position`` on that holds no white space, or ``end``."""
    while position < end and text[position].isspace():
        position += 1
    return position


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The same range without the white space (``str.isspace``) around it; empty where there is only that."""
    start = skip_space(text, start, end)
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
