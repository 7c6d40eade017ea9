"""Features of words in common, against counts by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tersus.compressors import Passage
from tersus.compressors.exit.lexical import (
    EDGE_FEATURES,
    NODE_FEATURES,
    edge_features,
    inverse_frequencies,
    node_features,
)
from tersus.compressors.exit.reading import Reading, read
from tersus.compressors.models.store import model_folder
from tokenizers import Tokenizer

PASSAGES = [
    Passage(text="The cat sat. The dog saw Paris in 1990.", title="Pets"),
    Passage(text="Paris is old.", title="Paris"),
]


@pytest.fixture(scope="module")
def reading() -> Reading:
    tokenizer = Tokenizer.from_file(str(model_folder("minilm") / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return read(tokenizer, "dog paris", PASSAGES)


def ones() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.ones(30522, np.float32)


def test_shares_of_the_query_are_counted_in_sentence_title_and_passage(reading: Reading) -> None:
    features = node_features(reading, ones())
    assert features.shape == (3, NODE_FEATURES)
    assert features[:, 0].tolist() == [0, 1, 0.5]  # of dog, paris in the sentence itself
    assert features[:, 2].tolist() == [1, 1, 0.5]  # in its passage
    assert features[:, 6].tolist() == [0, 0, 1]  # of the title, what the query names
    assert features[:, 10].tolist() == [1, 0, 1]  # first of its passage
    assert features[:, 13].tolist() == [0, 1, 0]  # holds digits


def test_bm25_is_that_of_its_formula(reading: Reading) -> None:
    features = node_features(reading, ones())
    sizes = [len(s.pieces) for s in reading.sentences]
    mean = sum(sizes) / len(sizes)
    found = [[0, 0], [1, 1], [0, 1]]
    scores = [
        sum(tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * size / mean)) for tf in tfs)
        for tfs, size in zip(found, sizes, strict=True)
    ]
    assert features[:, 7].tolist() == pytest.approx([s / max(scores) for s in scores], abs=1e-6)


def test_a_sentence_that_names_another_title_points_to_its_passage(reading: Reading) -> None:
    edges = edge_features(reading, range(3), ones())
    assert edges.shape == (3, 3, EDGE_FEATURES)
    assert edges[..., 0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]  # same passage
    assert edges[..., 1].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]  # neighbours
    assert edges[2, :, 3].tolist() == pytest.approx([0, 1, 1])  # "Paris" in each sentence
    assert edges[:, 2, 4].tolist() == pytest.approx([0, 1, 1])
    assert edges[2, :, 6].tolist() == pytest.approx([0, 0, 0])  # the query names Paris: no news


def test_what_only_the_query_shares_does_not_relate_two_sentences(reading: Reading) -> None:
    edges = edge_features(reading, range(3), ones())
    shared = set(reading.sentences[1].pieces) & set(reading.sentences[2].pieces) - set(reading.query)
    sizes = [len(set(s.pieces) - set(reading.query)) for s in reading.sentences]
    assert edges[1, 2, 2] == pytest.approx(len(shared) / math.sqrt(sizes[1] * sizes[2]), abs=1e-5)


def test_inverse_frequencies_fall_with_the_number_of_documents() -> None:
    weights = inverse_frequencies([[1, 1, 2], [1], [1, 3]], 5, ignore=[3])
    assert weights.tolist() == pytest.approx([1, 0, math.log(2) / math.log(4), 0, 1])


def test_without_words_in_common_nothing_divides_by_zero() -> None:
    empty = Reading([], [[]], [], [], [])
    assert node_features(empty, ones()).shape == (0, NODE_FEATURES)
