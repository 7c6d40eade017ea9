"""Semantic compression equals its plain computation: every text without one group, embedded one by one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.typing import NDArray
from tersus.compressors import Budget, Passage, load_counter
from tersus.compressors.models.encoder import load_encoder
from tersus.compressors.segment.word_units import split_words
from tersus.compressors.tcra import TcraSemanticCompressor
from tersus.compressors.tcra.groups import group_units, windows_of, without
from tersus.compressors.tcra.semantic import standings
from tersus.compressors.wordwise import units_of
from tersus.errors import InvalidInput
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from tests.compressors.strategies import bag_of_words, budgets, passages, texts

count = load_counter()
TEXT = (
    "Frank Herbert, an American author, wrote the novel Dune in 1965. It sold 12,000,000 copies by 2003, "
    "which is really quite a lot. See https://example.com/a?b=1.2 for v1.2.3 and more."
)
TOKEN_CHARS = re.compile(r"[^\W_]")


@pytest.fixture(scope="module")
def random_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT with MiniLM's vocabulary; mean pooling, 512 positions."""
    place = tmp_path_factory.mktemp("bert")
    AutoTokenizer.from_pretrained(load_encoder("minilm").folder).save_pretrained(place)
    torch.manual_seed(5)
    config = BertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(place)
    return place


def plain_embedding(model: Any, tokenizer: Any, text: str) -> torch.Tensor:
    """Mean of the last layer over all tokens, one text, no padding."""
    with torch.inference_mode():
        states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
    mean: torch.Tensor = states.mean(dim=0)
    return mean.double()


@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("source", ["minilm", "random"])
def test_movements_are_those_of_a_plain_loop_with_the_real_model(
    source: str, group: int, random_bert: Path
) -> None:
    name = "minilm" if source == "minilm" else str(random_bert)
    folder = load_encoder(name).folder
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    sentences = re.split(r"(?<=[.]) (?=[A-Z])", TEXT) if source == "minilm" else [TEXT[:64]]
    text = " ".join(sentences)
    [window] = TcraSemanticCompressor(name, group=group, max_groups=None).movements(text)
    whole = plain_embedding(model, tokenizer, text)
    # Words by blanks, in groups that end with their sentence; its full stop is no word.
    expected = []
    for sentence in sentences:
        words = sentence.removesuffix(".").split(" ")
        expected += [" ".join(words[i : i + group]) for i in range(0, len(words), group)]
    assert [text[unit.start : unit.end] for unit, _ in window] == expected
    for unit, moved in window:
        rest = plain_embedding(model, tokenizer, text[: unit.start] + text[unit.end :])
        cosine = float(whole @ rest / (whole.norm() * rest.norm()))
        assert moved == pytest.approx(1 - cosine, abs=2e-6)


def test_the_words_that_move_least_go_first_and_the_rest_is_kept_in_order() -> None:
    compressor = TcraSemanticCompressor(max_groups=None)
    [window] = compressor.movements(TEXT)
    result = compressor.compress("", [Passage(TEXT)])
    kept = result.passages[0].kept or []
    gone = [m for u, m in window if not any(s.start <= u.start and u.end <= s.end for s in kept)]
    stay = [m for u, m in window if any(s.start <= u.start and u.end <= s.end for s in kept)]
    assert gone
    assert max(gone) <= min(stay)
    assert 0.7 < result.kept < 0.9
    assert [s.start for s in kept] == sorted(s.start for s in kept)


def test_a_fifth_of_every_passage_goes_by_default_whatever_else_is_there() -> None:
    compressor = TcraSemanticCompressor(embedder=bag_of_words)
    alone = compressor.compress("", [Passage(TEXT)]).passages[0]
    beside = compressor.compress("Dune?", [Passage("Cats purr at night and sleep by day."), Passage(TEXT)])
    assert beside.passages[1].kept == alone.kept
    assert 0 < len(beside.passages[0].text) < 36


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.8])
def test_amounts_identifiers_and_words_are_never_broken(ratio: float) -> None:
    result = TcraSemanticCompressor(embedder=bag_of_words).compress("", [Passage(TEXT)], Budget(ratio=ratio))
    words = {word.rstrip(".") for word in TEXT.split()}
    assert {word.rstrip(".") for word in result.text.split()} - {""} <= words
    assert abs(result.kept - ratio) <= 0.05 or result.reason


def test_blocks_stay_whole_or_go() -> None:
    text = "Run this code now, please do:\n\n```py\nx = 1\ny = 2\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    for ratio in (0.2, 0.4, 0.6, 0.8):
        out = (
            TcraSemanticCompressor(embedder=bag_of_words)
            .compress("", [Passage(text)], Budget(ratio=ratio))
            .text
        )
        for block in ("```py\nx = 1\ny = 2\n```", "| a | b |\n|---|---|\n| 1 | 2 |"):
            assert block in out or not set(block.split("\n")[1:-1]) & set(out.split("\n"))


def test_groups_bound_the_number_of_texts_that_are_embedded() -> None:
    calls: list[int] = []

    def embed(given: Sequence[str]) -> NDArray[np.float32]:
        calls.append(len(given))
        return bag_of_words(given)

    text = " ".join(f"w{i}" for i in range(100)) + ". " + "A few more words here."
    for most, expected in ((None, 105), (200, 105), (20, 18), (1, 2)):
        calls.clear()
        TcraSemanticCompressor(embedder=embed, max_groups=most, window=10_000).score("", [Passage(text)])
        assert calls == [expected + 1]


def test_groups_do_not_leave_their_sentence() -> None:
    units = split_words("One two three four five. Six seven.\n\n# Head\n\nEight.")
    text = "One two three four five. Six seven.\n\n# Head\n\nEight."
    found = [(text[u.start : u.end], u.kind) for u in group_units(units, 2, None)]
    assert found == [
        ("One two", "word"), ("three four", "word"), ("five", "word"), (".", "mark"),
        ("Six seven", "word"), (".", "mark"), ("# Head", "block"), ("Eight", "word"), (".", "mark"),
    ]  # fmt: skip


def test_a_passage_longer_than_the_models_window_is_read_in_several(random_bert: Path) -> None:
    text = " ".join(f"Sentence {i} tells of Dune and of topic {i * 7}." for i in range(30))
    encoder = load_encoder(str(random_bert))
    compressor = TcraSemanticCompressor(str(random_bert), max_groups=None)
    windows = compressor.movements(text)
    assert len(windows) > 4
    for window in windows:
        shown = text[window[0][0].start : window[-1][0].end]
        assert len(encoder.tokens(shown)[0]) + 2 <= encoder.max_length
    moved = [m for window in windows for _, m in window]
    assert len(moved) == len([u for u in split_words(text) if u.kind == "word"])
    assert min(m for m in moved) >= 0
    assert sum(m > 1e-6 for m in moved) > 0.95 * len(moved)  # nothing stands where the model does not look
    assert text.startswith("Sentence 0")
    assert abs(compressor.compress("", [Passage(text)], Budget(ratio=0.5)).kept - 0.5) <= 0.02


@given(texts)
def test_windows_hold_all_units_in_order_and_keep_their_size(text: str) -> None:
    units = units_of(text, "word")
    sizes = [1 + (u.end - u.start) % 7 for u in units]
    windows = windows_of(units, sizes, 20)
    assert [u for w in windows for u in w] == units
    size = dict(zip(units, sizes, strict=True))
    assert all(len(w) == 1 or sum(size[u] for u in w) <= 20 for w in windows)
    for one, other in pairwise(windows):
        if one[-1].segment == other[0].segment:  # only a sentence too long for one window is cut
            assert (
                sum(size[u] for u in units if u.segment == one[-1].segment) > 20
                or one[0].segment == one[-1].segment
            )


def test_standings_are_shares_of_what_moves_less() -> None:
    assert standings([0.3, 0.1, 0.2], [5, 2, 3]) == [0.75, 0.1, 0.35]
    assert standings([0.5], [9]) == [0.5]


def test_what_is_left_reads_with_one_blank() -> None:
    assert (without("a b  c", 2, 3), without("a b", 0, 1), without("a", 0, 1)) == ("a c", "b", "")


@settings(max_examples=40)
@given(passages, budgets)
def test_any_text_and_budget_is_answered(given_passages: list[Passage], budget: Budget) -> None:
    result = TcraSemanticCompressor(embedder=bag_of_words).compress("", given_passages, budget)
    assert result.tokens_after == count(result.text)
    assert budget.max_tokens is None or result.tokens_after <= budget.max_tokens
    assert result.text or result.reason


@pytest.mark.parametrize(
    "text", ["x", "word", " \n ", "🙂", "一", "e\u0301", "\ud800", "これは文です。" * 20, "a" * 3000]
)
def test_odd_texts_are_scored_by_the_real_model(text: str) -> None:
    result = TcraSemanticCompressor().compress("", [Passage(text), Passage("")], Budget())
    assert result.text or not text.strip()
    assert all(
        0 <= span.score <= 1
        for spans in TcraSemanticCompressor().score("", [Passage(text)])
        for span in spans
    )


def test_a_batch_gives_what_single_calls_give_from_eight_threads_at_once() -> None:
    compressor = TcraSemanticCompressor(max_groups=8)
    given_passages = [[Passage(f"{TEXT} Number {i}."), Passage("Cats purr.")][: 1 + i % 2] for i in range(8)]
    batch = compressor.compress_batch([""] * 8, given_passages, Budget(ratio=0.5))
    with ThreadPoolExecutor(8) as pool:
        alone = list(pool.map(lambda p: compressor.compress("", p, Budget(ratio=0.5)).text, given_passages))
    assert alone == [result.text for result in batch]
    assert compressor.compress_batch([], []) == []


def test_whole_sentences_go_where_asked() -> None:
    compressor = TcraSemanticCompressor(granularity="sentence", threshold=0.5)
    result = compressor.compress("", [Passage(TEXT)])
    sentences = re.split(r"(?<=[.]) (?=[A-Z])", TEXT)
    kept = [TEXT[s.start : s.end] for s in result.passages[0].kept or []]
    assert 0 < len(kept) < 3
    assert all(sentence in sentences for sentence in kept)


@pytest.mark.parametrize(
    "options",
    [
        {"group": 0},
        {"group": 1.5},
        {"max_groups": 0},
        {"window": 3},
        {"threshold": 1.5},
        {"granularity": "token"},
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        TcraSemanticCompressor(**options)


def test_the_fingerprint_names_what_changes_a_score() -> None:
    made = [
        TcraSemanticCompressor(),
        TcraSemanticCompressor(group=2),
        TcraSemanticCompressor(max_groups=8),
        TcraSemanticCompressor(granularity="sentence"),
        TcraSemanticCompressor(embedder=bag_of_words),
    ]
    assert len({one.fingerprint for one in made}) == len(made)
