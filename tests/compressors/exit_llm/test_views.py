"""Every sentence is judged once, in its own document, in a prompt that fits."""

from __future__ import annotations

import pytest
from tersus.compressors import Passage
from tersus.compressors.exit_llm.pack import Branch
from tersus.compressors.exit_llm.prompt import Prompts, ask, opening
from tersus.compressors.exit_llm.views import look
from tersus.compressors.models.causal import CausalModel
from tersus.compressors.models.store import ModelUnusable
from tersus.compressors.segment import split

LONG = " ".join(f"Room {i} holds {i * 7} books." for i in range(200))


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Prompts:
    from . import tiny

    return Prompts(CausalModel(tiny.save(tmp_path_factory.mktemp("tiny")), "cpu"))


def words(prompts: Prompts, ids: list[int]) -> str:
    return str(prompts._causal.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def seen(prompts: Prompts, branches: list[Branch]) -> list[tuple[str, str]]:
    """Context and sentence of every prompt."""
    found = []
    for ids in (ids for branch in branches for ids in branch.prompts()):
        text = words(prompts, ids)
        context, _, rest = text.partition("Full context:\n")[2].partition("\nSentence:\n")
        found.append((context, rest.partition("\nIs this sentence useful")[0]))
    return found


def test_a_short_passage_is_seen_whole_with_its_title(prompts: Prompts) -> None:
    text = "  The tower is old. It is white.\n"
    passage = Passage(text=text, title=" Tower ")
    branches = look(prompts, "How old?", passage, split(text), 2048)
    context = "Tower\nThe tower is old. It is white."
    assert seen(prompts, branches) == [(context, "The tower is old."), (context, "It is white.")]
    first = next(iter(branches[0].prompts()))
    assert first == prompts.encode(opening("How old?", context), ask("The tower is old."))
    untitled = look(prompts, "How old?", Passage(text=text), split(text), 2048)
    assert seen(prompts, untitled)[0] == (context.removeprefix("Tower\n"), "The tower is old.")


@pytest.mark.parametrize("limit", [300, 400, 700])
def test_a_long_passage_is_seen_through_windows_that_fit_and_show_both_sides(
    prompts: Prompts, limit: int
) -> None:
    segments = split(LONG)
    branches = look(prompts, "How many books?", Passage(text=LONG, title="Library"), segments, limit)
    found = seen(prompts, branches)
    assert [sentence for _, sentence in found] == [LONG[s.start : s.end] for s in segments]
    assert all(len(ids) <= limit for branch in branches for ids in branch.prompts())
    for number, (context, sentence) in enumerate(found):
        body = context.removeprefix("Library\n")
        assert context != body
        assert body in LONG
        assert sentence in body
        before, _, after = body.partition(sentence)
        assert before or number == 0  # something is seen on either side
        assert after or number == len(found) - 1
    assert 1 < len(branches) < len(segments)


def test_the_middle_is_cut_from_queries_and_sentences_that_no_window_holds(prompts: Prompts) -> None:
    giant = "word" * 5000 + "!"
    query = "first " + "filler " * 500 + "last?"
    text = f"It begins. {giant} It ends."
    branches = look(prompts, query, Passage(text=text, title="T" * 3000), split(text), 600)
    found = seen(prompts, branches)
    assert (found[0][1], found[-1][1]) == ("It begins.", "It ends.")
    assert all(len(ids) <= 600 for branch in branches for ids in branch.prompts())
    asked = words(prompts, next(iter(branches[0].prompts()))).partition("Full context")[0]
    assert "first filler" in asked
    assert asked.endswith("filler last?\n")
    cut = max((s for _, s in found), key=len)
    assert cut.startswith("wordword")
    assert cut.endswith("word!")
    assert len(cut) < len(giant)


def test_a_window_too_small_for_the_question_itself_is_refused(prompts: Prompts) -> None:
    with pytest.raises(ModelUnusable, match="does not hold the prompt"):
        look(prompts, "Who?", Passage(text="One."), split("One."), 40)
