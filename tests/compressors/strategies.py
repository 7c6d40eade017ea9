"""Texts and passages to try compressors on."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from tersus.compressors import Budget, Passage, Protection

_PIECES = [
    "Frank Herbert wrote Dune in 1965.",
    "It sold 12,000,000 copies (by 2003).",
    "Dr. No isn't a doctor.",
    "See https://example.com/a?b=1.2 for v1.2.3.",
    "彼は本を書いた。",
    "什么？好！",
    "كتب الكتاب.",
    "🧑\u200d🚀 flew. 🚀",
    "- item one\n- item two\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "```py\nx = 1.5\n\ny = 2\n```\n",
    "# Heading\n",
    "no full stop here",
    "'Quoted.' she said.",
    *("\n\n", "\n", "\u2028", "\x00", "\ud800", "e\u0301", "a" * 70, "..."),
]

texts = st.one_of(
    st.lists(st.sampled_from(_PIECES), max_size=12).map(" ".join),
    st.text(st.characters(codec=None, exclude_categories=()), max_size=120),
)
passages = st.lists(
    st.builds(Passage, text=texts, title=st.sampled_from(["", "Dune", "表題", "A title\nof two lines"])),
    max_size=5,
)
budgets = st.one_of(
    st.floats(0.01, 1).map(lambda r: Budget(ratio=r)),
    st.integers(1, 200).map(lambda n: Budget(max_tokens=n)),
    st.just(Budget(adaptive=True)),
)
protections = st.builds(
    Protection,
    keep=st.lists(
        st.sampled_from([r"\d[\d,.]*", "(?i)heading", r"\S+", r"wrote.*\n", "。", r"$"]), max_size=3
    ),
    titles=st.booleans(),
    headings=st.booleans(),
    antecedents=st.booleans(),
)


def bag_of_words(given: Sequence[str]) -> NDArray[np.float32]:
    """A deterministic embedder, in place of a model: hashed words, unit length."""
    vectors = np.full((len(given), 64), 1e-3, dtype=np.float32)
    for row, text in zip(vectors, given, strict=True):
        for word in re.findall(r"\w+", text.lower()):
            row[zlib.crc32(word.encode("utf-8", "replace")) % 64] += 1
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
