"""The local reader: alone and side by side it says the same."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.model


def test_answers_side_by_side_are_those_given_one_by_one() -> None:
    from tersus.compressors.models.causal import load_causal
    from tersus.compressors.models.store import ModelMissing, model_folder
    from tersus.eval.runs.local_answers import answer_batch

    try:
        model_folder("smollm2")
    except ModelMissing:
        pytest.skip("the local model is not installed: tersus models install")
    causal = load_causal("smollm2")
    asked = [
        "What is the capital of France?",
        "Name a colour of the rainbow, please, in a single word.",
        "1 + 1 =",
    ]
    prompts = [causal.encode_chat([{"role": "user", "content": text}]) for text in asked]
    alone = answer_batch(causal, prompts, max_new_tokens=8, side_by_side=False)
    together = answer_batch(causal, prompts, max_new_tokens=8, side_by_side=True)
    first = [said.text.strip().partition("\n")[0] for said in together]
    assert [said.text.strip().partition("\n")[0] for said in alone] == first
    assert all(said.tokens > 0 and said.seconds > 0 for said in [*alone, *together])
