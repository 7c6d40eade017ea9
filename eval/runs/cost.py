"""What a paid reader and a paid judge will cost, before they are asked."""

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

_AROUND, _ANSWER = 100, 64  # tokens of a reader's prompt around the context, and of an answer, at most
_VERDICT, _JUDGE_AROUND = 8, 60  # tokens of a judge's answer, at most, and of its prompt around the texts


def reading_cost(folder: Path, spec: RunSpec) -> dict[str, Decimal | None]:
    """US dollars at most for each paid reader of the run in ``folder``, and for a paid judge ("judge NAME").

    None where the price is unknown. Adaptive budgets are counted as if they removed nothing, a ratio as what
    it keeps. Counted with cl100k.
    """
    paid = [reader for reader in spec.reading if reader_model(reader) is not None]
    judge = spec.judge if spec.judge is not None and reader_model(spec.judge) is not None else None
    if not paid and (judge is None or not spec.reading):
        return {}
    counter = load_counter()
    calls = prompt = judging = 0
    for file in sorted((folder / "questions").glob("*.jsonl.gz")):
        examples = [question.example for question in read_questions(file)]
        sizes = [sum(counter(f"{p.title}\n{p.text}") for p in example.passages) for example in examples]
        told = sum(counter(f"{e.question} {' or '.join(e.answers)}") for e in examples)
        for compressor in spec.compressors:
            for text in spec.budgets_of(compressor):
                calls += len(sizes)
                prompt += sum(_AROUND + _most(text, size) for size in sizes)
                judging += told + len(sizes) * (_JUDGE_AROUND + _ANSWER)
    found = {reader: _price(reader, prompt, calls * _ANSWER) for reader in paid}
    if judge is not None:
        answers = len(spec.reading)
        found[f"judge {judge}"] = _price(judge, judging * answers, calls * answers * _VERDICT)
    return found


def _price(name: str, prompt: int, answer: int) -> Decimal | None:
    price = find_price(str(reader_model(name)), load_settings().prices)
    return None if price is None else (prompt * price.input + answer * price.output) / 10**6


def _most(text: str, size: int) -> int:
    if text == NO_BUDGET:
        return size
    budget = parse_budget(text)
    if budget.max_tokens is not None:
        return min(size, budget.max_tokens)
    return round(size * budget.ratio) if budget.ratio is not None else size
