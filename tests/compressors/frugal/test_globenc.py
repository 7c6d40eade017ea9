"""GlobEnc against its formula, written out with loops over the modules' own weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tersus.compressors.frugal.globenc import globenc, layer_norms, rollout
from tersus.compressors.frugal.trace import trace

from .encoders import IDS, NAMES, encoder


def plain_norms(model: Any, ids: list[int], number: int) -> torch.Tensor:
    """N_ENC of one layer by the modules of transformers, token by token and head by head, in float64."""
    model = model.double()
    module = model.encoder.layer[number]
    caught: dict[str, torch.Tensor] = {}

    def catch(name: str) -> Any:
        return lambda _, given: caught.__setitem__(name, given[0].detach()[0])

    hooks = [
        module.attention.output.LayerNorm.register_forward_pre_hook(catch("before norm 1")),
        module.output.LayerNorm.register_forward_pre_hook(catch("before norm 2")),
        module.register_forward_pre_hook(catch("given")),
    ]
    model.set_attn_implementation("eager")
    with torch.inference_mode():
        attention = model(input_ids=torch.tensor([ids]), output_attentions=True).attentions[number][0]
    for hook in hooks:
        hook.remove()
    given, inner = caught["given"], module.attention.self
    width = inner.attention_head_size
    t = len(ids)
    norms = torch.zeros(t, t, dtype=torch.float64)
    with torch.inference_mode():
        for i in range(t):
            for j in range(t):
                part = given[i].clone() if i == j else torch.zeros_like(given[i])
                for head in range(inner.num_attention_heads):
                    rows = slice(head * width, (head + 1) * width)
                    value = inner.value.weight[rows] @ given[j] + inner.value.bias[rows]
                    part += attention[head, i, j] * (module.attention.output.dense.weight[:, rows] @ value)
                for norm, before in (
                    (module.attention.output.LayerNorm, caught["before norm 1"][i]),
                    (module.output.LayerNorm, caught["before norm 2"][i]),
                ):
                    deviation = (before.var(correction=0) + norm.eps).sqrt()
                    part = (part - part.mean()) / deviation * norm.weight
                norms[i, j] = part.norm()
    model.float()
    return norms


@pytest.mark.parametrize("name", [n for n in NAMES if n != "minilm"])
def test_every_layers_norms_are_those_of_the_formula(name: str) -> None:
    done = trace(encoder(name), [IDS])
    for number, layer in enumerate(done.layers):
        expected = plain_norms(encoder(name), IDS, number)
        assert torch.allclose(layer_norms(layer)[0].double(), expected, rtol=1e-3, atol=1e-4)


def test_the_norms_of_minilm_are_those_of_the_formula() -> None:
    from transformers import AutoModel

    shared = encoder("minilm")
    own = AutoModel.from_pretrained(shared.config._name_or_path)  # hooks must not be set on the shared one
    ids = [101, 1996, 15706, 2001, 2701, 1999, 5484, 1012, 102]
    done = trace(shared, [ids])
    for number in (0, len(done.layers) - 1):
        expected = plain_norms(own, ids, number)
        assert torch.allclose(layer_norms(done.layers[number])[0].double(), expected, rtol=1e-3, atol=1e-4)


def test_rollout_multiplies_normalised_maps_from_the_last_to_the_first() -> None:
    first = torch.tensor([[[2.0, 2.0], [1.0, 3.0]]])
    last = torch.tensor([[[1.0, 0.0], [1.0, 4.0]]])
    # [[1, 0], [.2, .8]] @ [[.5, .5], [.25, .75]]
    expected = torch.tensor([[[0.5, 0.5], [0.3, 0.7]]])
    assert torch.allclose(rollout([first, last]), expected)


def test_rows_sum_to_one_and_padding_gets_nothing() -> None:
    short = [2, 31, 5, 3]
    both = globenc(trace(encoder("bert"), [IDS, short]))
    assert torch.allclose(both.sum(-1), torch.ones(2, len(IDS)), atol=1e-5)
    assert not both[1, : len(short), len(short) :].any()
    alone = globenc(trace(encoder("bert"), [short]))
    assert torch.allclose(both[1, : len(short), : len(short)], alone[0], atol=1e-5)
