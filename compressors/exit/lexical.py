"""What words in common say: of a sentence with the query, and of two sentences with each other.

Everything is counted on the encoder's own word pieces, weighted by their inverse document
frequency in the training passages (Spärck Jones, 1972), so that no second tokeniser is needed.
The model learns what these figures are worth; BM25 is that of Robertson et al. (1995).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .reading import Reading

__all__ = ["EDGE_FEATURES", "NODE_FEATURES", "edge_features", "node_features"]

Floats = NDArray[np.float32]

NODE_FEATURES = 14
EDGE_FEATURES = 8
_K1, _B = 1.2, 0.75


def node_features(reading: Reading, weights: Floats) -> Floats:
    """Features of every sentence of one query, float32 [sentences, NODE_FEATURES].

    ``weights`` are the pieces' inverse document frequencies, float32 [vocabulary].
    """
    query = sorted(set(reading.query))
    asked = np.asarray(query, dtype=np.int64)
    base = weights[asked] if query else np.zeros(0, np.float32)
    sentences = reading.sentences
    out = np.zeros((len(sentences), NODE_FEATURES), dtype=np.float32)
    if not sentences:
        return out
    places = {piece: i for i, piece in enumerate(query)}
    counts = np.zeros((len(sentences), len(query)), dtype=np.float32)
    for row, sentence in enumerate(sentences):
        for piece in sentence.pieces:
            if (column := places.get(piece)) is not None:
                counts[row, column] += 1
    there = counts > 0
    owner = np.array([s.passage for s in sentences])
    titled = np.zeros((len(reading.titles), len(query)), dtype=bool)
    for number, title in enumerate(reading.titles):
        for piece in title:
            if (column := places.get(piece)) is not None:
                titled[number, column] = True
    passage_counts = np.zeros((len(reading.titles), len(query)), dtype=np.float32)
    np.add.at(passage_counts, owner, counts)
    lengths = np.array([len(s.pieces) for s in sentences], dtype=np.float32)
    passage_lengths = np.zeros(len(reading.titles), dtype=np.float32)
    np.add.at(passage_lengths, owner, lengths)
    frequency = there.sum(0)
    local = np.log1p((len(sentences) - frequency + 0.5) / (frequency + 0.5)).astype(np.float32) * (base > 0)
    out[:, 0] = _share(there, base)
    out[:, 1] = _share(there | titled[owner], base)
    out[:, 2] = _share((passage_counts > 0)[owner] | titled[owner], base)
    out[:, 3] = _share(there, local)
    out[:, 4] = out[:, 0] / max(float(out[:, 0].max()), 1e-6)
    pairs = {pair: float(weights[pair[0]] + weights[pair[1]]) for pair in _pairs(reading.query)}
    total = sum(pairs.values()) or 1.0
    titles = [sum(float(weights[p]) for p in set(title)) or 1.0 for title in reading.titles]
    in_query = [sum(float(weights[p]) for p in set(t) if p in places) for t in reading.titles]
    for row, sentence in enumerate(sentences):
        out[row, 5] = sum(pairs[pair] for pair in _pairs(sentence.pieces) if pair in pairs) / total
        out[row, 6] = in_query[sentence.passage] / titles[sentence.passage]
    out[:, 7] = _relative(_bm25(counts, lengths, base))
    out[:, 8] = _relative(_bm25(passage_counts, passage_lengths, base))[owner]
    out[:, 9] = np.log1p(lengths) / 5
    out[:, 10] = np.concatenate([[True], owner[1:] != owner[:-1]])
    out[:, 11] = np.log(len(set(owner.tolist()))) / 3
    out[:, 12] = np.log(len(sentences)) / 5
    out[:, 13] = [s.digits for s in sentences]
    return out


def edge_features(reading: Reading, chosen: Sequence[int], weights: Floats) -> Floats:
    """Relations of the ``chosen`` sentences, float32 [n, n, EDGE_FEATURES]; ``[i, j]``: what j says of i."""
    sentences = [reading.sentences[i] for i in chosen]
    n = len(sentences)
    out = np.zeros((n, n, EDGE_FEATURES), dtype=np.float32)
    vocabulary = {p: i for i, p in enumerate(sorted({p for s in sentences for p in s.pieces}))}
    has = np.zeros((n, len(vocabulary)), dtype=np.float32)
    for row, sentence in enumerate(sentences):
        has[row, [vocabulary[p] for p in sentence.pieces]] = 1
    worth = weights[np.fromiter(vocabulary, dtype=np.int64, count=len(vocabulary))]
    fresh = worth.copy()
    fresh[[vocabulary[p] for p in set(reading.query) if p in vocabulary]] = 0
    owner = np.array([s.passage for s in sentences])
    numbers = sorted(set(owner.tolist()))
    where = np.searchsorted(numbers, owner)
    same = owner[:, None] == owner[None, :]
    out[..., 0] = same
    at = np.array([sentences[i].segment.start for i in range(n)])
    rank = np.argsort(np.argsort(owner * (int(at.max(initial=0)) + 1) + at))
    out[..., 1] = same & (np.abs(rank[:, None] - rank[None, :]) == 1)
    norm = np.sqrt((has * fresh**2).sum(1)) + 1e-6
    out[..., 2] = (has * fresh**2) @ has.T / norm[:, None] / norm[None, :]
    title = np.zeros((len(numbers), len(vocabulary)), dtype=np.float32)
    mass = np.full(len(numbers), 1e-6, dtype=np.float32)
    news = np.full(len(numbers), 1e-6, dtype=np.float32)
    asked = set(reading.query)
    for row, number in enumerate(numbers):
        pieces = set(reading.titles[number])
        title[row, [vocabulary[p] for p in pieces if p in vocabulary]] = 1
        mass[row] += sum(float(weights[p]) for p in pieces)
        news[row] += sum(float(weights[p]) for p in pieces - asked)
    named = (title * worth) @ has.T / mass[:, None]
    out[..., 3] = named[where]
    out[..., 4] = named[where].T
    both = (title * worth) @ title.T
    union = mass[:, None] + mass[None, :] - both
    out[..., 5] = (both / union)[where][:, where]
    out[..., 6] = np.minimum((title * fresh) @ has.T / np.maximum(news, 1.0)[:, None], 1)[where]
    spread = np.zeros((len(numbers), len(vocabulary)), dtype=np.float32)
    np.maximum.at(spread, where, has)
    rare = fresh * (spread.sum(0) <= 3)
    out[..., 7] = np.log1p((has * rare) @ has.T) / 3
    return out


def _share(there: NDArray[np.bool_], weights: Floats) -> Floats:
    total = float(weights.sum())
    return (there @ weights / total).astype(np.float32) if total else np.zeros(len(there), np.float32)


def _bm25(counts: Floats, lengths: Floats, weights: Floats) -> Floats:
    mean = max(float(lengths.mean()), 1.0)
    damped = counts * (_K1 + 1) / (counts + _K1 * (1 - _B + _B * lengths / mean)[:, None])
    return (damped @ weights).astype(np.float32)


def _relative(scores: Floats) -> Floats:
    best: float = max(float(scores.max(initial=0)), 1e-6)
    return np.asarray(scores / best, dtype=np.float32)


def _pairs(pieces: Sequence[int]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set(pairwise(pieces))
    return found


def inverse_frequencies(documents: Sequence[Sequence[int]], size: int, ignore: Sequence[int]) -> Floats:
    """Inverse document frequencies of ``size`` pieces over ``documents``; 0 for those to ``ignore``.

    ``log((N + 1) / (n + 1))``, scaled to at most 1.
    """
    seen = Counter(piece for document in documents for piece in set(document))
    counts = np.zeros(size, dtype=np.float64)
    for piece, count in seen.items():
        counts[piece] = count
    weights = np.log((len(documents) + 1) / (counts + 1)) / np.log(len(documents) + 1)
    weights[list(ignore)] = 0
    return np.asarray(weights, dtype=np.float32)
