"""A language model as judge of an answer, where a person asks for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ...errors import InvalidInput
from ..data import Example

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

__all__ = ["judged"]

_PROMPT = (
    "Question: {question}\nCorrect answer: {gold}\nAnswer to judge: {said}\n\n"
    "Does the answer to judge say the same as the correct answer? Reply with yes or no alone."
)


def judged(judge: str, example: Example, said: str | None) -> float | None:
    """1.0 where the judge says yes, 0.0 where no, or nothing was said; None without gold answers.

    A model judges as well as it can: a small one is weak evidence, and one of the reader's own family
    favours it (Zheng et al., 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena").

    Raises:
        InvalidInput: the judge is neither ``local[:MODEL]`` nor ``URL#MODEL``. LLMFailed: it does not answer.
    """
    if not example.answers:
        return None
    if said is None:
        return 0.0
    gold = " or ".join(example.answers)
    reply = _llm(judge).complete(_PROMPT.format(question=example.question, gold=gold, said=said)).text
    return float(reply.strip().lower().startswith("yes"))


@cache
def _llm(judge: str) -> LLM:
    from ...rag import load_settings
    from ...rag.llm import load_llm

    if judge == "local" or judge.startswith("local:"):
        return load_llm(load_settings(llm_base_url=None, llm_model=judge.partition(":")[2] or "smollm2"))
    url, mark, model = judge.rpartition("#")
    if not mark:
        raise InvalidInput(f"there is no judge {judge!r}", hint="local, local:MODEL, or URL#MODEL")
    return load_llm(load_settings(llm_base_url=url, llm_model=model, llm_max_tokens=8))
