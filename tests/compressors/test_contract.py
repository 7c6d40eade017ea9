"""What every compressor promises, tried on every one that is installed."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.compressors import (
    Budget,
    CalibrationMissing,
    CompressedPassage,
    Compression,
    Compressor,
    ContractViolation,
    Draft,
    ExtractiveCompressor,
    Passage,
    Protection,
    SourcedSentence,
    Span,
    Task,
    available_compressors,
    chain,
    load_compressor,
    load_counter,
    render_context,
)
from tersus.compressors.segment import split
from tersus.compressors.segment.word_units import split_words
from tersus.errors import InvalidInput

from .exit_llm import tiny
from .frugal import encoders
from .gemfilter import tiny as decoders
from .strategies import bag_of_words, budgets, passages, protections, texts

count = load_counter()


@cache
def _decoder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tersus-tiny-decoder-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return decoders.save(folder, window=2048)


def _load(name: str) -> Compressor:
    if "+" in name:
        return chain(*(_load(part) for part in name.split("+")))
    if name in {"similarity", "crag", "crag-summary", "tcra-semantic"}:
        return load_compressor(name, embedder=bag_of_words)
    if name == "tcra-summary":
        return load_compressor(name, model=encoders.folder())
    if name == "frugal":
        return load_compressor(name, model=encoders.folder(), device="cpu")
    if name == "gemfilter":
        return load_compressor(name, model=_decoder(), layer=1, device="cpu")
    if name == "exit-llm":
        return load_compressor(name, model=tiny.folder(), device="cpu")
    return load_compressor(name)


NAMES = [*available_compressors(), "exit+frugal", "crag-summary+similarity", "crag+exit+tcra-semantic"]


@pytest.fixture(params=NAMES)
def compressor(request: pytest.FixtureRequest) -> Compressor:
    return _load(request.param)


def _whole(given: list[Passage]) -> str:
    """The context that plain RAG would send, written down independently of the renderer."""
    return "\n\n".join((p.title.strip() + "\n" if p.title.strip() else "") + p.text for p in given if p.text)


def _check(result: Compression, given: list[Passage], budget: Budget) -> None:
    assert [p.source for p in result.passages] == given
    for passage in result.passages:
        if passage.kept is None:
            assert passage.text == " ".join(sentence.text for sentence in passage.sentences)
            assert all(0 <= n < len(given) for s in passage.sentences for n in s.passages)
            continue
        ends = [0]
        for span in passage.kept:
            assert ends[-1] <= span.start < span.end <= len(passage.source.text)
            ends.append(span.end)
        assert passage.text == " ".join(passage.source.text[s.start : s.end] for s in passage.kept)
    assert result.text == render_context(result.passages)
    assert result.tokens_before == count(_whole(given))
    assert result.tokens_after == count(result.text)
    assert result.seconds >= 0
    if budget.max_tokens is not None:
        assert result.tokens_after <= budget.max_tokens
    if not result.text:
        assert result.reason


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(query=st.text(min_size=1).filter(str.strip), given_passages=passages, budget=budgets)
def test_the_contract_holds(name: str, query: str, given_passages: list[Passage], budget: Budget) -> None:
    compressor = _load(name)
    _check(compressor.compress(query, given_passages, budget), given_passages, budget)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(given_passages=passages, budget=budgets, protection=protections)
def test_the_contract_holds_with_protection_on(
    name: str, given_passages: list[Passage], budget: Budget, protection: Protection
) -> None:
    compressor = _load(name)
    result = compressor.compress("Who wrote Dune in 1965?", given_passages, budget, protection=protection)
    _check(result, given_passages, budget)
    lost = protection.loss(result.passages)
    assert lost is None or lost in str(result.reason)
    if budget.adaptive:
        assert lost is None
    # Only what is a match anywhere can be lost, and all of it is there where nothing was removed.
    assert protection.loss([CompressedPassage.whole(p) for p in given_passages]) is None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(text=texts, ratio=st.floats(0.05, 0.9))
def test_words_are_never_broken_and_nothing_is_invented(name: str, text: str, ratio: float) -> None:
    compressor = _load(name)
    result = compressor.compress("Who wrote Dune in 1965?", [Passage(text=text)], Budget(ratio=ratio))
    for sentence in result.passages[0].sentences:
        assert all(word in text for word in sentence.text.split())  # extractive: nothing of its own
    for span in result.passages[0].kept or []:
        for edge in (span.start, span.end):
            around = text[max(0, edge - 1) : edge + 1]
            assert not re.fullmatch(r"[A-Za-z0-9]{2}", around), (span, around)
    words = getattr(compressor, "joined", False)
    units = {(s.start, s.end) for s in (split_words(text) if words else split(text))}
    # A later stage of a chain divides what the one before left, not the whole text.
    kept = [] if "+" in name else result.passages[0].kept or []
    if kept and (kept[0].start, kept[0].end) != (0, len(text)):
        inside = [[unit for unit in units if span.start <= unit[0] and unit[1] <= span.end] for span in kept]
        assert all(
            min(u)[0] == s.start and max(v[1] for v in u) == s.end for u, s in zip(inside, kept, strict=True)
        )


def test_a_batch_gives_what_single_calls_give(compressor: Compressor) -> None:
    queries = ["Who wrote Dune?", "How many copies?", "What is empty?"]
    lists = [
        [
            Passage(text="Frank Herbert wrote Dune. He lived in Tacoma.", title="Dune"),
            Passage(text="Cats purr."),
        ],
        [Passage(text="It sold 12,000,000 copies. Nobody knows why. " * 4)],
        [],
    ]
    batch = compressor.compress_batch(queries, lists, Budget(ratio=0.5))
    for query, given_passages, result in zip(queries, lists, batch, strict=True):
        alone = compressor.compress(query, given_passages, Budget(ratio=0.5))
        assert (result.text, result.tokens_before, result.tokens_after) == (
            alone.text,
            alone.tokens_before,
            alone.tokens_after,
        )


def test_eight_threads_share_one_compressor(compressor: Compressor) -> None:
    jobs = [
        (f"Who wrote book {i}?", [Passage(text=f"Author {i} wrote book {i}. It rained. " * 3)])
        for i in range(24)
    ]
    alone = [compressor.compress(q, p, Budget(ratio=0.4)).text for q, p in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(
            pool.map(lambda job: compressor.compress(job[0], job[1], Budget(ratio=0.4)).text, jobs)
        )
    assert together == alone


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "word",
        "   \n ",
        "🙂",
        "一",
        "def f():\n    return 1\n" * 3,
        "これは文です。" * 300,
        "a" * 5000,
        "1.5",
    ],
)
@pytest.mark.parametrize("budget", [Budget(ratio=0.1), Budget(max_tokens=1), Budget(max_tokens=50), Budget()])
def test_odd_texts_are_answered_within_the_budget_or_with_a_reason(
    compressor: Compressor, text: str, budget: Budget
) -> None:
    result = compressor.compress("What is it?", [Passage(text=text)], budget)
    _check(result, [Passage(text=text)], budget)
    if budget.ratio is not None and abs(result.kept - budget.ratio) > 0.02:
        assert result.reason


def test_a_hundred_thousand_characters_and_five_hundred_passages(compressor: Compressor) -> None:
    long = [Passage(text="The quick brown fox jumps over the lazy dog number 7. " * 1900)]
    many = [Passage(text=f"Passage {i} is about topic {i % 17}. It ends.", title=f"T{i}") for i in range(500)]
    share, size = Budget(ratio=0.1), Budget(max_tokens=300)
    cases = [(many, share), (long, size)]
    if "+" not in compressor.name and compressor.name != "auto":  # those work through others, which do all
        cases += [(many, size), (long, share)]
    for given_passages, budget in cases:
        result = compressor.compress("What about topic 7?", given_passages, budget)
        _check(result, given_passages, budget)
        if budget.ratio and compressor.name != "none":
            assert abs(result.kept - 0.1) <= 0.02 or compressor.kind == "abstractive"


def test_no_passages_and_empty_passages_have_a_reason(compressor: Compressor) -> None:
    nothing = compressor.compress("Who?", [])
    assert (nothing.text, nothing.tokens_before, nothing.kept, nothing.reason) == (
        "", 0, 1.0, "no passages were given",
    )  # fmt: skip
    empty = compressor.compress("Who?", [Passage(text=""), Passage(text="")])
    assert (empty.text, empty.reason) == ("", "all passages are empty")
    assert [p.kept for p in empty.passages] == [[], []]


def test_a_ratio_of_one_sends_the_context_untouched(compressor: Compressor) -> None:
    given_passages = [Passage(text="One.  Two.\nThree.", title="T"), Passage(text=" spaced  out ")]
    result = compressor.compress("Who?", given_passages, Budget(ratio=1))
    assert result.text == _whole(given_passages)
    assert result.reason


@pytest.mark.parametrize(
    ("query", "given_passages"),
    [(7, []), ("q", "text"), ("q", ["text"]), ("q", Passage(text="x")), (None, [])],
)
def test_wrong_types_are_refused(compressor: Compressor, query: object, given_passages: object) -> None:
    with pytest.raises(InvalidInput):
        compressor.compress(query, given_passages)  # type: ignore[arg-type]


def test_an_empty_query_is_refused_where_one_is_needed() -> None:
    with pytest.raises(InvalidInput, match="query"):
        _load("similarity").compress("  ", [Passage(text="x")])
    assert _load("none").compress("", [Passage(text="x")]).text == "x"


def test_whether_a_query_is_accepted_can_be_asked_before() -> None:
    assert [_load("similarity").accepts(query) for query in ("Who?", "", " \n")] == [True, False, False]
    assert _load("none").accepts("")
    _load("none").check_query("")
    with pytest.raises(InvalidInput, match="similarity needs a query"):
        _load("similarity").check_query(" ")
    with pytest.raises(InvalidInput, match="must be str, got NoneType"):
        _load("none").check_query(None)


def test_a_score_without_order_is_refused_also_where_its_span_would_be_dropped() -> None:
    class Nan(ExtractiveCompressor):
        name = "nan"

        def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
            return [[[Span(0, 3, 1.0), Span(4, 7, float("nan"))] for _ in t.passages] for t in tasks]

    with pytest.raises(ContractViolation, match="nan gave a score that is not a finite number"):
        Nan().compress("q", [Passage(text="One two")])
    with pytest.raises(ContractViolation):
        Nan().score("q", [Passage(text="One two")])


def test_a_risk_without_calibration_is_refused() -> None:
    with pytest.raises(CalibrationMissing, match="similarity"):
        _load("similarity").compress("q", [Passage(text="One. Two.")], Budget(risk=0.05))


class Rewriter(Compressor):
    """Answers every task with the passages it was made with."""

    name = "rewriter"
    kind = "abstractive"

    def __init__(self, *rewritten: CompressedPassage) -> None:
        self.rewritten = rewritten

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [Draft(self.rewritten) for _ in tasks]


def test_a_rewritten_text_names_the_passages_that_each_sentence_came_from() -> None:
    first, second = Passage("It rained in Ulm."), Passage("It was cold in Ulm.")
    sentences = [SourcedSentence("Ulm was wet", (0,)), SourcedSentence("and cold.", (0, 1))]
    rewritten = CompressedPassage.rewritten(first, sentences)
    dropped = CompressedPassage.of(second, [])
    result = Rewriter(rewritten, dropped).compress("?", [first, second])
    assert result.text == "Ulm was wet and cold."
    assert [s.passages for s in result.passages[0].sentences] == [(0,), (0, 1)]
    for wrong in (
        CompressedPassage(first, None, "Ulm was wet"),
        CompressedPassage.rewritten(first, [SourcedSentence("Ulm was wet", ())]),
        CompressedPassage.rewritten(first, [SourcedSentence("Ulm was wet", (2,))]),
        CompressedPassage.rewritten(first, [SourcedSentence("Ulm was wet", (-1,))]),
    ):
        with pytest.raises(ContractViolation):
            Rewriter(wrong, dropped).compress("?", [first, second])


class Everything(ExtractiveCompressor):
    """Scores the spans it was made with."""

    name = "everything"

    def __init__(self, *spans: Span, joined: bool = False) -> None:
        self.spans, self.joined = spans, joined

    def _score_batch(self, tasks: Sequence[Task]) -> Sequence[Sequence[Sequence[Span]]]:
        return [[self.spans] for _ in tasks]


def test_neighbours_without_a_blank_between_them_stay_so() -> None:
    passage = Passage("他来了。我走了。  Gone now.")
    spans = [Span(0, 4, 1.0), Span(4, 8, 0.5), Span(10, 14, 0.2), Span(15, 19, 0.1)]
    result = Everything(*spans).compress("?", [passage])
    assert result.passages[0].kept == [Span(0, 8, 1.0), *spans[2:]]
    assert result.text == "他来了。我走了。 Gone now."
    whole = Everything(*spans, joined=True).compress("?", [passage])
    assert whole.passages[0].kept == [Span(0, 19, 1.0)]
    assert whole.text == passage.text
