"""The shipped compressor on what users send: answered within the budget, or with a clear reason."""

from __future__ import annotations

import pytest
from tersus.compressors import Budget, Compression, Compressor, Passage, load_compressor
from tersus.errors import InvalidInput

CODE = """```python
def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
```"""
TABLE = "| a | b |\n|---|---|\n| 1 | 2 |"
CJK = "東京は日本の首都です。人口は約1400万人です。大阪は西にあります。富士山は高いです。"
LONG = " ".join(f"Sentence {n} of the archive speaks of item {n * 7 % 1000}." for n in range(2300))


@pytest.fixture(scope="module")
def exit_compressor() -> Compressor:
    return load_compressor("exit")


def _cut(
    compressor: Compressor, query: str, passages: list[Passage], budget: Budget | None = None
) -> Compression:
    result = compressor.compress(query, passages, budget)
    for passage in result.passages:
        ends = [0]
        for span in passage.kept or []:
            assert ends[-1] <= span.start < span.end <= len(passage.source.text)
            ends.append(span.end)
    return result


def test_a_long_passage_is_cut_to_its_budget_and_the_needle_found(exit_compressor: Compressor) -> None:
    assert len(LONG) > 100_000
    needle = "The vault of Norrvik was opened by Astrid Holm in 1887."
    text = LONG[:70_000].rsplit(". ", 1)[0] + ". " + needle + LONG[70_000:]
    result = _cut(
        exit_compressor, "Who opened the vault of Norrvik?", [Passage(text=text)], Budget(max_tokens=60)
    )
    assert result.tokens_after <= 60
    assert needle in result.text


def test_five_hundred_passages_are_judged_together(exit_compressor: Compressor) -> None:
    passages = [Passage(text=f"Room {n} is painted in colour {n % 9}. It has a door.") for n in range(499)]
    passages.insert(321, Passage(text="The lighthouse of Norrvik was built by Astrid Holm. It is white."))
    query = "Who built the lighthouse of Norrvik?"
    result = _cut(exit_compressor, query, passages, Budget(max_tokens=40))
    assert result.tokens_after <= 40
    assert "Astrid Holm" in result.text


@pytest.mark.parametrize(
    "text",
    ["Paris", CODE, CJK, TABLE, "   \n\t ", "....!!??", "\x00\x01", "a" * 5000, "\ud800 lone", "🙂" * 50],
)
@pytest.mark.parametrize("budget", [None, Budget(ratio=0.5), Budget(max_tokens=5)])
def test_odd_passages_are_answered_within_the_budget(
    exit_compressor: Compressor, text: str, budget: Budget | None
) -> None:
    result = _cut(exit_compressor, "What is the capital?", [Passage(text=text)], budget)
    if budget is not None and budget.max_tokens is not None:
        assert result.tokens_after <= budget.max_tokens
    if result.tokens_after == 0 and result.tokens_before:
        assert result.reason


def test_in_cjk_text_the_sentence_asked_for_is_kept(exit_compressor: Compressor) -> None:
    result = _cut(exit_compressor, "日本の首都はどこですか", [Passage(text=CJK)], Budget(ratio=0.4))
    assert "東京は日本の首都です。" in result.text


def test_of_a_query_longer_than_the_window_the_end_is_still_read(exit_compressor: Compressor) -> None:
    query = "We spoke about the weather and the ferry. " * 400 + "Who built the lighthouse?"
    text = "Gulls nest on the roof. The lighthouse was built by Astrid Holm. A band plays on Fridays."
    result = _cut(exit_compressor, query, [Passage(text=text)], Budget(ratio=0.5))
    assert "Astrid Holm" in result.text


def test_no_passages_and_empty_ones_give_an_empty_context(exit_compressor: Compressor) -> None:
    assert _cut(exit_compressor, "Who?", []).text == ""
    result = _cut(exit_compressor, "Who?", [Passage(text=""), Passage(text=" ")])
    assert result.tokens_after <= result.tokens_before
    assert len(result.passages) == 2


def test_an_empty_query_is_refused(exit_compressor: Compressor) -> None:
    with pytest.raises(InvalidInput):
        exit_compressor.compress("  ", [Passage(text="One. Two.")])
