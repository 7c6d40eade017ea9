"""LlamaIndex's sentence optimizer as a compressor: what its users have today."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..compressors import CompressedPassage, Compressor, Draft, Passage, SourcedSentence, Task
from ..errors import InvalidInput

__all__ = ["SentenceOptimizerCompressor"]


class SentenceOptimizerCompressor(Compressor):
    """``SentenceEmbeddingOptimizer`` as released, a passage a node, without neighbours of the sentences kept.

    It keeps a share of the *sentences* of each passage, so that the share of tokens is only near the ratio,
    and writes them in the order of their similarity: what it sends counts as rewritten, without
    offsets. A passage with too few sentences for the ratio, on which it raises, keeps its best one.
    """

    name: ClassVar[str] = "sentence-optimizer"
    summary: ClassVar[str] = "LlamaIndex's SentenceEmbeddingOptimizer"

    def __init__(self, model: str = "minilm") -> None:
        self._embedding = model

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        return [self._one(task) for task in tasks]

    def _one(self, task: Task) -> Draft:
        ratio = task.budget.ratio
        if ratio is None:
            raise InvalidInput("the sentence optimizer takes a ratio alone", hint="give ratio=0.25")
        return Draft([self._passage(task.query, n, p, ratio) for n, p in enumerate(task.passages)])

    def _passage(self, query: str, number: int, passage: Passage, ratio: float) -> CompressedPassage:
        from llama_index.core.postprocessor import SentenceEmbeddingOptimizer
        from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

        from ..compressors.segment import split
        from ..rag.embedding import load_embedding

        if not passage.text.strip():
            return CompressedPassage.of(passage, [])
        sentences = [passage.text[s.start : s.end] for s in split(passage.text)]
        optimizer = SentenceEmbeddingOptimizer(
            embed_model=load_embedding(self._embedding),
            percentile_cutoff=max(ratio, 1.0 / len(sentences) + 1e-9),
            context_before=0,
            context_after=0,
            tokenizer_fn=lambda _: sentences,
        )
        nodes = optimizer.postprocess_nodes(
            [NodeWithScore(node=TextNode(text=passage.text))], query_bundle=QueryBundle(query)
        )
        text = nodes[0].node.get_content()
        return CompressedPassage.rewritten(passage, [SourcedSentence(text, (number,))])
