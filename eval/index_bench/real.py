"""Real vectors: embeddings of the sentences of SciFact's abstracts."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...compressors.segment import split
from ..data_files import DataMissing, data_folder

__all__ = ["embedded", "sentences"]

_LEAST_CHARACTERS = 20
_STEP = 512


def sentences(data_dir: str | None = None) -> list[str]:
    """Different sentences of 20 characters or more, in an order that is shuffled, always in the same way.

    Raises:
        DataMissing: SciFact is not there.
    """
    path = data_folder(data_dir) / "scifact" / "corpus.jsonl.gz"
    if not path.is_file():
        raise DataMissing(f"{path} is not there", hint="give the folder of the data: --data-dir")
    found: dict[str, None] = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            text = json.loads(line)["text"]
            for segment in split(text):
                sentence = text[segment.start : segment.end].strip()
                if len(sentence) >= _LEAST_CHARACTERS:
                    found[sentence] = None
    texts = list(found)
    return [texts[i] for i in np.random.default_rng(0).permutation(len(texts))]


def embedded(
    texts: list[str], path: Path, *, model: str = "minilm", advance: Callable[[int], None] = lambda _: None
) -> NDArray[np.float32]:
    """Their unit vectors, float32 ``[n, d]``, kept in ``path`` (``.npy``) for the next run.

    Raises:
        NotInstalled, EmbeddingFailed: of the model.
    """
    if path.is_file() and len(kept := np.load(path, mmap_mode="r")) == len(texts):
        return np.asarray(kept)
    from ...rag.embedding import embed_texts, load_embedding  # slow, and each process would pay for it

    embedding = load_embedding(model)
    rows = []
    for start in range(0, len(texts), _STEP):
        rows.append(embed_texts(embedding, texts[start : start + _STEP]))
        advance(len(rows[-1]))
    vectors = np.concatenate(rows)
    np.save(path, vectors)
    return vectors
