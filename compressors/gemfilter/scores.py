"""One pass through the first layers: what the last token asks for, at every token before it.

Shi et al., 2024 (arXiv:2409.17422), algorithm 1: with the queries Q and keys K of layer r, rotary embedding
applied, token i scores ``sum over heads h of Q[h, last] . K[h, i]``; scores are average-pooled over five
neighbours, and the k best positions go on in their order. As in the released code: inner products, not
probabilities; layer numbers count from 0; zeros are pooled in beyond the ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import InvalidInput
from ..models.causal import CausalModel
from ..models.store import ModelUnusable
from .families import Reached, decoder_of, depends_on_length, partial_view

__all__ = ["check_layer", "pool", "select", "token_scores"]

_BATCH_TOKENS = {"cuda": 16384}
_BATCH_TOKENS_ELSEWHERE = 1024


def token_scores(
    causal: CausalModel,
    rows: Sequence[Sequence[int]],
    layers: Sequence[int],
    batch_tokens: int | None = None,
) -> list[NDArray[np.float32]]:
    """Scores of every token of every row before pooling, float32 [layers, tokens] for each row.

    One forward pass a batch, up to the last of ``layers`` and of that one no more than queries and keys; no
    key-value states are kept. The scores take memory for one query against all keys. Rows of like length run
    together, padded at their end, where no token before sees it; ``batch_tokens`` is the most tokens of a
    batch, padding included (one row may have more), by default 1,024, on CUDA 16,384.

    Raises:
        InvalidInput: an empty row, or a layer that the model does not have.
        ModelUnusable: a model whose attention cannot be read.
    """
    if not all(rows):
        raise InvalidInput("GemFilter needs at least one token")
    decoder = decoder_of(causal.model)
    for layer in layers:
        check_layer(layer, len(decoder.layers))
    most = batch_tokens or _BATCH_TOKENS.get(causal.device.type, _BATCH_TOKENS_ELSEWHERE)
    found: dict[int, NDArray[np.float32]] = {}
    for batch in _batches(rows, 0 if depends_on_length(decoder) else most):
        scores = _forward(causal, decoder, [rows[i] for i in batch], layers)
        found.update(zip(batch, scores, strict=True))
    return [found[i] for i in range(len(rows))]


def check_layer(layer: object, layers: int) -> int:
    """``layer``, where it is the number of one of ``layers`` layers.

    Raises:
        InvalidInput: it is not.
    """
    if isinstance(layer, bool) or not isinstance(layer, int) or not 0 <= layer < layers:
        raise InvalidInput(f"there is no layer {layer!r}", hint=f"this model has 0 to {layers - 1}")
    return layer


def pool(scores: NDArray[np.float32], kernel: int = 5) -> NDArray[np.float32]:
    """Averages over ``kernel`` neighbours along the last axis, an odd number; zeros stand beyond the ends.

    >>> pool(np.array([0, 0, 10, 0, 0], np.float32), 5).tolist()
    [2.0, 2.0, 2.0, 2.0, 2.0]
    """
    values = torch.from_numpy(np.ascontiguousarray(scores, dtype=np.float32))
    flat = values.reshape(-1, 1, values.shape[-1])
    pooled = torch.nn.functional.avg_pool1d(flat, kernel, stride=1, padding=kernel // 2)
    out: NDArray[np.float32] = pooled.reshape(values.shape).numpy()
    return out


def select(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """The ``k`` best positions (all, where there are fewer) in rising order; of equals the earlier."""
    best = np.argsort(-scores, kind="stable")[:k]
    return np.sort(best)


def _batches(rows: Sequence[Sequence[int]], most: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batch and (len(batch) + 1) * len(rows[i]) > most:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _forward(
    causal: CausalModel, decoder: torch.nn.Module, rows: Sequence[Sequence[int]], layers: Sequence[int]
) -> list[NDArray[np.float32]]:
    lengths = [len(row) for row in rows]
    ids = torch.zeros(len(rows), max(lengths), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
    last = torch.tensor(lengths, device=causal.device) - 1
    found: dict[int, torch.Tensor] = {}

    def read(layer: int, query: torch.Tensor, key: torch.Tensor) -> None:
        asked = query[torch.arange(len(rows), device=query.device), :, last].float()
        # Heads that share a key: the sum of their products is the product with the sum of their queries.
        asked = asked.reshape(len(rows), key.shape[1], -1, key.shape[-1]).sum(2)
        found[layer] = torch.stack(
            [(keys.float() @ one[..., None]).sum((0, 2)) for keys, one in zip(key, asked, strict=True)]
        )

    view = partial_view(decoder, {layer: partial(read, layer) for layer in layers})
    # The lock: two passes at once would only fight for the same cores.
    with causal.lock, torch.inference_mode():
        try:
            view(input_ids=ids.to(causal.device), use_cache=False)
        except Reached:
            pass
        else:
            raise ModelUnusable(
                f"the attention of {causal.name} does not go through transformers' common interface",
                hint="use a model of the Llama, Mistral, Qwen, Phi or Gemma families",
            )
        scores = torch.stack([found[n] for n in layers], dim=1).cpu().numpy()
    return [scores[number, :, :length].copy() for number, length in enumerate(lengths)]
