"""What protection gives and costs, against figures worked out by hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tersus.compressors import ExtractiveCompressor, Protection, Span, Task, load_counter
from tersus.compressors.segment import split
from tersus.eval.data import EvalPassage, Example, join_sentences
from tersus.eval.protection_check import main
from tersus.eval.protection_run import VARIANTS, compare

SENTENCES = ["Ada was born in London then.", "Rain fell over the old town.", "She wrote notes on the engine."]


class Notes(ExtractiveCompressor):
    """Sentences with notes first, then those about rain; counts how often it scored."""

    name = "notes"

    def __init__(self) -> None:
        self.calls = 0

    def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        self.calls += len(tasks)
        return [
            [[self._span(p.text, s.start, s.end) for s in split(p.text)] for p in t.passages] for t in tasks
        ]

    def _span(self, text: str, start: int, end: int) -> Span:
        words = text[start:end]
        return Span(start, end, 1.0 if "notes" in words else 0.5 if "Rain" in words else 0.0)


def example(number: int, answer: str, supporting: list[int]) -> Example:
    text, spans = join_sentences(SENTENCES)
    passage = EvalPassage(text, "", True, spans, tuple(supporting))
    return Example(f"q{number}", "what?", (answer,), (passage,), "toy")


EXAMPLES = [
    example(0, "London", [0, 2]),
    example(1, "rain", [1, 2]),
    example(2, "engine", [2]),
    example(3, "Rome", []),
]
TWO_THIRDS = 0.67


def test_the_gain_is_the_mean_difference_of_the_same_questions() -> None:
    compressor = Notes()
    row, plain = compare(
        compressor,
        EXAMPLES,
        [TWO_THIRDS],
        {"antecedents": Protection(antecedents=True), "headings": Protection(headings=True)},
        data="toy.dev",
    )
    # Without: rain and notes. With: the first sentence comes before rain, for notes begin with "She".
    assert (row.data, row.compressor, row.protect, row.ratio) == (
        "toy.dev",
        "notes",
        "antecedents",
        TWO_THIRDS,
    )
    assert (row.questions, row.changed) == (4, 1.0)
    count = load_counter()
    before = count(" ".join(SENTENCES))
    assert row.kept_without == count(" ".join(SENTENCES[1:])) / before
    assert row.kept_with == count(f"{SENTENCES[0]} {SENTENCES[2]}") / before
    assert (row.answer_without.mean, row.answer_with.mean) == (2 / 3, 2 / 3)  # Rome stands nowhere
    assert (row.answer_gain.mean, row.answer_gain.count, row.answer_gain.excluded) == (0.0, 3, 1)
    assert (row.answer_gain.low, row.answer_gain.high) == (-1.0, 1.0)  # of +1, -1 and 0
    assert row.support_without.mean == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert row.support_with.mean == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert row.support_gain.mean == pytest.approx(0)
    # There are no headings, so nothing changes.
    assert (plain.protect, plain.changed, plain.kept_with) == ("headings", 0.0, row.kept_without)
    assert (plain.answer_gain.mean, plain.answer_gain.low, plain.answer_gain.high) == (0, 0, 0)
    assert compressor.calls == len(EXAMPLES)  # scored once, whatever is compared


def test_every_ratio_and_variant_has_its_row() -> None:
    seen: list[None] = []
    rows = compare(Notes(), EXAMPLES[:2], [0.3, 0.9], data="toy", advance=lambda: seen.append(None))
    assert [(r.ratio, r.protect) for r in rows] == [
        (ratio, name) for ratio in (0.3, 0.9) for name in VARIANTS
    ]
    assert len(seen) == 2


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    lines = [
        {
            "id": str(i),
            "question": "Which notes on the engine, which rain?",
            "answers": ["London"],
            "passages": [{"sentences": SENTENCES, "is_gold": True, "supporting": [0]}],
        }
        for i in range(3)
    ]
    with gzip.open(tmp_path / "toy.dev.jsonl.gz", "wt") as file:
        file.write("\n".join(json.dumps(line) for line in lines))
    return tmp_path


def test_the_command_prints_a_table_or_json(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["--sets", "toy,absent", "--compressor", "bm25", "--ratios", "0.67", "--data-dir", str(data_dir)]
    assert main(ask) == 0
    out = capsys.readouterr()
    assert "antecedents" in out.out
    assert "0.000 → 1.000" in out.out
    assert "+1.000 [+1.000, +1.000]" in out.out
    assert "absent" in out.err
    assert main([*ask, "--limit", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(r["protect"], r["questions"]) for r in rows] == [("antecedents", 2), ("headings", 2)]


def test_a_compressor_without_spans_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--compressor", "none"]) == 2
    assert "does not select spans" in capsys.readouterr().err
