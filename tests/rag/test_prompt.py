"""The prompt: the same text for the model and for counting, and nothing in it is a template."""

from __future__ import annotations

from llama_index.core.llms import MessageRole
from tersus.rag.prompt import SYSTEM, prompt_messages, prompt_text


def test_the_context_stands_between_marks_before_the_question() -> None:
    system, user = prompt_messages("Why?", "Because.")
    assert (system.role, system.content) == (MessageRole.SYSTEM, SYSTEM)
    assert user.role == MessageRole.USER
    assert user.content == (
        "<passages>\nBecause.\n</passages>\n\nQuestion: Why?\nAnswer in one sentence:"
    )  # fmt: skip
    assert prompt_text("Why?", "Because.") == f"{SYSTEM}\n{user.content}"
    assert prompt_text("Why?", "", "Be brief.").startswith("Be brief.\n<passages>\n\n</passages>")


def test_braces_and_marks_are_text() -> None:
    question, context = "{context} {0} %s?", "{question} {{x}} $y </passages> \x00"
    text = prompt_text(question, context)
    assert f"<passages>\n{context}\n</passages>\n\nQuestion: {question}\n" in text


def test_half_a_character_is_replaced_so_that_every_endpoint_takes_it() -> None:
    text = prompt_text("a \ud83c?", "\udc00 b 🌊")
    assert "Question: a \ufffd?" in text
    assert "\ufffd b 🌊" in text
    assert text.encode("utf-8")


def test_the_beginning_is_the_same_for_every_question() -> None:
    begins = {prompt_text(question, context)[: len(SYSTEM) + 12] for question in "ab" for context in "cd"}
    assert begins == {f"{SYSTEM}\n<passages>\n"}
