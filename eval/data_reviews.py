"""Groups of reviews with human summaries: the data sets for clustering and summarising.

One JSON object a line: ``{"id", "sentences" | "reviews": [string], "gold_summaries": [string],
"question" | "category": string}``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from .data_files import Line, data_file

__all__ = ["ReviewGroup", "read_reviews"]


@dataclass(frozen=True, slots=True)
class ReviewGroup:
    """Texts about one thing, and what people made of them.

    ``topic`` is the aspect that the texts were collected for (Opinosis) or the product's
    category (Amazon reviews). ``texts`` are sentences or whole reviews, as ``unit`` says.
    """

    id: str
    topic: str
    texts: tuple[str, ...]
    summaries: tuple[str, ...]
    unit: str


def read_reviews(
    source: str | os.PathLike[str],
    limit: int | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
) -> Iterator[ReviewGroup]:
    """The groups of a file, or of ``opinosis`` or ``amazon-reviews`` by name, at most ``limit``.

    Raises:
        DataMissing: there is no such file or data set (at once, not when iterating).
        DataDamaged: a line does not follow the schema.
    """
    path = data_file(source, None, data_dir=data_dir)
    return (_group(line) for line in Line.read(path, limit))


def _group(line: Line) -> ReviewGroup:
    unit = "sentences" if "sentences" in line.fields else "reviews"
    topic = line.text("question" if "question" in line.fields else "category")
    return ReviewGroup(line.identity(), topic, line.texts(unit), line.texts("gold_summaries"), unit)
