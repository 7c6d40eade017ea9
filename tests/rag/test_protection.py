"""Keep patterns on their way from settings and callers to the compressor, through every door."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from llama_index.core.schema import NodeWithScore, TextNode
from tersus.compressors import (
    Budget,
    CompressedPassage,
    ExtractiveCompressor,
    Passage,
    Protection,
    Span,
    Task,
)
from tersus.compressors.segment import split
from tersus.rag.compress_texts import compress_passages
from tersus.rag.failopen import compress_or_original
from tersus.rag.ledger import Database
from tersus.rag.llamaindex import METADATA_KEY, TersusPostprocessor
from tersus.rag.results import passage_dict
from tersus.rag.settings import InvalidSettings, load_settings

from tests.rag import fakes
from tests.rag.fakes import COUNTER, ScriptedLLM

QUESTION = "When do spring tides come?"
PASSAGES = [Passage(text="One is first. Two is second. Three is third.", title="Numbers")]
SLOW = r"(.*)(.*)(.*)(.*)(.*)[xyz]$"


class Moon(ExtractiveCompressor):
    """Keeps sentences that name the moon."""

    name: ClassVar[str] = "moon"
    threshold: float = 0.5

    def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        return [[_spans(p.text) for p in task.passages] for task in tasks]


def _spans(text: str) -> list[Span]:
    return [Span(s.start, s.end, float("moon" in text[s.start : s.end])) for s in split(text)]


def sent(passages: Sequence[CompressedPassage]) -> set[str]:
    return {p.text for p in passages if p.text}


def test_settings_make_a_protection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TERSUS_CONFIG", str(tmp_path / "tersus.toml"))
    (tmp_path / "tersus.toml").write_text("keep = ['\\d+ EUR', 'Ada']\nprotect_headings = true\n")
    assert load_settings().protection == Protection(keep=[r"\d+ EUR", "Ada"], headings=True)
    monkeypatch.setenv("TERSUS_KEEP", '["x"]')
    monkeypatch.setenv("TERSUS_PROTECT_TITLES", "true")
    monkeypatch.setenv("TERSUS_PROTECT_ANTECEDENTS", "1")
    assert load_settings().protection == Protection(keep=["x"], titles=True, headings=True, antecedents=True)


def test_without_settings_nothing_is_protected(tmp_path: Path) -> None:
    assert fakes.settings(tmp_path).protection == Protection()


@pytest.mark.parametrize("keep", ['["a", "[b"]', "[b", '"a"', '[""]'])
def test_patterns_that_cannot_be_used_are_refused_with_the_settings_name(
    monkeypatch: pytest.MonkeyPatch, keep: str
) -> None:
    monkeypatch.setenv("TERSUS_KEEP", keep)
    with pytest.raises(InvalidSettings, match="keep"):
        load_settings()


def test_the_settings_patterns_hold_for_a_query_that_brings_none(database: Database, tmp_path: Path) -> None:
    fakes.fill(database)
    pipe = fakes.pipeline(database, tmp_path, ScriptedLLM(), keep=["yeast", "quarters"])
    plain = "Tides follow the moon twice a day."
    result = pipe.query(QUESTION, "corpus", compressor=Moon(), protection=Protection())
    assert sent(result.passages) == {
        f"The moon pulls the sea. {plain}",
        "Spring tides come at new and full moon.",
    }
    kept = pipe.query(QUESTION, "corpus", compressor=Moon())
    assert sent(kept.passages) == {
        f"The moon pulls the sea. {plain}",
        "Spring tides come at new and full moon. Neap tides come at the quarters.",
        "Bread rises by yeast. Salt slows the yeast down.",
    }
    assert all(row.outcome == "compressed" for row in fakes.rows(database))


def test_passages_of_the_caller_are_protected_by_the_settings_or_the_call(tmp_path: Path) -> None:
    settings = fakes.settings(tmp_path, keep=["second"])
    texts = [Passage(text="The moon is first. Two is second. Three is third.")]
    own = compress_passages("Which?", texts, Moon(), Budget(), settings)
    assert own.context == "The moon is first. Two is second."
    given = compress_passages(
        "Which?", texts, Moon(), Budget(), settings, protection=Protection(keep=["third"])
    )
    assert given.context == "The moon is first. Three is third."


def test_what_a_budget_had_no_room_for_is_in_the_row(database: Database, tmp_path: Path) -> None:
    settings = fakes.settings(tmp_path, keep=["first", "third"])
    limit = COUNTER("Numbers\nOne is first.")
    result = compress_passages(
        "Which?", PASSAGES, Moon(), Budget(max_tokens=limit), settings, database=database
    )
    assert result.context == "Numbers\nOne is first."
    assert result.reason == "1 of 2 matches of keep patterns were lost, first 'third'"
    assert fakes.only_row(database).reason == result.reason


def test_a_pattern_that_takes_too_long_costs_the_query_nothing() -> None:
    long = [Passage(text="ab" * 400 + ". " + "The moon. It is. " * 3)]
    context = compress_or_original(
        Moon(), "Which?", long, Budget(), counter=COUNTER, renderer=plain, timeout=30,
        protection=Protection(keep=[SLOW]),
    )  # fmt: skip
    assert (context.outcome, context.error_code, context.text) == ("fell_back", "keep_too_slow", long[0].text)


def plain(passages: Sequence[CompressedPassage]) -> str:
    return "\n".join(p.text for p in passages if p.text)


def nodes() -> list[NodeWithScore]:
    text = "# Tides\n\nThe moon pulls the sea. It does so twice a day. Call 555-0199 for help."
    return [NodeWithScore(node=TextNode(text=text), score=1.0)]


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, "The moon pulls the sea."),
        ({"keep": [r"\d{3}-\d{4}"]}, "The moon pulls the sea. Call 555-0199 for help."),
        ({"protect_headings": True}, "# Tides\n\nThe moon pulls the sea."),
        ({"protect_titles": True}, "# Tides\n\nThe moon pulls the sea."),
        ({"keep": ["twice"], "protect_antecedents": True}, "The moon pulls the sea. It does so twice a day."),
    ],
)
def test_the_postprocessor_protects(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], left: str
) -> None:
    monkeypatch.setattr("tersus.rag.llamaindex.load_compressor", lambda _name, **_options: Moon())
    processor = TersusPostprocessor(compressor="moon", **options)
    [one] = processor.postprocess_nodes(nodes(), query_str=QUESTION)
    assert one.node.get_content() == left
    # LlamaIndex stores its components as JSON, and makes them anew from it.
    again = TersusPostprocessor.from_json(processor.to_json())
    assert again.postprocess_nodes(nodes(), query_str=QUESTION)[0].node.get_content() == left


def test_the_postprocessor_refuses_a_broken_pattern_at_once() -> None:
    with pytest.raises(ValueError, match=r"keep pattern 1 .* is broken at position 2"):
        TersusPostprocessor(compressor="none", keep=["[a"])


def test_numpy_numbers_of_a_compressor_become_json_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    class Numpy(Moon):
        def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
            found = super()._score_batch(tasks)
            numbers: Any = (np.int64, np.int64, np.float32)  # which Span is not typed to take

            def plain(span: Span) -> Span:
                return Span(*(kind(value) for kind, value in zip(numbers, astuple(span), strict=True)))

            return [[[plain(s) for s in p] for p in one] for one in found]

    result = Numpy().compress("Which?", [Passage(text="The moon. The sun.")])
    assert json.loads(json.dumps(passage_dict(result.passages[0])))["kept"] == [
        {"start": 0, "end": 9, "score": 1.0}
    ]
    monkeypatch.setattr("tersus.rag.llamaindex.load_compressor", lambda _name, **_options: Numpy())
    [one] = TersusPostprocessor(compressor="moon").postprocess_nodes(nodes(), query_str=QUESTION)
    assert json.loads(json.dumps(one.node.metadata[METADATA_KEY]))["kept"] == [
        {"start": 9, "end": 32, "score": 1.0}
    ]
