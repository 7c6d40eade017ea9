"""Selection with protected text, against brute force over all subsets."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.compressors import (
    Budget,
    Compression,
    ExtractiveCompressor,
    Passage,
    Protection,
    Span,
    Task,
    load_counter,
)
from tersus.compressors.segment import split
from tersus.compressors.select import TOLERANCE

COUNT = load_counter()
KEEP = Protection(keep=["KEEP"])


class Scripted(ExtractiveCompressor):
    """Scores each segment by a function of its text."""

    name = "scripted"
    threshold = 0.5

    def __init__(self, score: Callable[[str], float]) -> None:
        self.score_of = score

    def _score_batch(self, tasks: Sequence[Task]) -> list[list[list[Span]]]:
        return [
            [
                [Span(s.start, s.end, self.score_of(p.text[s.start : s.end])) for s in split(p.text)]
                for p in task.passages
            ]
            for task in tasks
        ]


Sentence = tuple[int, bool, float]
"""Words, whether a keep pattern matches, score."""


class Given:
    """Passages of sentences that are told apart by their number, each rendered with title T."""

    def __init__(self, passages: Sequence[Sequence[Sentence]]) -> None:
        self.sentences: list[tuple[int, str]] = []
        self.protected: set[int] = set()
        self.scores: dict[str, float] = {}
        for number, sentences in enumerate(passages):
            for words, protected, score in sentences:
                i = len(self.sentences)
                text = " ".join([f"S{i}", *(["KEEP"] if protected else []), *["one"] * words]) + "."
                self.sentences.append((number, text))
                self.scores[text] = score
                if protected:
                    self.protected.add(i)
        self.count = len(passages)

    def passages(self) -> list[Passage]:
        texts = [" ".join(t for n, t in self.sentences if n == number) for number in range(self.count)]
        return [Passage(text=text, title="T") for text in texts]

    def tokens(self, chosen: Iterable[int]) -> int:
        """Tokens of the context with these sentences, rendered here."""
        chosen = set(chosen)
        blocks = []
        for number in range(self.count):
            texts = [t for i, (n, t) in enumerate(self.sentences) if n == number and i in chosen]
            blocks += ["T\n" + " ".join(texts)] if texts else []
        return COUNT("\n\n".join(blocks))

    def run(self, budget: Budget, protection: Protection = KEEP) -> tuple[Compression, set[int]]:
        result = Scripted(self.scores.__getitem__).compress(
            "q", self.passages(), budget, protection=protection
        )
        kept = {i for i, (n, text) in enumerate(self.sentences) if text in result.passages[n].text}
        assert COUNT(result.text) == result.tokens_after == self.tokens(kept)
        return result, kept


sentences = st.tuples(st.integers(1, 10), st.booleans(), st.floats(-1, 1))
given_passages = st.lists(st.lists(sentences, min_size=1, max_size=3), min_size=1, max_size=3).map(Given)


@settings(max_examples=80, deadline=None)
@given(case=given_passages, limit=st.integers(1, 120))
def test_protected_text_comes_first_and_max_tokens_is_never_exceeded(case: Given, limit: int) -> None:
    result, kept = case.run(Budget(max_tokens=limit))
    assert result.tokens_after <= limit
    lost = case.protected - kept
    # Whatever is lost would not have fitted beside the protected text that was kept.
    for i in lost:
        assert case.tokens((kept & case.protected) | {i}) > limit
    if lost:
        said = f"{len(lost)} of {len(case.protected)} matches of keep patterns were lost, first 'KEEP'"
        assert said in str(result.reason)
    else:
        assert "keep" not in str(result.reason)


@settings(max_examples=60, deadline=None)
@given(case=given_passages, ratio=st.floats(0.05, 0.95))
def test_a_ratio_is_met_and_with_all_protected_text_wherever_some_set_does_it(
    case: Given, ratio: float
) -> None:
    result, kept = case.run(Budget(ratio=ratio))
    numbers = range(len(case.sentences))
    subsets = [set(s) for n in range(1, len(numbers) + 1) for s in itertools.combinations(numbers, n)]
    meeting = [s for s in subsets if abs(case.tokens(s) / result.tokens_before - ratio) <= TOLERANCE - 1e-9]
    assert abs(result.kept - ratio) <= TOLERANCE + 1e-9 or not meeting
    if any(s >= case.protected for s in meeting):
        assert kept >= case.protected
    elif meeting:
        assert len(kept & case.protected) == max(len(s & case.protected) for s in meeting)
    assert ("keep patterns were lost" in str(result.reason)) == bool(case.protected - kept)


@settings(max_examples=60, deadline=None)
@given(case=given_passages)
def test_an_adaptive_budget_keeps_what_is_protected_besides_what_reaches_the_threshold(case: Given) -> None:
    _, kept = case.run(Budget())
    above = {i for i, (_, text) in enumerate(case.sentences) if case.scores[text] >= 0.5}
    assert kept == above | case.protected


def test_among_protected_sentences_the_better_scored_come_first() -> None:
    case = Given([[(5, True, 0.1), (5, True, 0.3), (5, False, 0.9), (5, True, 0.2)]])
    _, kept = case.run(Budget(max_tokens=case.tokens({0, 1})))
    assert kept == {1, 3}
    _, kept = case.run(Budget(max_tokens=case.tokens({0, 1})), Protection())
    assert 2 in kept


def test_more_protected_sentences_than_the_knapsack_can_rank_still_come_first() -> None:
    case = Given([[(2, i % 2 == 0, (i % 7) / 10) for i in range(40)] for _ in range(6)])
    share = case.tokens(case.protected) / case.tokens(range(240))
    result, kept = case.run(Budget(ratio=share + 0.01))
    assert kept >= case.protected
    assert abs(result.kept - (share + 0.01)) <= TOLERANCE


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([0.1, 0.2], "no sentence reached the threshold of 0.5, and only what keep patterns match was kept"),
        ([0.1, 0.9], "every sentence reached the threshold of 0.5 or is protected"),
        ([0.8, 0.9], "every sentence reached the threshold of 0.5"),
    ],
)
def test_the_reason_tells_protection_from_the_threshold(scores: list[float], reason: str) -> None:
    case = Given([[(3, True, scores[0]), (3, False, scores[1])]])
    assert case.run(Budget())[0].reason == reason


def test_a_segment_is_kept_whole_where_a_match_touches_it() -> None:
    text = "- pay 5 EUR\n  on Monday\n- call Ada\n\nThe sum is 12\nEUR. It is due. Nobody knows."
    compressor = Scripted(lambda _: 0.0)
    result = compressor.compress("q", [Passage(text=text)], protection=Protection(keep=[r"\d+\s+EUR\. It"]))
    assert result.text == "The sum is 12\nEUR. It is due."
    result = compressor.compress("q", [Passage(text=text)], protection=Protection(keep=[r"5 EUR"]))
    assert result.text == "- pay 5 EUR\n  on Monday"


SECTIONS = Passage(
    text="# Guide\n\nRead this.\n\n## Install\n\nRun it now. It takes long.\n\n## Use\n\nOpen a file."
)


def _sections(budget: Budget, protection: Protection, best: str = "It takes long.") -> Compression:
    return Scripted(lambda text: float(text == best)).compress("q", [SECTIONS], budget, protection=protection)


def test_a_kept_sentence_brings_its_headings_and_its_antecedent() -> None:
    headings = _sections(Budget(), Protection(headings=True))
    assert headings.text == "# Guide ## Install It takes long."
    assert headings.reason is None
    assert _sections(Budget(), Protection(antecedents=True)).text == "Read this. It takes long."
    both = _sections(Budget(), Protection(headings=True, antecedents=True))
    assert both.text == "# Guide\n\nRead this.\n\n## Install It takes long."
    assert _sections(Budget(), Protection()).text == "It takes long."
    assert _sections(Budget(), Protection(titles=True)).text == "# Guide It takes long."


def test_a_protected_sentence_brings_its_headings_too() -> None:
    kept = _sections(Budget(), Protection(keep=["Open"], headings=True), best="")
    assert kept.text == "# Guide ## Use\n\nOpen a file."


def test_brought_text_goes_before_lesser_sentences_and_never_over_max_tokens() -> None:
    wanted = "## Install It takes long."
    enough = _sections(Budget(max_tokens=COUNT(wanted)), Protection(headings=True))
    assert enough.text == wanted
    assert enough.reason == (
        "no room was left for headings and first sentences that belong to what was kept: 1"
    )
    plain = _sections(Budget(max_tokens=COUNT(wanted)), Protection())
    assert plain.text.startswith("# Guide")  # filled with the first of the lesser ones
    short = _sections(Budget(max_tokens=COUNT("It takes long.")), Protection(headings=True))
    assert short.text == "It takes long."


def test_what_a_sentence_would_bring_is_not_kept_where_the_sentence_does_not_fit() -> None:
    text = "# Long\n\n" + "It goes on " * 30 + "here.\n\n# Other\n\nShort one.\n\nTail."
    compressor = Scripted(lambda text: 0.9 if "goes" in text else 0.5 if "Short" in text else 0.1)
    limit = COUNT("# Other\n\nShort one.")
    result = compressor.compress(
        "q", [Passage(text=text)], Budget(max_tokens=limit), protection=Protection(headings=True)
    )
    assert result.text == "# Other\n\nShort one."
