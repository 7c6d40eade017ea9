"""The LlamaIndex door: compression as a node postprocessor, in any query engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, ImageNode, MetadataMode, NodeWithScore, QueryBundle

from ..compressors import (
    Budget,
    CompressedPassage,
    Compressor,
    Passage,
    Renderer,
    TokenCounter,
    load_compressor,
    load_counter,
)
from .failopen import Context, compress_or_original

__all__ = ["METADATA_KEY", "TersusPostprocessor"]

METADATA_KEY = "tersus"
"""Where the account of the compression stands in each node's metadata; hidden from LLM and embedding."""


class TersusPostprocessor(BaseNodePostprocessor):
    """Shrinks retrieved nodes to what the question needs.

    >>> engine = index.as_query_engine(
    ...     node_postprocessors=[TersusPostprocessor(compressor="similarity", ratio=0.25)]
    ... )  # doctest: +SKIP

    Nodes given are never changed: copies come back, with their ids and scores, in the order
    given, without those of which nothing is left. ``metadata["tersus"]`` of each holds the
    spans kept (offsets into the original text) and the tokens of the whole call before and
    after, counted as LlamaIndex sends them, with their metadata. Nodes without text, and those
    with a picture or a recording, pass through. Where compression fails, saves nothing or
    would leave nothing, the original nodes come back. Sync and async; safe to share
    between threads. Options are set once, here: a wrong or unknown one is refused.
    """

    model_config = ConfigDict(extra="forbid")

    compressor: str = Field(default="similarity", frozen=True, description="Name of an installed compressor.")
    ratio: float | None = Field(default=None, frozen=True, description="Share of the tokens to keep.")
    max_tokens: int | None = Field(default=None, frozen=True, description="Most tokens of context to keep.")
    tokenizer: str = Field(
        default="cl100k", frozen=True, description="cl100k, o200k, a folder or a hub name."
    )
    timeout: float = Field(default=20.0, gt=0, description="Seconds; then the original nodes are used.")
    options: dict[str, Any] = Field(
        default_factory=dict, frozen=True, description="Options of the compressor."
    )

    _compressor: Compressor = PrivateAttr()
    _budget: Budget = PrivateAttr()
    _counter: TokenCounter = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """Refuse a wrong name or budget here, not in the middle of a query."""
        super().model_post_init(context)
        self._compressor = load_compressor(self.compressor, **self.options)
        self._budget = Budget(ratio=self.ratio, max_tokens=self.max_tokens)
        self._counter = load_counter(self.tokenizer)

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex stores the object under."""
        return "TersusPostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = query_bundle.query_str if query_bundle else ""
        texts = {number: node.node for number, node in enumerate(nodes) if _is_text(node.node)}
        if not texts or (self._compressor.needs_query and not query.strip()):
            return nodes
        passages = {number: _passage(number, node) for number, node in texts.items()}
        context = compress_or_original(
            self._compressor,
            query,
            list(passages.values()),
            self._budget,
            counter=self._counter,
            renderer=_renderer(texts),
            timeout=self.timeout,
        )
        if context.outcome != "compressed" or not context.text:
            return nodes
        by_number = dict(zip(passages, context.passages, strict=True))
        return [
            _copy(node, by_number[number], self._account(context, by_number[number]))
            if number in by_number
            else node
            for number, node in enumerate(nodes)
            if number not in by_number or by_number[number].text
        ]

    def _account(self, context: Context, passage: CompressedPassage) -> dict[str, Any]:
        return {
            "compressor": self.compressor,
            "budget": str(self._budget),
            "kept": None if passage.kept is None else [asdict(span) for span in passage.kept],
            "tokens_before": context.tokens_before,
            "tokens_after": context.tokens_after,
            "seconds": context.seconds,
            "reason": context.reason,
        }


def _is_text(node: BaseNode) -> bool:
    """Whether there is text and nothing else that would be lost with it."""
    if isinstance(node, ImageNode) or any(getattr(node, medium, None) for medium in _MEDIA):
        return False
    return bool(node.get_content(metadata_mode=MetadataMode.NONE))


_MEDIA = ("image_resource", "audio_resource", "video_resource")


def _passage(number: int, node: BaseNode) -> Passage:
    # The number, not the node's id: a retriever may hand over the same node twice.
    title = node.metadata.get("title") or node.metadata.get("document_title") or ""
    text = node.get_content(metadata_mode=MetadataMode.NONE)
    return Passage(text=text, id=str(number), title=str(title), document_id=node.ref_doc_id)


def _renderer(nodes: dict[int, BaseNode]) -> Renderer:
    """As LlamaIndex's synthesizers do it: each node with its metadata, an empty line between."""

    def render(passages: Sequence[CompressedPassage]) -> str:
        blocks = []
        for passage in passages:
            if passage.text:
                node = _with_text(nodes[int(passage.source.id)], passage.text)
                blocks.append(node.get_content(metadata_mode=MetadataMode.LLM))
        return "\n\n".join(blocks)

    return render


def _copy(given: NodeWithScore, passage: CompressedPassage, account: dict[str, Any]) -> NodeWithScore:
    node = _with_text(
        given.node,
        passage.text,
        metadata={**given.node.metadata, METADATA_KEY: account},
        excluded_llm_metadata_keys=[*given.node.excluded_llm_metadata_keys, METADATA_KEY],
        excluded_embed_metadata_keys=[*given.node.excluded_embed_metadata_keys, METADATA_KEY],
        relationships=dict(given.node.relationships),
    )
    return NodeWithScore(node=node, score=given.score)


def _with_text(node: BaseNode, text: str, **changes: Any) -> BaseNode:
    copy = node.model_copy(update=changes)
    copy.set_content(text)  # text nodes and documents keep it in different places
    return copy
