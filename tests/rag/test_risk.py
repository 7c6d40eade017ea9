"""``Budget(risk=0.05)`` becomes a threshold: which calibration is used, and that every door says so."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from pydantic import ValidationError
from tersus.compressors import (
    Budget,
    Calibration,
    CalibrationMissing,
    ExtractiveCompressor,
    Passage,
    Span,
    Task,
    load_compressor,
)
from tersus.rag.compress_texts import compress_passages
from tersus.rag.ledger import CalibrationRepository, CollectionRepository, Database
from tersus.rag.ledger.errors import UnknownCollection
from tersus.rag.llamaindex import METADATA_KEY, TersusPostprocessor
from tersus.rag.risk import resolve_budget

from tests.rag import fakes

DAY = date(2026, 11, 1)
TEXT = "One is 1. Two is 2. Three is 3."


class Numbers(ExtractiveCompressor):
    """A sentence's score is its first digit; ``shipped`` are the calibrations that come with it."""

    name: ClassVar[str] = "numbers"

    def __init__(self, *shipped: Calibration) -> None:
        self._shipped = shipped

    @property
    def fingerprint(self) -> str:
        return "numbers:1"

    @property
    def shipped_calibrations(self) -> Sequence[Calibration]:
        return self._shipped

    def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        return [
            [
                [
                    Span(m.start(), m.end(), float((re.findall(r"\d", m.group()) or ["0"])[0]))
                    for m in re.finditer(r"[^.\s][^.]*\.", p.text)
                ]
                for p in task.passages
            ]
            for task in tasks
        ]


def made(threshold: float, risk: float = 0.05, fingerprint: str = "numbers:1") -> Calibration:
    return Calibration(fingerprint, threshold, risk, 240, DAY)


def store(database: Database, calibration: Calibration, collection: str | None = None) -> None:
    with database.session(write=True) as session:
        place = None
        if collection is not None:
            place = CollectionRepository(session).get_or_create(collection, "m", 3)
        CalibrationRepository(session).add(calibration, "numbers", "made.dev", place)


def resolve(
    database: Database | None, home: Path, risk: Any = 0.05, compressor: Any = None, **options: Any
) -> Any:
    settings = fakes.settings(home)
    return resolve_budget(Budget(risk=risk), compressor or Numbers(), settings, database=database, **options)


def test_the_collections_own_comes_before_that_for_any_and_before_the_shipped_one(
    database: Database, tmp_path: Path
) -> None:
    compressor = Numbers(made(1))
    found = resolve(database, tmp_path, compressor=compressor, collection=None)
    assert found.budget == Budget(risk=made(1))
    assert found.note == (
        "risk=0.05 by the calibration shipped with numbers: threshold 1, 240 questions, 2026-11-01"
    )
    store(database, made(2))
    found = resolve(database, tmp_path, compressor=compressor)
    assert found.budget == Budget(risk=made(2))
    assert found.note.startswith("risk=0.05 by the calibration for any collection on made.dev: threshold 2,")
    store(database, made(3), "docs")
    found = resolve(database, tmp_path, compressor=compressor, collection="docs")
    assert found.budget == Budget(risk=made(3))
    assert "for collection docs on made.dev: threshold 3," in found.note
    assert resolve(database, tmp_path, compressor=compressor).budget == Budget(risk=made(2))


def test_a_stricter_one_is_used_and_named(database: Database, tmp_path: Path) -> None:
    store(database, made(2, 0.02))
    store(database, made(1, 0.01))
    found = resolve(database, tmp_path)
    assert found.budget == Budget(risk=made(2, 0.02))
    assert found.note.startswith(
        "risk=0.05 by the calibration for any collection on made.dev, which promises risk=0.02:"
    )
    shipped = Numbers(made(7, 0.005), made(8, 0.001), made(9, 0.2), made(5, 0.008, "numbers:0"))
    assert resolve(database, tmp_path, 0.009, shipped).budget == Budget(risk=made(7, 0.005))


def test_other_budgets_and_compressors_without_scores_are_left_alone(
    database: Database, tmp_path: Path
) -> None:
    settings = fakes.settings(tmp_path)
    for budget in (Budget(), Budget(ratio=0.5), Budget(max_tokens=9), Budget(risk=made(1))):
        found = resolve_budget(budget, Numbers(), settings, database=database)
        assert (found.budget, found.note) == (budget, None)
    risk = Budget(risk=0.05)
    assert resolve_budget(risk, load_compressor("none"), settings, database=database).budget == risk


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ([], "promises a risk of 0.05 ("),
        ([(made(1, 0.1), None), (made(1, 0.2), None)], "the smallest that is promised is 0.1"),
        ([(made(1, 0.05), "docs")], "there is one for docs only"),
        ([(made(1, 0.05, "numbers:0"), None)], "made for 'numbers:0', not for its present weights"),
    ],
)
def test_where_there_is_none_the_error_says_what_there_is_and_the_command(
    database: Database, tmp_path: Path, stored: list[Any], told: str
) -> None:
    for calibration, collection in stored:
        store(database, calibration, collection)
    with pytest.raises(CalibrationMissing) as caught:
        resolve(database, tmp_path)
    assert told in str(caught.value)
    assert "tersus calibrate --data FILE --risk 0.05 --compressor numbers" in str(caught.value)


def test_a_calibration_of_other_weights_is_refused_before_any_work(
    database: Database, tmp_path: Path
) -> None:
    with pytest.raises(CalibrationMissing, match="made for 'numbers:0', this is 'numbers:1'"):
        resolve(database, tmp_path, made(1, fingerprint="numbers:0"))


def test_an_unknown_collection_is_told(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UnknownCollection):
        resolve(database, tmp_path, collection="nope")


def test_the_settings_database_is_looked_into_where_it_is_and_not_made(tmp_path: Path) -> None:
    settings = fakes.settings(tmp_path / "home")
    with pytest.raises(CalibrationMissing):
        resolve_budget(Budget(risk=0.05), Numbers(), settings)
    assert not (tmp_path / "home").exists()
    from tersus.rag import Tersus

    with Tersus(settings) as tersus:
        store(tersus.database, made(2))
    assert resolve_budget(Budget(risk=0.05), Numbers(), settings).budget == Budget(risk=made(2))


def test_a_query_keeps_what_the_collections_calibration_says_and_records_it(
    database: Database, tmp_path: Path
) -> None:
    fakes.add_document(database, "docs", "numbers", [TEXT])
    with database.session(write=True) as session:
        place = CollectionRepository(session).require("docs")
        CalibrationRepository(session).add(made(2.0, 0.04), "numbers", "made.dev", place)
    asking = fakes.pipeline(database, tmp_path)
    result = asking.query(
        "How much is two?", "docs", compressor=Numbers(), budget=Budget(risk=0.05), context_only=True
    )
    assert result.context.endswith("Two is 2. Three is 3.")
    assert (result.budget, result.outcome) == ("risk=0.05", "compressed")
    assert result.reason == (
        "risk=0.05 by the calibration for collection docs on made.dev, which promises risk=0.04: "
        "threshold 2, 240 questions, 2026-11-01"
    )
    row = fakes.only_row(database)
    assert (row.budget, row.reason) == (result.budget, result.reason)


def test_a_query_without_a_calibration_is_refused_and_leaves_no_row(
    database: Database, tmp_path: Path
) -> None:
    fakes.add_document(database, "docs", "numbers", [TEXT])
    asking = fakes.pipeline(database, tmp_path)
    options: dict[str, Any] = {"budget": Budget(risk=0.05), "context_only": True}
    with pytest.raises(CalibrationMissing, match="--collection docs"):
        asking.query("How much is two?", "docs", compressor=Numbers(), **options)
    assert fakes.rows(database) == []
    plain = asking.query("How much is two?", "docs", compress=False, **options)
    assert plain.outcome == "bypassed"


def test_texts_of_the_callers_are_compressed_by_the_one_for_any_collection(
    database: Database, tmp_path: Path
) -> None:
    settings, passages = fakes.settings(tmp_path), [Passage(TEXT)]
    options: Any = ("Two?", passages, Numbers(), Budget(risk=0.05), settings)
    with pytest.raises(CalibrationMissing):
        compress_passages(*options, database=database)
    assert fakes.rows(database) == []
    store(database, made(3.0))
    result = compress_passages(*options, database=database)
    assert result.context == "Three is 3."
    assert fakes.only_row(database).reason == result.reason
    assert "threshold 3, 240 questions" in str(result.reason)
    store(database, made(4.0))
    nothing = compress_passages(*options, database=database)
    assert nothing.reason is not None
    assert nothing.reason.startswith("no sentence reached the threshold of 4; risk=0.05 by the calibration")


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The postprocessor's compressor is `Numbers`; the settings' home is the one returned."""
    monkeypatch.setattr("tersus.rag.llamaindex.load_compressor", lambda _name, **_options: Numbers())
    monkeypatch.setenv("TERSUS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TERSUS_DATABASE_URL", raising=False)
    return tmp_path / "home"


def test_the_postprocessor_takes_a_risk(numbers: Path) -> None:
    with pytest.raises(CalibrationMissing, match="tersus calibrate"):
        TersusPostprocessor(compressor="numbers", risk=0.05)
    from tersus.rag import Tersus, load_settings

    with Tersus(load_settings()) as tersus:
        store(tersus.database, made(2.0))
        store(tersus.database, made(3.0), "docs")
    nodes = [NodeWithScore(node=TextNode(text=TEXT))]
    for collection, kept in ((None, "Two is 2. Three is 3."), ("docs", "Three is 3.")):
        chosen = TersusPostprocessor(compressor="numbers", risk=0.05, collection=collection)
        (node,) = chosen.postprocess_nodes(nodes, QueryBundle("Two?"))
        assert node.node.get_content() == kept
        account = node.node.metadata[METADATA_KEY]
        assert account["budget"] == "risk=0.05"
        assert account["reason"].startswith("risk=0.05 by the calibration for")
    with pytest.raises(ValidationError, match="ratio or risk, not several"):
        TersusPostprocessor(compressor="numbers", risk=0.05, ratio=0.5)


def test_the_postprocessor_takes_a_calibration_and_is_stored_with_it(numbers: Path) -> None:
    given = made(3.0, 0.1)
    chosen = TersusPostprocessor(compressor="numbers", risk=given)
    again = TersusPostprocessor.from_json(chosen.to_json())
    assert again.risk == given
    assert json.loads(chosen.to_json())["risk"]["threshold"] == 3.0
    (node,) = again.postprocess_nodes([NodeWithScore(node=TextNode(text=TEXT))], QueryBundle("Two?"))
    assert node.node.get_content() == "Three is 3."
    assert not numbers.exists()
    with pytest.raises(CalibrationMissing):
        TersusPostprocessor(compressor="numbers", risk=replace(given, fingerprint="numbers:0"))
