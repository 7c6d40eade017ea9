"""Telling code from prose where only indentation hints at it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .lines import Line

__all__ = ["code_end"]

_CODE = re.compile(
    r"""(?x)
    >>>(?:\s|$) | ->\s | \.\.\.\s | [$%]\s\w | \(\w+\)\s\w+\s\w*$
    | .*::= | \S.*\s{2}(?:\#|//)\s | .*[{;]$ | [\]})]+[,;:]?$ | .*\)\s*\{?\s*->\s*.*$
    | (?:async\s)?(?:def|fn|func|function|sub)\s[\w.]+\s*[(<\[] | class\s\w+(?:\(.*\))?:
    | @[\w.]+(?:\(.*\))?$
    | import\s[\w.]+(?:\sas\s\w+)?(?:;.*|,\s*[\w.]+)*$ | from\s[\w.]+\simport\s
    | (?:try|else|finally|do):$
    | (?:if|elif|for|while|with|except|match|case|async\sfor|async\swith)\b(?!.*\b(?:the|an?|is\sa)\s).*:$
    | (?:return|raise|yield|assert|del|await|pass|break|continue|nonlocal|global)
      (?:\s(?!.*\b(?:the|an?|to|of|from|in\sthe)\b).*[^.!?:,])?$
    | [\w.\[\]"',()*\ ]{1,80}\s(?:=|\+=|-=|\*=|/=|:=|<-|=>)\s\S | \w+=\S+$
    | (?:await\s)?[A-Za-z_][\w.]*\([^()]*\)(?:\.\w+\(.*\))?;?$ | [A-Za-z_][\w.]*\(.*\);$
    | \#\s\w | \#(?:include|define|if|!/) | // | /\*\*? | --\s\w+ | <\?\w | </?[A-Za-z][^>]*>
    | ["'][^"']*["']\s*:\s | (?:SELECT|INSERT\sINTO|UPDATE|DELETE\sFROM|CREATE|ALTER|DROP)\s[\w*]
    | (?:const|let|var|public|private|static|int|void|char|float|double|struct|enum|namespace|use)
      \s[\w<*:]+.*[=({;]
    | Traceback\s\(most | File\s".*",\sline\s\d+
    """
)
_COMMENT = re.compile(r"\s{1,}(?:#|//)\s.*$")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_COMMON = re.compile(
    r"\b(?:the|an?|of|to|is|are|and|that|in|for|with|this|was|by|be|as|it|or|der|die|das|und|ist|le|la|les|est|el|los)\b"
)
_MARKS = re.compile(r"[^\w\s.,;:!?'’()*\"-]|[=_]")
_ENDS = tuple(".!?,:;")


def _is_prose(body: str) -> bool:
    words = _WORDS.findall(body)
    if len(words) == 3 and body[0].isupper() and body[-1] == ".":
        return True
    if len(words) < 4 or len(_MARKS.findall(body)) * 12 > len(body):
        return False
    return len(words) >= 7 or body.endswith(_ENDS) or _COMMON.search(body) is not None


def _weigh(lines: Sequence[Line], first: int, last: int) -> tuple[int, int]:
    """How many lines speak for code, and how many for prose."""
    code = prose = 0
    for line in lines[first:last]:
        if _CODE.match(line.body):
            code += 1
        elif _is_prose(_COMMENT.sub("", line.body)):
            prose += 1
    return code, prose


def _chunk_end(lines: Sequence[Line], first: int) -> int:
    """The line behind the run of lines that are not blank and no less indented than the first."""
    indent, quoted = lines[first].indent, lines[first].quoted
    end = first
    while (
        end < len(lines) and lines[end].body and lines[end].indent >= indent and lines[end].quoted == quoted
    ):
        end += 1
    return end


def code_end(
    lines: Sequence[Line], first: int, base: int, *, announced: bool, literal: bool
) -> tuple[int, int]:
    """The line behind the code that begins on line ``first``, or ``first`` where that is no code.

    The second value is the line up to which was looked to tell.

    ``base`` is the indentation of the prose before it. ``announced``: that
    prose ends with a colon; ``literal``: with the ``::`` of reStructuredText
    or a code directive. Paragraphs of code with blank lines between them are
    one block.
    """
    end = _chunk_end(lines, first)
    line = lines[first]
    deeper = line.indent - base
    code, prose = _weigh(lines, first, end)
    interrupted = end < len(lines) and not lines[end].blank
    if (literal and deeper > 0) or line.body.startswith(">>>"):
        accepted = True
    elif deeper >= 2:
        accepted = code > prose or (
            not prose
            and not interrupted
            and (announced or deeper >= 4)
            and (announced or code > 0 or end - first > 1)
        )
    else:
        accepted = code > 1 and not prose and code * 5 >= (end - first) * 3
    if not accepted:
        return first, end
    return _with_further(lines, first, end, literal=literal and deeper > 0), end


def _with_further(lines: Sequence[Line], first: int, end: int, *, literal: bool) -> int:
    """Takes in the following paragraphs of the same code."""
    indent = lines[first].indent
    while end < len(lines):
        following = end
        while following < len(lines) and lines[following].blank:
            following += 1
        if following == len(lines) or following == end or lines[following].indent < indent:
            return end
        stop = _chunk_end(lines, following)
        if not (literal and indent):
            code, prose = _weigh(lines, following, stop)
            deeper = lines[following].indent > indent
            if prose > code or not (code or (not prose and (indent or deeper))):
                return end
        end = stop
    return end
