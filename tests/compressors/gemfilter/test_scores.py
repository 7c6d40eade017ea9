"""One partial pass gives what the full model's own queries and keys give, and leaves the model as it was."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tersus.compressors.gemfilter.families import decoder_of, depends_on_length
from tersus.compressors.gemfilter.scores import pool, select, token_scores
from tersus.compressors.models.causal import CausalModel, load_causal
from tersus.compressors.models.store import ModelMissing, ModelUnusable
from tersus.errors import InvalidInput
from transformers import GPT2Config, GPT2LMHeadModel

from ..exit_llm.tiny import fast
from . import plain, tiny


def draw(vocabulary: int, *lengths: int) -> list[list[int]]:
    random = np.random.default_rng(3)
    return [random.integers(2, vocabulary, length).tolist() for length in lengths]


@pytest.fixture(scope="module", params=list(tiny.CONFIGS))
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CausalModel:
    return CausalModel(tiny.save(tmp_path_factory.mktemp("family"), request.param), "cpu")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> CausalModel:
    return CausalModel(tiny.save(tmp_path_factory.mktemp("llama")), "cpu")


def test_scores_and_positions_are_those_of_the_full_models_queries_and_keys(family: CausalModel) -> None:
    rows = draw(family.config.vocab_size, 40, 9, 70, 1)
    layers = range(tiny.LAYERS)
    found = token_scores(family, rows, layers)
    for row, got in zip(rows, found, strict=True):
        assert got.shape == (tiny.LAYERS, len(row))
        for layer in layers:
            expected = plain.scores(family.model, row, layer)
            assert got[layer] == pytest.approx(expected, rel=1e-4, abs=1e-3)
            chosen = select(pool(got[layer]), 6).tolist()
            assert chosen == plain.best(plain.pooled(expected, 5), 6)
    assert float(np.std(found[0][1])) > 1  # the comparison can fail
    assert not np.allclose(found[0][1], found[0][2], atol=0.1)


def test_a_batch_with_padding_gives_what_each_row_alone_gives(family: CausalModel) -> None:
    rows = draw(family.config.vocab_size, 30, 5, 80, 31, 79)
    together = token_scores(family, rows, [2], batch_tokens=10_000)
    for row, got in zip(rows, together, strict=True):
        assert got == pytest.approx(token_scores(family, [row], [2], batch_tokens=1)[0], rel=1e-4, abs=1e-3)


def test_one_layer_alone_gives_what_it_gives_among_others(family: CausalModel) -> None:
    rows = draw(family.config.vocab_size, 25)
    together = token_scores(family, rows, range(tiny.LAYERS))[0]
    for layer in range(tiny.LAYERS):
        assert token_scores(family, rows, [layer])[0][0] == pytest.approx(together[layer], rel=1e-5, abs=1e-4)


def test_the_released_codes_selection_on_a_batch_of_one(family: CausalModel) -> None:
    """Repeated keys times the last query, summed over heads, averaged over five, top k, sorted."""
    row = draw(family.config.vocab_size, 50)[0]
    values = torch.tensor(plain.scores(family.model, row, 2))[None, None]
    smooth = torch.nn.functional.avg_pool1d(values, kernel_size=5, padding=2, stride=1)
    expected = torch.topk(smooth, 12, dim=-1).indices[0, 0].sort().values
    assert select(pool(token_scores(family, [row], [2])[0][0]), 12).tolist() == expected.tolist()


def test_layers_behind_the_one_asked_for_do_not_run_and_no_states_are_kept(llama: CausalModel) -> None:
    ran: list[str] = []
    kept: list[Any] = []
    hooks = [
        module.register_forward_hook(lambda _, __, ___, name=name: ran.append(name))
        for name, module in llama.model.named_modules()
    ]
    hooks += [
        layer.register_forward_pre_hook(
            lambda _, __, given: kept.append(given.get("past_key_values")), with_kwargs=True
        )
        for layer in llama.model.model.layers
    ]
    try:
        token_scores(llama, draw(llama.config.vocab_size, 20), [2])
    finally:
        for hook in hooks:
            hook.remove()
    assert {"model.layers.0.mlp", "model.layers.1", "model.layers.2.self_attn.k_proj"} <= set(ran)
    assert len([name for name in ran if name == "model.layers.0"]) == 1
    assert not [name for name in ran if name.startswith(("model.layers.3", "model.norm", "lm_head"))]
    assert not {"model.layers.2.mlp", "model.layers.2.self_attn.o_proj"} & set(ran)
    assert kept == [None] * 3


def test_the_shared_model_is_left_as_it_was(family: CausalModel) -> None:
    def state() -> list[Any]:
        return [
            (name, id(module), sorted(map(str, module.__dict__)), list(module._modules))
            for name, module in family.model.named_modules()
        ] + [layer.self_attn.config._attn_implementation for layer in decoder_of(family.model).layers]

    def buffers() -> dict[str, torch.Tensor]:
        return {name: buffer.clone() for name, buffer in family.model.named_buffers()}

    long, short = draw(family.config.vocab_size, 120, 12)
    with torch.no_grad():
        before = family.model(torch.tensor([short])).logits
    states, held = state(), buffers()
    token_scores(family, [long, short], range(tiny.LAYERS))
    assert state() == states
    assert all(torch.equal(held[name], value) for name, value in buffers().items())
    with torch.no_grad():
        assert torch.equal(family.model(torch.tensor([short])).logits, before)


def test_eight_threads_at_once_get_what_one_gets_while_the_model_answers(llama: CausalModel) -> None:
    rows = draw(llama.config.vocab_size, *range(10, 90, 5))
    alone = [token_scores(llama, [row], [3])[0] for row in rows]
    stop = threading.Event()
    answers: set[float] = set()

    def answer() -> None:
        while not stop.is_set():
            with torch.no_grad():
                answers.add(float(llama.model(torch.tensor([rows[0]])).logits.sum()))

    other = threading.Thread(target=answer)
    other.start()
    with ThreadPoolExecutor(8) as pool_:
        together = list(pool_.map(lambda row: token_scores(llama, [row], [3])[0], rows))
    stop.set()
    other.join()
    assert len(answers) == 1
    for one, many in zip(alone, together, strict=True):
        assert np.array_equal(one, many)


def test_frequencies_that_depend_on_the_length_are_computed_for_each_row_alone(tmp_path: Path) -> None:
    causal = CausalModel(tiny.save(tmp_path, "phi3.5"), "cpu")
    assert depends_on_length(decoder_of(causal.model))
    short, long = draw(causal.config.vocab_size, 20, 100)
    found = token_scores(causal, [short, long], [1], batch_tokens=10_000)
    assert found[0][0] == pytest.approx(plain.scores(causal.model, short, 1), rel=1e-4, abs=1e-3)
    assert found[1][0] == pytest.approx(plain.scores(causal.model, long, 1), rel=1e-4, abs=1e-3)


def test_attention_weights_of_any_kind_give_the_same_scores(llama: CausalModel) -> None:
    from transformers.models.auto.modeling_auto import AutoModelForCausalLM

    other = CausalModel(llama.folder, "cpu")
    eager: Any = AutoModelForCausalLM.from_pretrained(llama.folder, attn_implementation="eager")
    other._model = eager.eval()
    rows = draw(llama.config.vocab_size, 33, 20)
    for one, two in zip(token_scores(llama, rows, [0, 3]), token_scores(other, rows, [0, 3]), strict=True):
        assert one == pytest.approx(two, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
def test_pooling_counts_zeros_beyond_the_ends(kernel: int) -> None:
    values = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0]
    assert pool(np.array(values, np.float32), kernel).tolist() == pytest.approx(plain.pooled(values, kernel))
    rows = np.array([values, values[::-1]], np.float32)
    assert pool(rows, kernel)[1].tolist() == pytest.approx(plain.pooled(values[::-1], kernel))


@pytest.mark.parametrize(("k", "expected"), [(0, []), (2, [0, 3]), (3, [0, 1, 3]), (9, [0, 1, 2, 3])])
def test_the_best_positions_come_in_order_and_of_equals_the_earlier(k: int, expected: list[int]) -> None:
    assert select(np.array([2, 1, 1, 5], np.float32), k).tolist() == expected


@pytest.mark.parametrize("layer", [-1, 4, True, "1"])
def test_a_layer_that_is_not_there_is_refused(llama: CausalModel, layer: Any) -> None:
    with pytest.raises(InvalidInput, match="no layer"):
        token_scores(llama, [[1, 2]], [layer])


def test_an_empty_row_is_refused(llama: CausalModel) -> None:
    with pytest.raises(InvalidInput, match="at least one token"):
        token_scores(llama, [[1], []], [0])


def test_a_model_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    tokens = fast()
    GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=2, n_head=2, vocab_size=len(tokens))).save_pretrained(
        tmp_path
    )
    tokens.save_pretrained(tmp_path)
    with pytest.raises(ModelUnusable, match="GPT2LMHeadModel"):
        token_scores(CausalModel(tmp_path, "cpu"), [[1, 2]], [0])


def test_attention_that_bypasses_the_common_interface_is_refused(
    llama: CausalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own(self: Any, hidden_states: torch.Tensor, **_: Any) -> tuple[torch.Tensor, None]:
        return hidden_states, None

    monkeypatch.setattr(type(llama.model.model.layers[0].self_attn), "forward", own)
    with pytest.raises(ModelUnusable, match="common interface"):
        token_scores(llama, [[1, 2]], [0])


@pytest.fixture(scope="module")
def smollm2() -> CausalModel:
    try:
        return load_causal("smollm2", "cpu")
    except ModelMissing as missing:
        pytest.skip(f"SmolLM2 is not installed: {missing.hint}")


@pytest.mark.model
@pytest.mark.parametrize("layer", [0, 12, 21, 29])
def test_smollm2s_positions_are_those_of_its_own_queries_and_keys(smollm2: CausalModel, layer: int) -> None:
    text = "The lighthouse of Norrvik was built in 1887 by Astrid Holm. Gulls nest on it. Who built it?"
    rows: Sequence[list[int]] = [smollm2.encode(text * 3), smollm2.encode(text)]
    for row, got in zip(rows, token_scores(smollm2, rows, [layer]), strict=True):
        expected = plain.scores(smollm2.model, row, layer)
        assert got[0] == pytest.approx(expected, rel=1e-3, abs=0.02)
        assert select(pool(got[0]), 8).tolist() == plain.best(plain.pooled(expected, 5), 8)
