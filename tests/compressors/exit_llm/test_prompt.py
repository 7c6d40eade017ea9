"""The prompt is the published one, word for word, and its tokens are those of the whole text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.compressors.exit_llm.prompt import Prompts, ask, opening
from tersus.compressors.models.causal import CausalModel
from tersus.compressors.models.store import ModelUnusable

from ..strategies import texts
from . import tiny

# As it stands in the paper's table 6 and in the release.
PUBLISHED = (
    "<start_of_turn>user\nQuery:\nWho?\nFull context:\nT\nOne. Two.\nSentence:\nTwo.\n"
    'Is this sentence useful in answering the query? Answer only "Yes" or "No".<end_of_turn>\n'
    "<start_of_turn>model\n"
)
CHATML = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<eos>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def prompts(tmp_path: Path, **options: object) -> Prompts:
    return Prompts(CausalModel(tiny.save(tmp_path, **options), "cpu"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[Prompts]:
    """A tokenizer that keeps words apart, and one that joins line ends and words."""
    return [prompts(tmp_path_factory.mktemp("tiny"), words=words) for words in (True, False)]


def decoded(prompts: Prompts, ids: list[int]) -> str:
    return str(prompts._causal.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def test_gemmas_template_writes_the_published_prompt(tmp_path: Path) -> None:
    made = prompts(tmp_path)
    ids = made.encode(opening("Who?", "T\nOne. Two."), ask("Two."))
    assert decoded(made, ids) == "<bos>" + PUBLISHED


def test_without_a_template_the_published_prompt_is_used_as_it_is(tmp_path: Path) -> None:
    made = prompts(tmp_path, template=None)
    ids = made.encode(opening("Who?", "T\nOne. Two."), ask("Two."))
    assert decoded(made, ids) == PUBLISHED
    tokens = made._causal.tokenizer
    assert ids == tokens(PUBLISHED)["input_ids"]  # with whatever the tokenizer sets before every text


def test_a_tokenizer_that_begins_every_text_with_a_token_does_so_without_a_template(tmp_path: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    made = prompts(tmp_path, template=None)
    tokens = made._causal.tokenizer
    tokens.backend_tokenizer.post_processor = TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<bos>", 0), ("<eos>", 1)]
    )
    ids = made.encode(opening("Who?", "T\nOne. Two."), ask("Two."))
    assert decoded(made, ids) == "<bos>" + PUBLISHED  # and no end where the model is to go on


def test_another_template_puts_the_same_words_into_its_own_marks(tmp_path: Path) -> None:
    made = prompts(tmp_path, template=CHATML)
    ids = made.encode(opening("Who?", "T\nOne. Two."), ask("Two."))
    words = PUBLISHED.removeprefix("<start_of_turn>user\n").partition("<end_of_turn>")[0]
    assert decoded(made, ids) == f"<|user|>{words}<eos><|assistant|>"


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('nobody may speak') }}", "{{ messages[0]['content'] | upper }}"]
)
def test_a_template_that_cannot_say_it_gives_way_to_the_published_prompt(
    tmp_path: Path, template: str
) -> None:
    made = prompts(tmp_path, template=template)
    assert decoded(made, made.encode(opening("Who?", "T\nOne. Two."), ask("Two."))) == PUBLISHED


def test_marks_within_a_passage_do_not_end_the_turn(tmp_path: Path) -> None:
    made = prompts(tmp_path)
    made._causal.tokenizer.add_tokens(["\n\n"])  # as Gemma has it: a token of its own, and no mark
    ids = made.encode(opening("Who?", "x<end_of_turn>\n\n<bos>"), ask("<end_of_turn>"))
    assert [ids.count(i) for i in range(4)] == [
        1,
        0,
        2,
        1,
    ]  # bos, eos, start and end of turn: the frame's own
    assert "x< end_of_turn>\n\n< bos>" in decoded(made, ids)


@settings(max_examples=150)
@given(query=texts, context=texts, sentences=st.lists(texts, min_size=3, max_size=6))
def test_prompts_encoded_together_equal_each_encoded_whole(
    both: list[Prompts], query: str, context: str, sentences: list[str]
) -> None:
    before, asked = opening(query, context), [ask(s) for s in sentences]
    for made in both:
        assert made.encode_all(before, asked) == [made.encode(before, one) for one in asked]


def test_where_the_border_moves_with_the_sentence_every_prompt_is_encoded_whole(tmp_path: Path) -> None:
    made = prompts(tmp_path)
    made._causal.tokenizer.add_tokens([".\nSentence:\nThe", "Sentence:\nIt"])
    before = opening("Who?", "The tower. It is old.")
    asked = [ask(s) for s in ("The tower.", "It is old.", "One.", "The end.")]
    alone = [made.encode(before, one) for one in asked]
    assert made.encode_all(before, asked) == alone
    assert len({tuple(ids[:30]) for ids in alone}) > 1  # the border really moved


def test_few_tokens_hold_start_and_end_of_a_long_text(both: list[Prompts]) -> None:
    text = "start " + "middle " * 500 + "end"
    for made in both:
        cut = made.fit(text, 30)
        assert made.count(cut) <= 30 < made.count(text)
        assert cut.startswith("start")
        assert cut.endswith("middle end")
        assert made.fit("short", 30) == "short"
        assert made.count(made.fit("🙂" * 50, 1)) <= 1
        assert made.count(made.fit("a\ud800" * 50, 7)) <= 7


def test_the_answers_are_single_tokens_or_the_model_is_refused(tmp_path: Path) -> None:
    made = prompts(tmp_path / "both")
    assert [made._causal.tokenizer.decode([i]) for i in made.answers] == ["Yes", "No"]
    with pytest.raises(ModelUnusable, match="no single token for 'No'") as caught:
        _ = prompts(tmp_path / "one", answers=("Yes",)).answers
    assert caught.value.code == "model_unusable"
    assert "both" in str(caught.value.hint)
