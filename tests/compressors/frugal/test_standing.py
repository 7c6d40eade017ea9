"""Places among rivals."""

from __future__ import annotations

import numpy as np
from tersus.compressors.frugal.standing import standings
from tersus.compressors.segment.word_units import split_words

TEXT = "aa bbbb cc. dd eeee."


def test_a_standing_is_the_share_of_the_rivals_text_that_scores_no_better() -> None:
    units = split_words(TEXT)
    assert [TEXT[u.start : u.end] for u in units] == ["aa", "bbbb", "cc", ".", "dd", "eeee", "."]
    scores = np.array([0.3, 0.9, 0.3, 0.0, 5.0, 4.0, 0.0])
    found = standings(units, scores, "sentence")
    # First sentence of 9 characters: "." 1, then "aa" and "cc" alike, then "bbbb"; second of 7.
    assert np.allclose(found, [5 / 9, 1, 5 / 9, 1 / 9, 1, 5 / 7, 1 / 7])


def test_within_a_passage_all_units_are_rivals() -> None:
    units = split_words(TEXT)
    scores = np.array([0.3, 0.9, 0.2, 0.0, 5.0, 4.0, 0.0])
    found = standings(units, scores, "passage")
    assert np.allclose(found * 16, [6, 10, 4, 2, 16, 14, 2])


def test_nothing_has_no_standing() -> None:
    assert standings([], np.empty(0), "passage").shape == (0,)
