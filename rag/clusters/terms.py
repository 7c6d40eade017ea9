"""Key terms of clusters: class-based TF-IDF (Grootendorst, 2022, arXiv:2203.05794)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .words import words

__all__ = ["key_terms"]

_LIFT = 2.0
# scikit-learn's list holds some words that are topics (Nothman, Qin & Yurchak, 2018).
_TOPICS = {"bill", "computer", "cry", "detail", "fill", "fire", "front", "interest", "mill", "system"}


def key_terms(texts: Sequence[str], numbers: NDArray[np.int64], count: int) -> dict[int, list[str]]:
    """The ``count`` terms that say best what each cluster is about, best first.

    A term's weight in a cluster is its count there times ``log(1 + A / f)``: ``f`` is its count in all
    clusters, ``A`` the mean number of words a cluster. English function words are left out, and so is
    what is less than twice as frequent, by share of the words, in the cluster as in the others together:
    function words of any language, and the subject that all clusters share. Fewer terms come back where
    fewer remain. Equal weights go by the alphabet.

    Args:
        texts: of chunks.
        numbers: the cluster of each text, int64 ``[n]``.
        count: how many terms a cluster, at least 1.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    clusters, rows = np.unique(numbers, return_inverse=True)
    vectorizer = CountVectorizer(analyzer=lambda text: list(words(text)))
    try:
        counted = vectorizer.fit_transform(texts).tocoo()
    except ValueError:  # no text has a word
        return {int(number): [] for number in clusters}
    terms = vectorizer.get_feature_names_out()  # sorted
    stopped = np.isin(terms, list(ENGLISH_STOP_WORDS - _TOPICS))
    # Pairs of cluster and term as one number each: a dense table of both could be huge.
    pairs, place = np.unique(rows[counted.row] * len(terms) + counted.col, return_inverse=True)
    counts = np.bincount(place, weights=counted.data)
    owners, columns = np.divmod(pairs, len(terms))
    total = np.bincount(columns, weights=counts, minlength=len(terms))
    every, mean = total.sum(), total.sum() / len(clusters)
    borders = np.searchsorted(owners, np.arange(len(clusters) + 1))
    found: dict[int, list[str]] = {}
    for number, start, end in zip(clusters.tolist(), borders, borders[1:], strict=False):
        here, column = counts[start:end], columns[start:end]
        inside, outside = here.sum(), every - here.sum()
        # Cross-multiplied: a cluster that has all the words divides by nothing.
        typical = here * outside >= _LIFT * (total[column] - here) * inside
        keep = typical & ~stopped[column]
        weights = here[keep] * np.log1p(mean / total[column[keep]])
        best = column[keep][np.lexsort((column[keep], -weights))[:count]]
        found[number] = [str(terms[one]) for one in best]
    return found
