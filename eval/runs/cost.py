"""What a paid reader will cost, before it is asked."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from ...compressors import load_counter
from ...rag import load_settings
from ...rag.prices import find_price
from .questions import read_questions
from .readers import reader_model
from .spec import NO_BUDGET, RunSpec, parse_budget

__all__ = ["reading_cost"]

_AROUND, _ANSWER = 100, 64  # tokens of the prompt around the context, and of an answer, at most


def reading_cost(folder: Path, spec: RunSpec) -> dict[str, Decimal | None]:
    """US dollars at most for each paid reader of the run in ``folder``; None where the price is unknown.

    Adaptive budgets are counted as if they removed nothing, a ratio as what it keeps. Counted with cl100k.
    """
    paid = {reader: model for reader in spec.reading if (model := reader_model(reader)) is not None}
    if not paid:
        return {}
    counter = load_counter()
    prompt = calls = 0
    for file in sorted((folder / "questions").glob("*.jsonl.gz")):
        sizes = [
            sum(counter(f"{p.title}\n{p.text}") for p in question.example.passages)
            for question in read_questions(file)
        ]
        for compressor in spec.compressors:
            for text in spec.budgets_of(compressor):
                calls += len(sizes)
                prompt += sum(_AROUND + _most(text, size) for size in sizes)
    overrides = load_settings().prices
    found: dict[str, Decimal | None] = {}
    for reader, model in paid.items():
        price = find_price(model, overrides)
        found[reader] = (
            None if price is None else (prompt * price.input + calls * _ANSWER * price.output) / 10**6
        )
    return found


def _most(text: str, size: int) -> int:
    if text == NO_BUDGET:
        return size
    budget = parse_budget(text)
    if budget.max_tokens is not None:
        return min(size, budget.max_tokens)
    return round(size * budget.ratio) if budget.ratio is not None else size
