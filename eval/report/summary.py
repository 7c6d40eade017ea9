"""Results as figures: one cell a data set, compressor, budget and reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from ...rag.normalise import token_f1
from ...rag.prices import find_price
from ..metrics import (
    Difference,
    Estimate,
    bootstrap_ci,
    kept_macro,
    kept_micro,
    paired_difference,
    where_both_apply,
)
from ..runs.spec import NO_BUDGET
from .results import Results

__all__ = ["BASELINE", "NO_READER", "Cell", "Summary", "summarise"]

NO_READER, BASELINE = "none", "none"
_CONTEXT = ("answer_recall", "support_recall", "support_precision", "support_f1", "support_f2")
_ANSWER = ("em", "f1", "rouge1", "rouge2", "cosine", "judge", "agreement")


@dataclass(frozen=True, slots=True)
class Cell:
    """One compressor at one budget on one data set, read by one reader or by none.

    ``scores``: for each metric a value for each question, in the order of ``questions``; None where it does
    not apply. ``primary``: the metric that the report judges by. ``against``: each metric's paired difference
    to the full context. Seconds are means a question; ``end_to_end`` is compression and reading.
    """

    dataset: str
    compressor: str
    budget: str
    reader: str
    primary: str
    questions: tuple[str, ...]
    tokens: tuple[tuple[int, int], ...]
    scores: Mapping[str, tuple[float | None, ...]]
    estimates: Mapping[str, Estimate]
    against: Mapping[str, Difference]
    failures: tuple[tuple[str, str], ...]
    compress_seconds: float | None
    compress_p50: float | None
    read_seconds: float | None
    peak_bytes: int | None
    answers: tuple[str | None, ...] = ()

    @property
    def kept(self) -> float:
        """All tokens sent by all tokens retrieved."""
        return kept_micro(self.tokens) or 0.0

    @property
    def kept_macro(self) -> float:
        """Mean over the questions of the share kept."""
        return kept_macro(self.tokens) or 0.0

    @property
    def end_to_end(self) -> float | None:
        """Seconds from passages to answer; None without a reader."""
        if self.read_seconds is None:
            return None
        return (self.compress_seconds or 0.0) + self.read_seconds

    @property
    def label(self) -> str:
        """Compressor and budget in words."""
        return self.compressor if self.budget == NO_BUDGET else f"{self.compressor} {self.budget}"

    @property
    def key(self) -> str:
        """Its name in files; the same from run to run."""
        return "|".join((self.dataset, self.compressor, self.budget, self.reader))

    def cost(self, model: str) -> tuple[float, float] | None:
        """US dollars for the contexts of 1,000 such questions, before and after; None without a price."""
        price = find_price(model)
        if price is None or not self.tokens:
            return None
        each = float(price.input) / 1e6 * 1000 / len(self.tokens)
        return sum(b for b, _ in self.tokens) * each, sum(a for _, a in self.tokens) * each


@dataclass(frozen=True, slots=True)
class Summary:
    """All cells in the order of the run, and the mean retrieval scores of each data set."""

    cells: tuple[Cell, ...]
    retrieval: Mapping[str, Mapping[str, Estimate]]

    def groups(self) -> dict[tuple[str, str], list[Cell]]:
        """Cells by data set and reader."""
        found: dict[tuple[str, str], list[Cell]] = {}
        for cell in self.cells:
            found.setdefault((cell.dataset, cell.reader), []).append(cell)
        return found


def summarise(results: Results, seed: int | None = None) -> Summary:
    """The figures of a run; ``seed`` is the bootstrap's, the run's own by default.

    Raises:
        NotANumber: a score is NaN: it must not enter a mean.
    """
    seed = int(results.state["spec"]["seed"]) if seed is None else seed
    rows: dict[tuple[str, str, str, str], list[int]] = {}
    for number, record in enumerate(results.records):
        for reader in list(record["readers"]) or [NO_READER]:
            key = (record["dataset"], record["compressor"], record["budget"], reader)
            rows.setdefault(key, []).append(number)
    full = {(key[0], key[3]): numbers for key, numbers in rows.items() if key[1] == BASELINE}
    cells = [_cell(results, key, numbers, full.get((key[0], key[3])), seed) for key, numbers in rows.items()]
    return Summary(tuple(cells), _retrieval(results, seed))


def _cell(
    results: Results,
    key: tuple[str, str, str, str],
    numbers: Sequence[int],
    full: Sequence[int] | None,
    seed: int,
) -> Cell:
    dataset, compressor, budget, reader = key
    records = [results.records[n] for n in numbers]
    timings = [results.timings[n] for n in numbers]
    scores = _scores(records, reader)
    against: dict[str, Difference] = {}
    whole = scores
    if full is not None:
        base = [results.records[n] for n in full]
        whole = _scores(base, reader)  # what applies to it applies to the question, whatever is made of it
        scores = _without_partial_support(scores, whole)
        if reader != NO_READER:
            scores["agreement"] = _agreement(records, base, reader)
        if compressor != BASELINE:
            against = {
                name: paired_difference(*where_both_apply(values, whole[name]), seed)
                for name, values in scores.items()
                if name in whole
            }
    compress = [t["compress"] for t in timings if t["compress"] is not None]
    read = [t["read"][reader] for t in timings if t["read"].get(reader) is not None]
    peaks = [t["peak"] for t in timings if t["peak"] is not None]
    return Cell(
        dataset=dataset,
        compressor=compressor,
        budget=budget,
        reader=reader,
        primary=_primary(whole, reader),
        questions=tuple(r["question"] for r in records),
        tokens=tuple((r["tokens_before"], r["tokens_after"]) for r in records),
        scores=scores,
        estimates={name: bootstrap_ci(values, seed) for name, values in scores.items()},
        against=against,
        failures=tuple(_failures(records, reader)),
        compress_seconds=fmean(compress) if compress else None,
        compress_p50=median(compress) if compress else None,
        read_seconds=fmean(read) if read else None,
        peak_bytes=max(peaks) if peaks else None,
        answers=tuple(r["readers"].get(reader, {}).get("answer") for r in records),
    )


def _scores(records: Sequence[Mapping[str, Any]], reader: str) -> dict[str, tuple[float | None, ...]]:
    found: dict[str, tuple[float | None, ...]] = {}
    for name in _CONTEXT:
        found[name] = tuple(r["scores"].get(name) for r in records)
    if reader != NO_READER:
        for name in _ANSWER[:-1]:
            values = tuple(r["readers"][reader]["scores"].get(name) for r in records)
            if any(value is not None for value in values):
                found[name] = values
    return found


def _without_partial_support(
    scores: dict[str, tuple[float | None, ...]], whole: Mapping[str, Sequence[float | None]]
) -> dict[str, tuple[float | None, ...]]:
    """Without figures of support where some questions have none, for their passages were written anew: the
    others, of which nothing was kept or everything, do not stand for them."""
    pairs = zip(scores["support_recall"], whole["support_recall"], strict=True)
    if all(value is not None for value, applies in pairs if applies is not None):
        return scores
    return {
        name: (None,) * len(values) if name.startswith("support_") else values
        for name, values in scores.items()
    }


def _agreement(
    records: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]], reader: str
) -> tuple[float | None, ...]:
    """Token F1 of an answer and the full context's; 0 where the compressor or its reader failed."""
    said = [r["readers"][reader]["answer"] for r in records]
    full = [r["readers"][reader]["answer"] for r in base]
    return tuple(
        None if other is None else (0.0 if one is None else token_f1(one, other))
        for one, other in zip(said, full, strict=True)
    )


def _primary(scores: Mapping[str, Sequence[float | None]], reader: str) -> str:
    """F1 of the answers; without a reader, or gold answers, what says most of what was kept."""
    if reader != NO_READER:
        return "f1" if "f1" in scores else "agreement"
    counts = {name: sum(v is not None for v in scores[name]) for name in ("answer_recall", "support_recall")}
    return "answer_recall" if counts["answer_recall"] * 2 >= counts["support_recall"] else "support_recall"


def _failures(records: Sequence[Mapping[str, Any]], reader: str) -> list[tuple[str, str]]:
    found = []
    for record in records:
        failure = record.get("failure") or record["readers"].get(reader, {})
        if error := failure.get("error"):
            found.append((str(record["question"]), str(error)))
    return found


def _retrieval(results: Results, seed: int) -> dict[str, dict[str, Estimate]]:
    found: dict[str, dict[str, Estimate]] = {}
    for name, questions in results.questions.items():
        metrics = {m for q in questions.values() for m in q.retrieval}
        if metrics:
            found[name] = {
                m: bootstrap_ci((q.retrieval.get(m) for q in questions.values()), seed)
                for m in sorted(metrics)
            }
    return found
