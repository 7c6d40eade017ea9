"""What a model writes is cut to whole sentences, checked, and replaced where it cannot stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tersus.compressors import load_counter
from tersus.compressors.summarise import ExtractiveSummariser, SummariserFailed, Summary, SummaryJob
from tersus.compressors.summarise.written import Written, WrittenSummariser

from tests.compressors.strategies import bag_of_words, texts

count = load_counter()
TEXT = (
    "The hotel Astoria has 120 rooms and a pool. Its staff is kind to all guests who come by. "
    "Breakfast costs 15 dollars and is served until ten. The pool was closed in March."
)
TAKEN = "The hotel Astoria is kind."


class Fake:
    """A writer that answers with a function of the prompt."""

    name = fingerprint = "fake"

    def __init__(self, answer: Callable[[str], str], window: int = 10_000, *, cut: bool = False) -> None:
        self.answer, self.window, self.cut = answer, window, cut
        self.prompts: list[str] = []

    def room(self, limit: int) -> int:
        return self.window

    def count(self, text: str) -> int:
        return len(text.split())

    def write(self, prompts: Sequence[str], limits: Sequence[int]) -> list[Written]:
        self.prompts += prompts
        return [Written(self.answer(prompt), 7, self.cut) for prompt in prompts]


def summarise(answer: str, job: SummaryJob | None = None, *, cut: bool = False) -> Summary:
    job = job or SummaryJob([TEXT])
    own = ExtractiveSummariser(bag_of_words)
    [summary] = WrittenSummariser(Fake(lambda _: answer, cut=cut), "{text}", extractive=own).summarise([job])
    return summary


def test_a_faithful_summary_is_taken_with_its_sources_and_tokens() -> None:
    job = SummaryJob(["Nobody came to the concert in Ulm.", TEXT])
    summary = summarise("Astoria is a kind hotel with 120 rooms. Breakfast costs $15.", job)
    assert [s.text for s in summary.sentences] == [
        "Astoria is a kind hotel with 120 rooms.",
        "Breakfast costs $15.",
    ]
    assert [s.sources for s in summary.sentences] == [(1,), (1,)]
    assert (summary.tokens_used, summary.fallback) == (7, None)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("The hotel has 121 rooms.", "not in the sources: 121"),
        ("The hotel Bristol is kind.", "not in the sources: Bristol"),
        ("A B C D E F1 G2 H3 J4.", "and 2 more"),
        ("", "the model wrote nothing"),
        (" \n ", "the model wrote nothing"),
        (TEXT, "the summary was no shorter than the texts"),
    ],
)
def test_what_cannot_stand_is_replaced_by_the_extractive_summary_and_said_so(answer: str, why: str) -> None:
    summary = summarise(answer)
    [expected] = ExtractiveSummariser(bag_of_words).summarise([SummaryJob([TEXT])])
    assert summary.sentences == expected.sentences != ()
    assert why in str(summary.fallback)
    assert summary.tokens_used == 7


def test_one_unfaithful_sentence_spoils_the_summary() -> None:
    assert summarise("The staff is kind. It opened in 1999.").fallback == "not in the sources: 1999"


@pytest.mark.parametrize(
    "answer",
    [
        f"Summary: {TAKEN}",
        f"Here is a summary of the text:\n\n{TAKEN}",
        f"<think>It has 999 rooms.</think>\n{TAKEN}",
        f'"{TAKEN}"',
        f"- {TAKEN}",
        f"1. {TAKEN}",
        f"## {TAKEN}",
        f"**{TAKEN}**",
    ],
)
def test_prefaces_thoughts_and_marks_are_taken_off(answer: str) -> None:
    summary = summarise(answer)
    assert (summary.text, summary.fallback) == (TAKEN, None)


def test_sentences_beyond_the_limit_are_left_out_whole() -> None:
    two = f"{TAKEN} The pool was closed in March."
    assert summarise(two, SummaryJob([TEXT], max_tokens=count(two))).text == two
    assert summarise(two, SummaryJob([TEXT], max_tokens=count(two) - 1)).text == TAKEN
    summary = summarise(two, SummaryJob([TEXT], max_tokens=3))
    assert (summary.sentences, summary.fallback) == ((), "no sentence fits into 3 tokens")


def test_the_unfinished_sentence_of_a_stopped_answer_is_left_out() -> None:
    assert summarise(f"{TAKEN} The pool was", cut=True).text == TAKEN
    assert summarise("The pool was", cut=True).fallback == "it wrote no whole sentence"


@given(st.lists(texts, max_size=3), texts, st.integers(1, 50), st.booleans())
def test_no_answer_breaks_the_limit_or_comes_without_sources(
    given_texts: list[str], answer: str, limit: int, cut: bool
) -> None:
    summary = summarise(answer, SummaryJob(given_texts, max_tokens=limit), cut=cut)
    assert count(summary.text) <= limit
    for sentence in summary.sentences:
        assert sentence.text
        assert sentence.sources
        assert all(0 <= i < len(given_texts) for i in sentence.sources)


def test_the_prompt_holds_texts_question_and_length_and_nothing_in_them_is_filled_in() -> None:
    writer = Fake(lambda _: TAKEN)
    summariser = WrittenSummariser(
        writer, "Say: {text}", query_prompt="{words} words on {query}: {text}", extractive=None
    )
    summariser.summarise(
        [SummaryJob(["Use {query} {0}.", " ", "Two."]), SummaryJob([TEXT], "Is {text} kind?", 100)]
    )
    assert writer.prompts == ["Say: Use {query} {0}.\n\nTwo.", f"70 words on Is {{text}} kind?: {TEXT}"]


def test_texts_beyond_the_window_are_reduced_to_central_sentences() -> None:
    writer = Fake(lambda _: TAKEN, window=60)
    own = ExtractiveSummariser(bag_of_words)
    summariser = WrittenSummariser(writer, "Shorten this: {text}", extractive=own)
    [summary] = summariser.summarise([SummaryJob([TEXT, *(f"Guest {i} was happy here." for i in range(50))])])
    [prompt] = writer.prompts
    assert 30 < writer.count(prompt) <= 60
    assert prompt.startswith("Shorten this: ")
    assert summary.text == TAKEN
    [summary] = summariser.summarise([SummaryJob(["word " * 100])])
    assert (len(writer.prompts), summary.fallback) == (1, "no sentence fits into the model's window")


def test_empty_texts_are_not_sent_to_the_model() -> None:
    writer = Fake(lambda _: TAKEN)
    jobs = [SummaryJob([]), SummaryJob([TEXT]), SummaryJob([" \n"])]
    found = WrittenSummariser(writer, "{text}").summarise(jobs)
    assert [s.text for s in found] == ["", TAKEN, ""]
    assert [s.fallback for s in found] == [None] * 3
    assert len(writer.prompts) == 1


def test_a_writer_that_loses_an_answer_is_an_error() -> None:
    class Loses(Fake):
        def write(self, prompts: Sequence[str], limits: Sequence[int]) -> list[Written]:
            return super().write(prompts, limits)[1:]

    with pytest.raises(SummariserFailed, match="0 summaries for 1 prompts"):
        WrittenSummariser(Loses(lambda _: TAKEN), "{text}").summarise([SummaryJob([TEXT])])


def test_a_prompt_without_a_place_for_the_text_is_refused() -> None:
    for prompt, query_prompt in (("Go on", None), ("{text}", "Go on")):
        with pytest.raises(ValueError, match="where the text goes"):
            WrittenSummariser(Fake(str), prompt, query_prompt=query_prompt)
