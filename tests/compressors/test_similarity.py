"""``similarity``: its scores are the cosines that its documentation promises."""

from __future__ import annotations

import numpy as np
import pytest
from tersus.compressors import Budget, Passage, load_compressor
from tersus.compressors.models.encoder import load_encoder

from .strategies import bag_of_words

PASSAGES = [
    Passage(
        text="Frank Herbert wrote Dune in 1965. He was born in Tacoma. Rain fell all day in Paris.",
        title="Dune (novel)",
    ),
    Passage(text="Cats purr. Dogs bark at night."),
]


def test_scores_are_cosines_of_question_and_sentence_in_its_title() -> None:
    result = load_compressor("similarity", threshold=-1.0).compress("Who wrote Dune?", PASSAGES, Budget())
    encode = load_encoder("minilm").encode
    query = encode(["Who wrote Dune?"])[0].astype(np.float64)
    for passage in result.passages:
        assert passage.kept
        for span in passage.kept:
            sentence = passage.source.text[span.start : span.end]
            title = f"{passage.source.title}: " if passage.source.title else ""
            alone = encode([title + sentence])[0].astype(np.float64)
            cosine = query @ alone / (np.linalg.norm(query) * np.linalg.norm(alone))
            assert span.score == pytest.approx(cosine, abs=1e-5)


def test_the_sentence_that_answers_is_kept() -> None:
    result = load_compressor("similarity").compress("Who wrote Dune?", PASSAGES, Budget(ratio=0.4))
    assert "Frank Herbert wrote Dune in 1965." in result.text
    assert "Cats" not in result.text


def test_adaptive_keeps_exactly_what_reaches_the_threshold() -> None:
    everything = load_compressor("similarity", embedder=bag_of_words, threshold=-1.0)
    scores = [
        s.score for p in everything.compress("Who wrote Dune?", PASSAGES).passages for s in p.kept or []
    ]
    middle = sorted(scores)[len(scores) // 2]
    some = load_compressor("similarity", embedder=bag_of_words, threshold=middle)
    kept = [s.score for p in some.compress("Who wrote Dune?", PASSAGES).passages for s in p.kept or []]
    assert kept == [score for score in scores if score >= middle]
