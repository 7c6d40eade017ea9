"""What reader and judge will cost at most, by hand and by the run's own estimate."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tersus.compressors import load_counter
from tersus.eval.runs.cost import reading_cost
from tersus.eval.runs.run import open_run

from .toys import QUESTIONS, spec

PAID = "http://127.0.0.1:9/v1#gpt-5"  # 1.25 US dollars a million tokens in, 10 out
FREE = "http://127.0.0.1:9/v1#no-such-model"


def cost(folder: Path, **changes: Any) -> dict[str, Decimal | None]:
    description = spec(compressors=("none", "bm25"), budgets=("0.25",), **changes)
    with open_run(folder, description, workers=1):
        return reading_cost(folder, description)


def test_a_paid_reader_costs_its_prompts_and_answers(tmp_path: Path) -> None:
    counter = load_counter()
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    sizes = [
        sum(counter(p["title"] + "\n" + " ".join(p["sentences"])) for p in row["passages"]) for row in rows
    ]
    tokens = sum(100 + size for size in sizes) + sum(100 + round(size * 0.25) for size in sizes)
    dollars = (Decimal("1.25") * tokens + 10 * 64 * 2 * len(rows)) / 10**6
    assert cost(tmp_path / "run", readers=("oracle", PAID)) == {PAID: dollars}


def test_a_paid_judge_costs_a_verdict_on_every_answer(tmp_path: Path) -> None:
    one = cost(tmp_path / "one", readers=("oracle",), judge=PAID)
    two = cost(tmp_path / "two", readers=("oracle", "local"), judge=PAID)
    assert [*one] == [*two] == [f"judge {PAID}"]
    first, second = one[f"judge {PAID}"], two[f"judge {PAID}"]
    assert first is not None
    assert second == 2 * first
    cells = 2 * len(QUESTIONS.read_text(encoding="utf-8").splitlines())
    least = cells * (Decimal("1.25") * (60 + 64) + 10 * 8) / 10**6
    assert least < first < 2 * least


def test_what_is_not_paid_costs_nothing_and_what_has_no_price_says_so(tmp_path: Path) -> None:
    assert cost(tmp_path / "a", readers=("oracle", "local"), judge="local") == {}
    assert cost(tmp_path / "b", readers=("none",), judge=PAID) == {}
    assert cost(tmp_path / "c", readers=(FREE,), judge=FREE) == {FREE: None, f"judge {FREE}": None}
