"""BM25 over the chunks of collections, never older than SQL."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ...errors import InvalidInput, NotInstalled
from ...indexes import SearchResult
from ..ledger import ChunkRepository, CollectionRepository, Database
from ..ledger.tables import Collection
from .words import words_of

if TYPE_CHECKING:
    from bm25s import BM25

__all__ = ["K1", "B", "Bm25Store"]

K1, B = 1.2, 0.75


@dataclass(slots=True)
class _Corpus:
    """A collection's chunks as numbers of words. What it holds is replaced, never changed."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    sequence: int = -1
    vocabulary: dict[str, int] = field(default_factory=dict)
    words: dict[int, array[int]] = field(default_factory=dict)
    ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    model: BM25 | None = None


class Bm25Store:
    """BM25 of each collection, in memory, made from SQL when it is first asked for.

    ``idf(t) = ln(1 + (N - df + 0.5) / (df + 0.5))``, k1 = 1.2, b = 0.75, over title and text of the chunks;
    words as `words_of` cuts them; a word that the question repeats counts again.

    A chunk never changes and its id is never used again. So a search compares the collection's sequence
    with the one it knows: equal, it searches at once; otherwise chunks that SQL no longer has leave, new
    ones are read and cut into words, and all weights are computed anew, because each depends on all chunks.
    On two busy cores that took 0.8 ms a new chunk of 200 words and 0.5 ms a chunk of the collection, and the
    searches that came after the change wait for it: on 10^5 chunks a minute after each ingest. So BM25 is
    for collections that are asked more often than changed. Memory: 4 bytes a word, and 8 for each pair of
    chunk and word. Safe to share between threads.

    Source: Robertson and Zaragoza, 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", with
    Lucene's idf; Lù, 2024, "BM25S: Orders of magnitude faster lexical search via eager sparse scoring".
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Corpus] = {}
        self._lock = threading.Lock()

    def search(
        self, name: str, questions: Sequence[str], k: int, *, allowed: NDArray[np.int64] | None = None
    ) -> SearchResult:
        """The ``k`` chunks of collection ``name`` with the highest BM25 for each question.

        Only chunks that share a word with the question; ids and scores as in `SearchResult` (int64 and
        float32 ``[questions, k]``, -1 and -inf where there are fewer), equal scores by id ascending. With
        ``allowed``, only those ids are considered; weights stay those of the whole collection.

        Raises:
            UnknownCollection: there is no such collection.
            InvalidInput: ``k`` below 1.
            NotInstalled: bm25s or PyStemmer is missing.
        """
        if k < 1:
            raise InvalidInput(f"k is {k}", hint="give a whole number of at least 1")
        found = SearchResult(
            np.full((len(questions), k), -1, dtype=np.int64),
            np.full((len(questions), k), -np.inf, dtype=np.float32),
        )
        ids, model, vocabulary = self._level(name)
        if model is None:
            return found
        chosen = None if allowed is None else np.flatnonzero(np.isin(ids, allowed))
        for row, words in enumerate(words_of(questions)):
            numbers = [vocabulary[word] for word in words if word in vocabulary]
            if not numbers:
                continue
            scores = model.get_scores_from_ids(numbers)
            places = _best(scores, k, chosen)
            found.ids[row, : places.size] = ids[places]
            found.scores[row, : places.size] = scores[places]
        return found

    def _level(self, name: str) -> tuple[NDArray[np.int64], BM25 | None, dict[str, int]]:
        """Ids, weights and words that belong together, level with SQL at the moment of the call."""
        with self._database.session() as session:
            uid = CollectionRepository(session).require(name).uid
        with self._lock:
            corpus = self._known.setdefault(uid, _Corpus())
        with corpus.lock, self._database.session() as session:
            collection = CollectionRepository(session).require(name)
            if collection.uid == uid and corpus.sequence != collection.sequence:
                self._catch_up(session, collection, corpus)
                self._forget_deleted(session)
            # Made anew under the same name meanwhile: the next call sees it; this one, an empty collection.
            return corpus.ids, corpus.model, corpus.vocabulary

    def _catch_up(self, session: Session, collection: Collection, corpus: _Corpus) -> None:
        repository = ChunkRepository(session)
        wanted = repository.ids(collection)
        vocabulary = dict(corpus.vocabulary)
        words = {number: corpus.words[number] for number in wanted.tolist() if number in corpus.words}
        missing = [number for number in wanted.tolist() if number not in words]
        for page in repository.texts(missing):
            cut = words_of(f"{title}\n{text}" for _, title, text in page)
            for (number, _, _), chunk in zip(page, cut, strict=True):
                words[number] = array("i", [vocabulary.setdefault(w, len(vocabulary)) for w in chunk])
        ids = np.array([number for number in wanted.tolist() if number in words], dtype=np.int64)
        tokens = [words[number] for number in ids.tolist()]
        vocabulary, tokens = _without_unused(vocabulary, tokens)
        corpus.model = _weights(tokens, vocabulary)  # first: where it fails, all stays as it was
        corpus.words = dict(zip(ids.tolist(), tokens, strict=True))
        corpus.vocabulary, corpus.ids, corpus.sequence = vocabulary, ids, collection.sequence

    def _forget_deleted(self, session: Session) -> None:
        there = CollectionRepository(session).uids()
        with self._lock:
            for uid in self._known.keys() - there:
                del self._known[uid]


def _weights(tokens: Sequence[array[int]], vocabulary: dict[str, int]) -> BM25 | None:
    if not vocabulary:
        return None  # no chunks, or none with a word
    try:
        import bm25s
    except ImportError as error:
        raise NotInstalled(f"bm25s cannot be imported: {error}", hint="pip install bm25s") from error
    model: Any = bm25s.BM25(k1=K1, b=B, method="lucene", backend="numpy")
    model.index((list(tokens), vocabulary), create_empty_token=False, show_progress=False)
    return model


def _without_unused(
    vocabulary: dict[str, int], tokens: list[array[int]]
) -> tuple[dict[str, int], list[array[int]]]:
    """The same without words of chunks that are gone, once they are more than those in use."""
    used = sorted(set().union(*tokens))
    if len(vocabulary) <= 2 * len(used):
        return vocabulary, tokens
    number = {old: new for new, old in enumerate(used)}
    kept = {word: number[old] for word, old in vocabulary.items() if old in number}
    return kept, [array("i", [number[old] for old in chunk]) for chunk in tokens]


def _best(scores: NDArray[np.float32], k: int, chosen: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Places of the ``k`` highest scores above zero, best first, equal ones in order."""
    places = np.flatnonzero(scores > 0) if chosen is None else chosen[scores[chosen] > 0]
    if places.size > k:
        least = np.partition(scores[places], places.size - k)[places.size - k]
        above = places[scores[places] > least]
        equal = places[scores[places] == least]
        places = np.concatenate([above, equal[: k - above.size]])
    order: NDArray[np.int64] = places[np.lexsort((places, -scores[places]))]
    return order
