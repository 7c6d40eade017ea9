"""The least that an extractive compressor could send and still hold the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...compressors import CompressedPassage, Span, load_counter, render_context
from ...compressors.segment import split
from ..data import EvalPassage, Example, Offsets, to_passages
from ..metrics import answer_recall

__all__ = ["answer_sentences", "oracle_tokens", "sentences_of"]


def sentences_of(passage: EvalPassage) -> list[Offsets]:
    """The data set's own sentences, blank ones left out; ours where it gives the text uncut."""
    if passage.sentence_spans is None:
        return [(s.start, s.end) for s in split(passage.text)]
    return [(start, end) for start, end in passage.sentence_spans if start < end]


def answer_sentences(example: Example) -> list[tuple[int, list[Offsets]]]:
    """The sets of sentences that hold an answer, each as the passage's number and its sentences.

    Where answers are marked, a set is the sentences that one mark reaches into. Where none is, it is
    a run of neighbouring sentences in which a gold answer stands (as in answer recall) and from neither
    end of which one can be taken away. Titles do not count: they are not selected. Where the data set gives
    no answers, but labels sentences, each labelled sentence is a set. Empty where no answer
    stands in a passage's text.
    """
    if not example.answers:
        return [
            (i, [s]) for i, passage in enumerate(example.passages) for s in passage.supporting_spans or ()
        ]
    marked = [
        (i, touched)
        for i, passage in enumerate(example.passages)
        for start, end in passage.answer_spans or ()
        if (touched := [s for s in sentences_of(passage) if s[0] < end and s[1] > start])
    ]
    if marked:
        return marked
    return [(i, run) for i, passage in enumerate(example.passages) for run in _runs(passage, example.answers)]


def oracle_tokens(example: Example) -> int | None:
    """Tokens of the context that holds nothing but the smallest of :func:`answer_sentences`.

    Rendered and counted as a compressor's own result is, with the passage's title. The smallest of all
    places is taken, also where a longer one supports the answer better: a lower bound. None where no
    sentence holds an answer.
    """
    count = load_counter()
    passages = to_passages(example)
    sizes = [
        count(render_context([CompressedPassage.of(passages[i], [Span(*s) for s in sentences])]))
        for i, sentences in answer_sentences(example)
    ]
    return min(sizes, default=None)


def _runs(passage: EvalPassage, answers: Sequence[str]) -> Iterator[list[Offsets]]:
    if answer_recall(answers, passage.text) != 1.0:
        return
    sentences = sentences_of(passage)

    def holds(run: Sequence[Offsets]) -> bool:
        return answer_recall(answers, " ".join(passage.text[a:b] for a, b in run)) == 1.0

    for first in range(len(sentences)):
        for last in range(first, len(sentences)):
            run = sentences[first : last + 1]
            if holds(run):
                if not holds(run[1:]):
                    yield run
                break
