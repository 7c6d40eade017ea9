"""HTML to Markdown: what a reader of the page reads, with its headings, lists, tables and code."""

from __future__ import annotations

import re
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import CData, PreformattedString, Tag
from markdownify import MarkdownConverter

__all__ = ["html_to_markdown"]

# Not part of what the page says.
_NAMES = "script style nav footer noscript template svg canvas iframe object embed audio video select button"
_DROPPED = frozenset(_NAMES.split())
_ROLES = frozenset(
    {"navigation", "menu", "menubar", "search", "contentinfo"}
)  # WAI-ARIA's words for the same
# HTML lets these end tags out (HTML Living Standard, 13.1.2.4): opening the tag closes those named, up to the
# nearest boundary. Python's parser would nest them instead, each paragraph inside the one before.
_BLOCKS = (
    "address article aside blockquote details div dl fieldset figure form h1 h2 h3 h4 h5 h6 header hr main "
    "menu ol p pre section table ul"
)
_CLOSES: dict[str, frozenset[str]] = {
    **{name: frozenset({"p"}) for name in _BLOCKS.split()},
    "li": frozenset({"li", "p"}),
    "dt": frozenset({"dt", "dd", "p"}),
    "dd": frozenset({"dt", "dd", "p"}),
    "tr": frozenset({"tr", "td", "th", "p"}),
    "td": frozenset({"td", "th", "p"}),
    "th": frozenset({"td", "th", "p"}),
    "tbody": frozenset({"thead", "tbody", "tr", "td", "th", "p"}),
    "thead": frozenset({"tbody", "tr", "td", "th", "p"}),
    "tfoot": frozenset({"thead", "tbody", "tr", "td", "th", "p"}),
    "option": frozenset({"option"}),
    "body": frozenset({"head"}),
}
_BOUNDARY: dict[str, frozenset[str]] = {
    "p": frozenset({"li", "td", "th", "dd", "dt", "div", "section", "article", "blockquote", "body"}),
    "li": frozenset({"ul", "ol", "menu"}),
    "dt": frozenset({"dl"}),
    "dd": frozenset({"dl"}),
}
_TABLE = frozenset({"table"})
# Found while parsing, since the time that parsing takes grows with the square of the depth.
_MAX_DEPTH = 1000


class _Soup(BeautifulSoup):
    """BeautifulSoup over Python's own parser, with the end tags that HTML lets its authors leave out."""

    def handle_starttag(self, name: str, *args: Any, **kwargs: Any) -> Tag | None:
        if len(self.tagStack) > _MAX_DEPTH:
            raise RecursionError(f"more than {_MAX_DEPTH} elements inside one another")
        closed = _CLOSES.get(name)
        if closed:
            boundary = _BOUNDARY.get(name, _BOUNDARY["p"] if closed == _CLOSES["p"] else _TABLE)
            outermost = None
            for tag in (self.currentTag, *self.currentTag.parents) if self.currentTag else ():
                if tag.name in boundary and tag.name not in closed:
                    break
                if tag.name in closed:
                    outermost = tag
            while outermost is not None and self.currentTag and self.currentTag is not outermost.parent:
                self.handle_endtag(self.currentTag.name)
        return super().handle_starttag(name, *args, **kwargs)


class _Markdown(MarkdownConverter):
    """Links and pictures as their text alone, no emphasis marks, nothing escaped: words as they are."""

    def convert_a(self, _el: Tag, text: str, **_: object) -> str:
        return text

    def convert_img(self, el: Tag, _text: str, **_: object) -> str:
        return " ".join(str(el.get("alt") or "").split())

    def convert_pre(self, el: Tag, text: str, **_: object) -> str:
        code = text.strip("\n")
        if not code.strip():
            return ""
        # A fence longer than any in the code itself.
        fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", code))])
        return f"\n\n{fence}{_code_language(el)}\n{code}\n{fence}\n\n"

    def convert_br(self, _el: Tag, _text: str, parent_tags: set[str]) -> str:
        return " " if "_inline" in parent_tags else "\n"

    def _plain(self, _el: Tag, text: str, **_: object) -> str:
        return text

    convert_b = convert_strong = convert_em = convert_i = convert_del = convert_s = _plain


def html_to_markdown(markup: str) -> tuple[str | None, str]:
    """(title, Markdown) of an HTML or XHTML page.

    The title is the ``<title>``, else the first ``<h1>``, else None. Non-breaking blanks become blanks.
    Raises RecursionError for elements nested too deeply.
    """
    soup = _Soup(markup, "html.parser")
    for string in soup.find_all(string=lambda text: isinstance(text, PreformattedString)):
        if not isinstance(string, CData):  # comments, the document type, processing instructions
            string.extract()
    title = _text_of(soup.find(_is_page_title))
    for tag in soup.find_all(_is_dropped):
        if not tag.decomposed:
            tag.decompose()
    title = title or _text_of(soup.find("h1"))
    for head in soup.find_all(["head", "title"]):
        if not head.decomposed:
            head.decompose()
    converter = _Markdown(
        heading_style="atx",
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        escape_misc=False,
        table_infer_header=True,
    )
    text = str(converter.convert_soup(_main_of(soup))).replace("\xa0", " ")
    return title, re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip("\n") + "\n"


def _is_dropped(tag: Tag) -> bool:
    if tag.name in _DROPPED or tag.has_attr("hidden") or tag.get("aria-hidden") == "true":
        return True
    style = str(tag.get("style") or "").replace(" ", "").lower()
    return "display:none" in style or tag.get("role") in _ROLES


def _main_of(soup: Tag) -> Tag:
    """The page's one ``<main>`` element where that holds at least half of its words, else the page."""
    mains = soup.find_all("main")
    if len(mains) == 1 and 2 * len(mains[0].get_text()) >= len(soup.get_text()):
        return mains[0]
    return soup


def _is_page_title(tag: Tag) -> bool:
    return tag.name == "title" and tag.find_parent("svg") is None


def _text_of(tag: object) -> str | None:
    return " ".join(tag.get_text(" ").split()) or None if isinstance(tag, Tag) else None


def _code_language(pre: Tag) -> str:
    """The language of ``<pre><code class="language-python">``, as the HTML standard suggests to write it."""
    for tag in (pre, pre.find("code")):
        classes = tag.get("class") if isinstance(tag, Tag) else None
        for name in classes or ():
            found = re.fullmatch(r"(?:language|lang|highlight)-([\w+#-]+)", str(name))
            if found:
                return found[1]
    return ""
