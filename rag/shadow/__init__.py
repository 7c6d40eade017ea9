"""Shadow checks: whether answers stay what they were with the full context, and backing off where not.

For a share of the queries, of the pipeline and of the drop-in for OpenAI's API, the answer with the full
context is generated too, in the background. Agreement is the mean of token F1 (SQuAD's normal form) and the
cosine of both answers' embeddings, each in 0..1. Once there are enough comparisons, and the lower confidence
bound of their mean is below the limit, the next safer budget is used for that collection, compressor and
budget; the way back is by the same rule.
"""

from __future__ import annotations

from .agreement import Agreement, lower_bound
from .backoff import Backoff
from .ladder import ladder
from .pipeline import ShadowedPipeline
from .repository import ShadowKey, ShadowRepository, Standing

__all__ = [
    "Agreement",
    "Backoff",
    "ShadowKey",
    "ShadowRepository",
    "ShadowedPipeline",
    "Standing",
    "ladder",
    "lower_bound",
]
