"""DecompX: the parts sum to the model's own output, in full and pulled back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tersus.compressors.frugal.decompx import Biases, decompose
from tersus.compressors.frugal.layers import layers_of
from tersus.compressors.frugal.pullback import pull_back
from tersus.compressors.frugal.trace import trace
from tersus.compressors.models.encoder import load_encoder
from tersus.compressors.models.store import ModelUnusable
from tersus.errors import InvalidInput
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

from .encoders import IDS, NAMES, encoder, real_output

TEXT = (
    "The Tersus works at 12 Mill Lane opened in 1904 with a budget of £3,400. It was closed by the council, "
    "whose leader, Ada Byron, had voted against it twice; the building is a museum of engines today, open."
)


def ids_for(name: str) -> list[int]:
    if name != "minilm":
        return IDS
    minilm = load_encoder("minilm")
    before, after = minilm.special_tokens
    return [*before, *minilm.tokens(TEXT)[0][:62], *after]


@pytest.mark.parametrize("name", NAMES)
def test_the_trace_computes_what_the_model_does(name: str) -> None:
    model, ids = encoder(name), ids_for(name)
    assert torch.allclose(trace(model, [ids]).output[0], real_output(model, ids), atol=1e-5)


@pytest.mark.parametrize("biases", ["shared", "apart"])
@pytest.mark.parametrize("name", NAMES)
def test_the_parts_of_every_token_sum_to_the_real_output(name: str, biases: Biases) -> None:
    model, ids = encoder(name), ids_for(name)
    parts = decompose(trace(model, [ids]), biases)
    assert parts.shape[1] == len(ids) + (biases == "apart")
    assert (parts.sum(1) - real_output(model, ids)).abs().max() < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_the_pulled_back_shares_are_those_of_the_full_decomposition(name: str) -> None:
    model, ids = encoder(name), ids_for(name)
    assert len(ids) <= 64
    done = trace(model, [ids])
    parts = decompose(done, "apart")
    target = torch.randn(done.output.shape, generator=torch.Generator().manual_seed(1))
    target /= target.norm()
    shares, rest = pull_back(done, target)
    expected = torch.einsum("ikd,id->k", parts, target[0])
    assert (shares[0] - expected[:-1]).abs().max() < 1e-4
    assert (rest - expected[-1]).abs().max() < 1e-4
    assert shares.abs().max() > 1e-3  # of something


@pytest.mark.parametrize("name", NAMES)
def test_shares_and_rest_sum_to_the_function_of_the_real_output(name: str) -> None:
    model, ids = encoder(name), ids_for(name)
    target = torch.randn(1, len(ids), real_output(model, ids).shape[1])
    shares, rest = pull_back(trace(model, [ids]), target)
    value = (target[0] * real_output(model, ids)).sum()
    assert abs(float(shares.sum() + rest.sum() - value)) < 1e-3


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_without_any_bias_nothing_is_left_to_them(name: str) -> None:
    model = encoder(name)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if key.startswith("encoder") and key.endswith("bias"):
                parameter.zero_()
    done = trace(model, [IDS])
    assert torch.allclose(decompose(done, "shared"), decompose(done, "apart")[:, :-1], atol=1e-5)
    target = torch.randn(done.output.shape, generator=torch.Generator().manual_seed(1))
    assert pull_back(done, target)[1].abs().max() < 1e-3


def test_a_bias_is_shared_by_the_absolute_scalar_products() -> None:
    # One layer without attention or feed-forward weights: only the last layer norm's shift is left to share.
    model = encoder("bert")
    model.encoder.layer = model.encoder.layer[:1]
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if key.startswith("encoder") and not key.endswith("output.LayerNorm.weight"):
                parameter.zero_()
            if key == "encoder.layer.0.output.LayerNorm.bias":
                parameter.copy_(torch.linspace(-1, 1, len(parameter)))
            if key == "encoder.layer.0.attention.output.LayerNorm.weight":
                parameter.fill_(1.0)
        model.encoder.layer[0].attention.self.value.weight.copy_(torch.eye(24))
        model.encoder.layer[0].attention.output.dense.weight.copy_(torch.eye(24))
    done = trace(model, [IDS])
    shift = model.encoder.layer[0].output.LayerNorm.bias.detach()
    bare = decompose(done, "apart")[:, :-1]
    shared = decompose(done, "shared")
    for i in range(len(IDS)):
        products = [abs(float(bare[i, k] @ shift)) for k in range(len(IDS))]
        for k in range(len(IDS)):
            expected = bare[i, k] + products[k] / sum(products) * shift
            assert torch.allclose(shared[i, k], expected, atol=1e-4)


def test_padding_changes_no_share() -> None:
    model = encoder("bert")
    short = [2, 31, 5, 3]
    both = trace(model, [IDS, short])
    alone = trace(model, [short])
    target = torch.zeros(both.output.shape)
    target[1, : len(short)] = torch.randn(len(short), 24, generator=torch.Generator().manual_seed(3))
    shares, _ = pull_back(both, target)
    expected, _ = pull_back(alone, target[1:, : len(short)])
    assert torch.allclose(shares[1, : len(short)], expected[0], atol=1e-5)
    assert not shares[1, len(short) :].any()
    assert not shares[0].any()


def test_the_full_decomposition_takes_one_text() -> None:
    with pytest.raises(InvalidInput, match="one text"):
        decompose(trace(encoder("bert"), [IDS, IDS]))


@pytest.mark.parametrize(
    "model",
    [
        DistilBertModel(DistilBertConfig(vocab_size=9, dim=8, n_layers=1, n_heads=2, hidden_dim=8)),
        BertModel(
            BertConfig(
                vocab_size=9,
                hidden_size=8,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=8,
                hidden_act="sigmoid",
            )
        ),
    ],
    ids=["distilbert", "sigmoid"],
)
def test_a_model_that_cannot_be_taken_apart_is_refused(model: Any) -> None:
    with pytest.raises(ModelUnusable):
        layers_of(model)
