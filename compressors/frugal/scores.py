"""One score a token, by each of the methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ...errors import InvalidInput
from .globenc import globenc
from .pagerank import pagerank
from .pullback import pull_back
from .trace import Trace, trace

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from ..models.encoder import TextEncoder
    from .windows import Window

__all__ = ["Scorer", "token_scores"]

Scorer = Literal["query", "decompx", "globenc", "pagerank"]

_BATCH_TOKENS = 1024


def token_scores(
    encoder: TextEncoder, windows: Sequence[Window], queries: Sequence[str], scorer: Scorer
) -> list[NDArray[np.float64]]:
    """For each window the scores of the passage's tokens in it, float64 [len(window.offsets)].

    - ``query``: the token's exact share of the cosine between ``queries[i]`` and window ``i``, by DecompX,
      times the window's tokens: on average the cosine itself, so that windows of any length compare.
    - ``decompx``: its share of the pooled output's own length, times the window's tokens.
    - ``globenc``: its weight in the [CLS] row, or, for an encoder that pools by the mean, in the mean of
      all rows, of the rolled out norms; times the window's tokens.
    - ``pagerank``: by the attention of the last layer, times the window's tokens.

    Args:
        encoder: of the BERT or RoBERTa type.
        windows: what it reads.
        queries: one for each window; only ``query`` reads them.
        scorer: the method.
    """
    import torch

    pad = encoder.pad_id
    order = sorted(range(len(windows)), key=lambda i: -len(windows[i].ids))
    found: dict[int, NDArray[np.float64]] = {}
    asked = _vectors(encoder, queries) if scorer == "query" else {}
    start = 0
    while start < len(order):
        size = max(1, _BATCH_TOKENS // len(windows[order[start]].ids))
        rows = order[start : start + size]
        start += size
        done = trace(encoder.model, [windows[i].ids for i in rows], pad)
        with torch.inference_mode():
            towards = torch.stack([asked[queries[i]] for i in rows]) if asked else None
            scores = _scores(done, encoder.settings.pooling, scorer, towards)
            scores = (scores * done.mask.sum(1, keepdim=True)).double().cpu()
        for row, i in zip(scores, rows, strict=True):
            first = windows[i].first
            found[i] = row[first : first + len(windows[i].offsets)].numpy()
    return [found[i] for i in range(len(windows))]


def _scores(done: Trace, pooling: str, scorer: Scorer, towards: torch.Tensor | None) -> torch.Tensor:
    if scorer == "globenc":
        weights = pool_weights(done.mask, pooling)
        return (weights[:, None] @ globenc(done)).squeeze(1)
    if scorer == "pagerank":
        return pagerank(done)
    weights = pool_weights(done.mask, pooling)[:, :, None]
    pooled = (weights * done.output).sum(1)
    length = pooled.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    direction = pooled / length if towards is None else towards.to(pooled)
    return pull_back(done, weights * (direction / length)[:, None])[0]


def pool_weights(mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """How much of each token's output is in the text's vector, [n, t], rows summing to 1.

    Raises:
        InvalidInput: a pooling that is not known.
    """
    import torch

    if pooling == "mean":
        return mask / mask.sum(1, keepdim=True)
    if pooling not in ("cls", "lasttoken"):
        raise InvalidInput(f"no pooling is called {pooling!r}")
    at = torch.zeros_like(mask[:, 0]).long() if pooling == "cls" else mask.sum(1).long() - 1
    return torch.nn.functional.one_hot(at, mask.shape[1]).to(mask)


def _vectors(encoder: TextEncoder, queries: Sequence[str]) -> dict[str, torch.Tensor]:
    import torch

    distinct = list(dict.fromkeys(queries))
    vectors = encoder.encode(distinct, prompt=encoder.prompts.get("query", ""))
    return dict(zip(distinct, torch.from_numpy(vectors).to(encoder.model.device), strict=True))
