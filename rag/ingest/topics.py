"""A corpus that every machine has: the language reference inside Python's own standard library."""

from __future__ import annotations

import platform

from .readers_document import ParsedDocument
from .readers_markdown import rst_title
from .text import clean

__all__ = ["python_topics"]


def python_topics() -> list[ParsedDocument]:
    """The topics of Python's ``help()``, sorted by key: some 80 chapters in reStructuredText.

    They come from ``pydoc_data.topics`` of the running interpreter (PSF licence), so ``meta["python"]`` names
    its version. The title is the chapter's own heading, without the quotation marks that stand for code.
    A few keys are aliases of one another ("if", "else") and have the same text.
    """
    from pydoc_data.topics import topics

    documents = []
    for key, source in sorted(topics.items()):
        text = clean(source)
        documents.append(
            ParsedDocument(
                external_id=f"python-topics:{key}",
                title=(rst_title(text) or key).replace('"', ""),
                text=text,
                media_type="text/x-rst",
                size_bytes=len(source.encode()),
                meta={"topic": key, "python": platform.python_version()},
            )
        )
    return documents
