"""What the encoder is given to read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tersus.compressors import Passage
from tersus.compressors.exit.reading import QUERY_TOKENS, SHARED_TOKENS, WINDOW_TOKENS, Reading, read
from tersus.compressors.models.store import model_folder
from tokenizers import Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_file(str(model_folder("minilm") / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


def words(tokenizer: Tokenizer, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=False))


def shown(tokenizer: Tokenizer, reading: Reading) -> list[str]:
    """For every sentence the tokens it is judged by."""
    return [words(tokenizer, reading.windows[s.window].ids[s.start : s.end]) for s in reading.sentences]


def test_a_short_passage_is_one_window_of_query_title_and_text(tokenizer: Tokenizer) -> None:
    reading = read(tokenizer, "Who purrs?", [Passage(text="Cats purr. Dogs bark.", title="Pets")])
    assert [words(tokenizer, w.ids) for w in reading.windows] == [
        "[CLS] who purrs? [SEP] pets [SEP] cats purr. dogs bark. [SEP]"
    ]
    assert shown(tokenizer, reading) == ["cats purr.", "dogs bark."]
    assert words(tokenizer, reading.windows[0].ids[reading.windows[0].text_start :]).startswith("cats")


def test_a_passage_without_title_has_no_empty_place_for_one(tokenizer: Tokenizer) -> None:
    reading = read(tokenizer, "Who?", [Passage(text="Cats purr.")])
    assert words(tokenizer, reading.windows[0].ids) == "[CLS] who? [SEP] cats purr. [SEP]"


def test_every_sentence_of_a_long_passage_is_read_whole_in_its_best_window(tokenizer: Tokenizer) -> None:
    sentences = [f"Number {i} of the numbered sentences stands here as a witness." for i in range(200)]
    reading = read(tokenizer, "Which number?", [Passage(text=" ".join(sentences), title="Numbers")])
    assert len(reading.windows) > 1
    assert all(len(w.ids) <= WINDOW_TOKENS for w in reading.windows)
    assert shown(tokenizer, reading) == [s.lower() for s in sentences]
    for sentence in reading.sentences[1:-1]:
        window = reading.windows[sentence.window]
        context = min(sentence.start - window.text_start, len(window.ids) - 1 - sentence.end)
        others = [
            (w, start)
            for n, w in enumerate(reading.windows)
            if n != sentence.window and (start := _find(w.ids, sentence.pieces)) is not None
        ]
        for other, start in others:
            there = min(start - other.text_start, len(other.ids) - 1 - start - len(sentence.pieces))
            assert there <= context


def _find(ids: list[int], pieces: list[int]) -> int | None:
    return next((i for i in range(len(ids)) if ids[i : i + len(pieces)] == pieces), None)


def test_windows_share_context_but_no_more_than_they_should(tokenizer: Tokenizer) -> None:
    text = " ".join(f"Word{i} is a word." for i in range(300))
    reading = read(tokenizer, "Which word?", [Passage(text=text)])
    bodies = [w.ids[w.text_start : -1] for w in reading.windows]
    for before, after in pairwise(bodies):
        shared = max(n for n in range(1, len(before)) if before[-n:] == after[:n])
        assert 0 < shared <= SHARED_TOKENS


def test_a_segment_longer_than_a_window_is_read_from_its_start(tokenizer: Tokenizer) -> None:
    reading = read(tokenizer, "甚么?", [Passage(text="語" * 590)])
    assert [len(w.ids) for w in reading.windows] == [WINDOW_TOKENS]
    (sentence,) = reading.sentences
    assert (sentence.start, sentence.end) == (reading.windows[0].text_start, WINDOW_TOKENS - 1)


def test_a_segment_longer_than_a_window_is_read_behind_others_too(tokenizer: Tokenizer) -> None:
    code = "```\n" + "x = (1,)\n" * 100 + "```"  # whole, whatever its length
    reading = read(
        tokenizer, "Who barks?", [Passage(text=f"Cats purr. Dogs bark.\n\n{code}\n\nMice squeak.")]
    )
    long = next(s for s in reading.sentences if len(s.pieces) > WINDOW_TOKENS)
    read_here = reading.windows[long.window].ids[long.start : long.end]
    assert read_here == long.pieces[: len(read_here)]
    assert len(read_here) > 300
    assert all(s.start < s.end for s in reading.sentences)


def test_of_a_long_query_both_ends_are_read(tokenizer: Tokenizer) -> None:
    reading = read(tokenizer, " ".join(f"w{i}" for i in range(500)), [Passage(text="Cats purr.")])
    assert len(reading.query) == QUERY_TOKENS
    text = words(tokenizer, reading.query)
    assert text.startswith("w0 w1")
    assert text.endswith("w498 w499")


def test_what_has_no_token_is_set_apart_and_nothing_is_lost(tokenizer: Tokenizer) -> None:
    reading = read(tokenizer, "Who?", [Passage(text="\u200b\u200b"), Passage(text=""), Passage(text="Cats.")])
    assert [s.passage for s in reading.sentences] == [2]
    assert {number for number, _ in reading.unread} <= {0}
    assert [w.passage for w in reading.windows] == [2]
