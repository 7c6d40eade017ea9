"""Chains: stages applied in turn, spans of the caller's text, the budget at the end."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from tersus.compressors import (
    Budget,
    Calibration,
    CalibrationMissing,
    ChainCompressor,
    Compression,
    Draft,
    Passage,
    Protection,
    Task,
    UnknownCompressor,
    chain,
    load_compressor,
    load_counter,
    render_context,
)
from tersus.errors import InvalidInput

from ..strategies import budgets, passages, protections
from .stages import Longest, Shout, Words

QUERY = "Which?"
PASSAGES = [
    Passage(
        text="Short one. The longest sentence of this passage stands in its middle, as anybody sees. Tiny.",
        title="First",
    ),
    Passage(text=""),
    Passage(
        text="Another passage with a few words.\n\n- item one\n- item number two\n\nThe end comes suddenly."
    ),
]
count = load_counter()


def two() -> ChainCompressor:
    return ChainCompressor([Longest(), Words()])


def spans(result: Compression) -> list[list[tuple[int, int]]]:
    return [[(s.start, s.end) for s in p.kept or []] for p in result.passages]


def test_an_adaptive_chain_is_its_stages_applied_by_hand() -> None:
    result = two().compress(QUERY, PASSAGES)
    for passage, kept in zip(PASSAGES, result.passages, strict=True):
        first = Longest().compress(QUERY, [passage]).passages[0]
        expected = [word for span in first.kept or [] for word in passage.text[span.start : span.end].split()]
        if passage.text.startswith("Short"):
            # What is left of 20 characters and more, then the words of 4 and more; the stop stays with them.
            assert expected[:3] == ["The", "longest", "sentence"]
            assert kept.text == "longest sentence this passage stands middle, anybody sees."
        assert all(word in passage.text for word in kept.text.split())
    assert result.text == render_context(result.passages)


def test_a_chain_of_one_and_a_chain_with_none_are_the_stage_itself() -> None:
    for budget in (Budget(), Budget(ratio=0.4), Budget(max_tokens=25), Budget(ratio=1.0)):
        alone = Longest().compress(QUERY, PASSAGES, budget)
        for made in (ChainCompressor([Longest()]), chain("none", Longest())):
            result = made.compress(QUERY, PASSAGES, budget)
            assert spans(result) == spans(alone)
            assert result.tokens_after == alone.tokens_after


def test_chains_within_a_chain_are_taken_apart() -> None:
    nested = chain(chain("none", Longest()), Words())
    assert [stage.name for stage in nested.stages] == ["none", "longest", "words"]
    assert nested.name == "none+longest+words"
    assert (
        nested.compress(QUERY, PASSAGES, Budget(ratio=0.3)).text
        == chain("none", Longest(), Words()).compress(QUERY, PASSAGES, Budget(ratio=0.3)).text
    )


def test_every_stage_reports_its_tokens_and_seconds() -> None:
    result = two().compress(QUERY, PASSAGES, Budget(ratio=0.3))
    assert [stage.compressor for stage in result.stages] == ["longest", "words"]
    assert result.stages[0].tokens_before == result.tokens_before
    assert result.stages[0].tokens_after == result.stages[1].tokens_before
    assert result.stages[1].tokens_after == result.tokens_after < result.stages[0].tokens_after
    assert all(stage.seconds >= 0 for stage in result.stages)
    assert sum(stage.seconds for stage in result.stages) <= result.seconds
    assert not Longest().compress(QUERY, PASSAGES).stages


def test_what_the_next_stage_is_given_is_what_was_left() -> None:
    seen: list[Any] = []
    ChainCompressor([Longest(), Words(seen)], shares=[0.6]).compress(QUERY, PASSAGES, Budget(ratio=0.3))
    given_texts = [p.text for p in seen[0].passages]
    assert given_texts == [
        p.text for p in Longest().compress(QUERY, PASSAGES, Budget(ratio=0.6)).passages if p.text
    ]


def test_a_stage_that_writes_is_followed_by_one_that_selects() -> None:
    result = chain(Shout(), Words()).compress(QUERY, [PASSAGES[0], PASSAGES[2]], Budget())
    assert result.passages[0].kept is None
    assert (
        result.passages[0].text == "SHORT ."
    )  # of "SHORT ONE." the words of 4 characters and more, and the mark
    assert [s.passages for s in result.passages[0].sentences] == [(0,)]
    assert [s.passages for s in result.passages[1].sentences] == [(1,)]
    assert result.passages[1].text.startswith("ANOTHER PASSAGE WITH")


def test_a_stage_that_selects_is_followed_by_one_that_writes() -> None:
    result = chain(Longest(), Shout()).compress(QUERY, PASSAGES, Budget())
    assert result.passages[0].text.startswith("THE LONGEST SENTENCE")
    assert [s.passages for s in result.passages[2].sentences] == [(2,)]
    assert result.passages[1].text == ""


@settings(max_examples=80, deadline=None)
@given(given_passages=passages, budget=budgets, protection=protections)
def test_spans_are_of_the_callers_text_and_the_budget_holds(
    given_passages: list[Passage], budget: Budget, protection: Protection
) -> None:
    if budget.risk is not None:
        return
    result = two().compress(QUERY, given_passages, budget, protection=protection)
    assert [p.source for p in result.passages] == given_passages
    for passage in result.passages:
        assert passage.kept is not None
        ends = [0]
        for span in passage.kept:
            assert ends[-1] <= span.start < span.end <= len(passage.source.text)
            ends.append(span.end)
    assert result.tokens_after == count(result.text)
    if budget.max_tokens is not None:
        assert result.tokens_after <= budget.max_tokens
    if not result.text:
        assert result.reason


def test_a_batch_is_run_stage_by_stage_and_gives_what_one_by_one_gives() -> None:
    seen: list[Any] = []
    queries = ["a", "b", "c"]
    lists: Sequence[Sequence[Passage]] = [PASSAGES, [], PASSAGES[2:]]
    together = ChainCompressor([Longest(), Words(seen)]).compress_batch(queries, lists, Budget(ratio=0.4))
    assert len(seen) == 2  # both tasks with text, in one call
    for query, given_passages, result in zip(queries, lists, together, strict=True):
        alone = two().compress(query, given_passages, Budget(ratio=0.4))
        assert spans(alone) == spans(result)


def test_eight_threads_get_what_one_gets() -> None:
    made = two()
    expected = made.compress(QUERY, PASSAGES, Budget(ratio=0.4)).text
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(made.compress, QUERY, PASSAGES, Budget(ratio=0.4)) for _ in range(32)]
    assert {job.result().text for job in jobs} == {expected}


def test_the_same_passage_given_twice_is_left_twice() -> None:
    result = two().compress(QUERY, [PASSAGES[0], PASSAGES[0]], Budget())
    assert spans(result)[0] == spans(result)[1] != []


def test_what_must_stay_stays_through_every_stage() -> None:
    result = two().compress(QUERY, PASSAGES, Budget(ratio=0.2), protection=Protection(keep=("Tiny",)))
    assert "Tiny" in result.text


def test_by_name_with_the_stages_options() -> None:
    made = load_compressor("similarity+similarity", similarity={"threshold": 0.9}, shares=[0.5])
    assert isinstance(made, ChainCompressor)
    assert made.shares == (0.5,)
    assert [stage.threshold for stage in made.stages] == [0.9, 0.9]  # type: ignore[attr-defined]
    dotted = load_compressor("none+similarity", **{"similarity.threshold": 0.8})
    assert isinstance(dotted, ChainCompressor)
    assert dotted.stages[1].threshold == 0.8  # type: ignore[attr-defined]
    assert dotted.name == "none+similarity"
    assert dotted.needs_query
    assert dotted.kind == "extractive"
    assert chain(Shout(), Longest()).kind == "abstractive"
    assert chain(Longest(), Words()).speed == "fast"


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("none+nonsense", {}, UnknownCompressor),
        ("none+", {}, UnknownCompressor),
        ("none+similarity", {"threshold": 0.5}, InvalidInput),
        ("none+similarity", {"exit": {"hops": 1}}, InvalidInput),
        ("none+similarity", {"similarity": 0.5}, InvalidInput),
        ("none+similarity", {"similarity": {"nonsense": 0.5}}, InvalidInput),
        ("none+similarity", {"shares": [0.5, 0.5]}, InvalidInput),
        ("none+similarity", {"shares": [0.0]}, InvalidInput),
        ("none+similarity", {"shares": "half"}, InvalidInput),
    ],
)
def test_a_wrong_name_or_option_is_named(name: str, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        load_compressor(name, **options)


def test_an_empty_chain_and_a_risk_are_refused() -> None:
    with pytest.raises(InvalidInput, match="one compressor or more"):
        chain()
    from datetime import date

    calibration = Calibration("longest", 0.5, 0.05, 20, date(2026, 1, 2))
    for risk in (0.05, calibration):
        with pytest.raises(CalibrationMissing, match="chain"):
            two().compress(QUERY, PASSAGES, Budget(risk=risk))


def test_nothing_to_do_is_said() -> None:
    assert two().compress(QUERY, []).reason == "no passages were given"
    result = two().compress(QUERY, [Passage(text="Tiny.")], Budget())
    assert result.text == ""
    assert result.reason
    assert result.stages[1].reason == "nothing was left to it"


def test_tokens_that_stages_spent_are_added_up() -> None:
    class Spends(Shout):
        def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
            return [replace(draft, overhead_tokens=30) for draft in super()._compress_batch(tasks)]

    assert chain(Spends(), Longest(), Spends()).compress(QUERY, PASSAGES).overhead_tokens == 60
    assert two().compress(QUERY, PASSAGES).overhead_tokens == 0
