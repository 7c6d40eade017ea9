"""Markdown and reStructuredText as they are; only their titles are looked up."""

from __future__ import annotations

import json
import re

__all__ = ["first_heading", "rst_title", "split_front_matter"]

# A YAML block at the very start, as site generators write it: between "---" and "---" or "...".
_FRONT = re.compile(r"\A---[ \t]*\n((?:.*\n){0,400}?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_KEY = re.compile(r"[A-Za-z_][\w.-]*:(?:\s|$)")
_TITLE = re.compile(r"^title:[ \t]*(.*)(?:\n((?:[ \t]+\S.*\n?)+))?", re.MULTILINE | re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}#[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_RULE = re.compile(r"([=*\-~^\"'#+`:.<>_])\1+$")


def split_front_matter(text: str) -> tuple[str, str | None]:
    """The text without its YAML front matter, and the front matter's title if it has one.

    What stands between two ``---`` lines is front matter only if its first line is a key; otherwise the
    lines are rules of the text and stay.
    """
    found = _FRONT.match(text)
    if found is None or not _KEY.match(found[1].lstrip("\n")):
        return text, None
    return text[found.end() :].lstrip("\n"), _yaml_title(found[1])


def _yaml_title(block: str) -> str | None:
    found = _TITLE.search(block)
    if found is None:
        return None
    value, more = found[1].strip(), " ".join((found[2] or "").split())
    if value.rstrip("+-") in ("|", ">"):
        return more or None
    value = " ".join([value, more]).strip()
    if value.startswith('"') and (closed := re.match(r'"(?:[^"\\]|\\.)*"', value)):
        try:
            value = str(json.loads(closed[0], strict=False))
        except json.JSONDecodeError:  # an escape that YAML has and JSON has not
            value = closed[0][1:-1]
    elif value.startswith("'") and (closed := re.match(r"'((?:[^']|'')*)'", value)):
        value = closed[1].replace("''", "'")
    else:
        value = re.split(r"(?:^|\s)#", value, maxsplit=1)[0]
    return " ".join(value.split()) or None


def first_heading(text: str) -> str | None:
    """The first heading of level 1 in Markdown, outside fenced code: ``# Title`` or underlined with ``=``."""
    fence, above = "", ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip(" \t" + fence[0]):
                fence = ""
            continue
        if mark:
            fence, above = mark[1], ""
        elif (heading := _ATX.match(line)) and heading[1]:
            return " ".join(heading[1].split())
        elif above and re.fullmatch(r" {0,3}=+[ \t]*", line):
            return " ".join(above.split())
        else:
            above = line if line[:4].strip() else ""
    return None


def rst_title(text: str) -> str | None:
    """The heading a reStructuredText document begins with: a line with a rule under it, if it has one."""
    lines = [line.rstrip() for line in text.lstrip().split("\n", 3)[:3]]
    if lines and _RULE.match(lines[0]):  # a rule above as well
        lines = lines[1:]
    if len(lines) > 1 and lines[0] and _RULE.match(lines[1]) and len(lines[1]) >= len(lines[0]):
        return " ".join(lines[0].split())
    return None
