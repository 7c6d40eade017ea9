from collections.abc import Sequence

import pytest
from tersus.compressors import Budget, ExtractiveCompressor, Passage, Span, Task, load_compressor
from tersus.eval.remember import ScoreMemory

PASSAGES = [
    Passage("Ulm lies on the Danube. It rained in Ulm for forty days. Bees dance. Trees grow."),
    Passage("Iron rusts. Rain fell on Ulm in May."),
]
QUESTION = "How long did it rain in Ulm?"


class Counting(ExtractiveCompressor):
    name = "counting"

    def __init__(self) -> None:
        self.scored: list[str] = []

    def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        self.scored += [task.query for task in tasks]
        return [[[Span(0, 4, 1.0), Span(5, len(p.text), 0.5)] for p in task.passages] for task in tasks]


def test_a_question_is_scored_once_whatever_the_budgets() -> None:
    made = Counting()
    memory = ScoreMemory(made)
    for ratio in (0.1, 0.5, 0.9):
        found = memory.compress(QUESTION, PASSAGES, Budget(ratio=ratio))
        assert found.text == Counting().compress(QUESTION, PASSAGES, Budget(ratio=ratio)).text
    assert made.scored == [QUESTION]
    memory.compress("Another?", PASSAGES, Budget(ratio=0.1))
    memory.compress(QUESTION, PASSAGES[:1], Budget(ratio=0.1))
    assert made.scored == [QUESTION, "Another?", QUESTION]
    made.compress(QUESTION, PASSAGES)  # the one given remembers nothing
    assert len(made.scored) == 4


def test_remembered_scores_count_the_seconds_they_took(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("tersus.eval.remember.time.perf_counter", lambda: float(next(clock)))
    memory = ScoreMemory(Counting())
    first = memory.compress(QUESTION, PASSAGES, Budget(ratio=0.5))
    second = memory.compress(QUESTION, PASSAGES, Budget(ratio=0.5))
    # Each reading of the clock is a second: four readings where scores are made, then two.
    assert first.seconds == 3
    assert second.seconds == 1 + 1
    assert second.text == first.text


@pytest.mark.parametrize("name", ["exit", "similarity", "crag", "frugal", "tcra-summary"])
def test_built_in_compressors_select_alike_from_remembered_scores(name: str) -> None:
    compressor = load_compressor(name)
    memory = ScoreMemory(compressor)
    for budget in (Budget(ratio=0.3), Budget(ratio=0.6), Budget(), Budget(max_tokens=20)):
        alone = compressor.compress(QUESTION, PASSAGES, budget)
        assert memory.compress(QUESTION, PASSAGES, budget).text == alone.text


def test_one_without_scores_works_as_alone() -> None:
    assert ScoreMemory(load_compressor("none")).compress(QUESTION, PASSAGES, Budget()).kept == 1
