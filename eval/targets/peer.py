"""LlamaIndex's own sentence optimizer, with the embedding model that the baseline uses: the peer in time."""

from __future__ import annotations

from collections.abc import Callable

from ..data import Example
from .timing import Contender

__all__ = ["PEER", "sentence_optimizer"]

PEER = "SentenceEmbeddingOptimizer"


def sentence_optimizer(model: str = "minilm", percentile_cutoff: float = 0.25) -> Contender:
    """``SentenceEmbeddingOptimizer`` as released, over a local embedding, its own sentence splitter included.

    It gets a passage a node, without the titles, which the compressors do read: that spares it work. It
    changes the nodes that it is given, so that each call has nodes and a query of its own, made off the
    clock.

    Raises:
        ModelMissing: the embedding model is not installed.
    """
    from llama_index.core.postprocessor import SentenceEmbeddingOptimizer
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    from ...rag.embedding import load_embedding

    optimizer = SentenceEmbeddingOptimizer(
        embed_model=load_embedding(model), percentile_cutoff=percentile_cutoff
    )

    def prepare(example: Example) -> Callable[[], object]:
        # Text without a sentence makes it raise.
        nodes = [NodeWithScore(node=TextNode(text=p.text)) for p in example.passages if p.text.strip()]
        query = QueryBundle(example.question)
        return lambda: optimizer.postprocess_nodes(nodes, query_bundle=query)

    return prepare
