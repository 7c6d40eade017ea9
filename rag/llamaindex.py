"""The LlamaIndex door: compression as a node postprocessor, in any query engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from llama_index.core.bridge.pydantic import ConfigDict, Field, PlainSerializer, PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, ImageNode, MetadataMode, NodeWithScore, QueryBundle
from pydantic import PlainValidator

from ..compressors import (
    Budget,
    CompressedPassage,
    Compressor,
    Passage,
    Protection,
    Renderer,
    TokenCounter,
    load_compressor,
    load_counter,
)
from ..compressors.calibration_json import calibration_dict, read_calibration
from .failopen import Context, compress_or_original
from .llamaindex_ledger import PostprocessorLedger
from .risk import Resolved, resolve_budget

__all__ = ["METADATA_KEY", "TersusPostprocessor", "copied", "is_text", "passage_of"]

METADATA_KEY = "tersus"
"""Where the account of the compression stands in each node's metadata; hidden from LLM and embedding."""

# LlamaIndex stores its components as JSON. Any: pydantic stumbles over the dataclass's field ``date: date``.
_Calibration = Annotated[Any, PlainValidator(read_calibration), PlainSerializer(calibration_dict)]


class TersusPostprocessor(BaseNodePostprocessor):
    """Shrinks retrieved nodes to what the question needs.

    >>> engine = index.as_query_engine(
    ...     node_postprocessors=[TersusPostprocessor(ratio=0.25)]
    ... )  # doctest: +SKIP

    Nodes given are never changed: copies come back, with their ids and scores, in the order
    given, without those of which nothing is left. ``metadata["tersus"]`` of each holds the
    spans kept (offsets into the original text) and the tokens of the whole call before and
    after, counted as LlamaIndex sends them, with their metadata. Nodes without text, and those
    with a picture or a recording, pass through. Where compression fails, saves nothing or
    would leave nothing, or its row cannot be written, the original nodes come back. Sync and async;
    safe to share between threads. Options are set once, here: a wrong or unknown one is refused. A ``risk``
    needs a calibration: one that is given, or that ``tersus calibrate`` stored in the settings'
    database for ``collection`` or for any, or that comes with the compressor.
    """

    model_config = ConfigDict(extra="forbid")

    compressor: str = Field(default="exit", frozen=True, description="Name of an installed compressor.")
    ratio: float | None = Field(default=None, frozen=True, description="Share of the tokens to keep.")
    max_tokens: int | None = Field(default=None, frozen=True, description="Most tokens of context to keep.")
    risk: float | _Calibration | None = Field(
        default=None, frozen=True, description="Share of questions that may lose their answer."
    )
    collection: str | None = Field(
        default=None, frozen=True, description="Whose calibration is used; that for any collection otherwise."
    )
    keep: list[str] = Field(
        default_factory=list, frozen=True, description="Regular expressions; text that they match stays."
    )
    protect_titles: bool = Field(
        default=False, frozen=True, description="What is kept of a text brings the heading that opens it."
    )
    protect_headings: bool = Field(
        default=False, frozen=True, description="What is kept brings the headings of its section."
    )
    protect_antecedents: bool = Field(
        default=False,
        frozen=True,
        description="A kept sentence that begins with a pronoun brings the first of its passage.",
    )
    tokenizer: str = Field(
        default="cl100k", frozen=True, description="cl100k, o200k, a folder or a hub name."
    )
    ledger: bool | str = Field(
        default=False,
        frozen=True,
        description="Write a row a call: True into the settings' database, or into that of this address.",
    )
    timeout: float = Field(default=20.0, gt=0, description="Seconds; then the original nodes are used.")
    options: dict[str, Any] = Field(
        default_factory=dict, frozen=True, description="Options of the compressor."
    )

    _compressor: Compressor = PrivateAttr()
    _budget: Budget = PrivateAttr()
    _resolved: Resolved = PrivateAttr()
    _protection: Protection = PrivateAttr()
    _counter: TokenCounter = PrivateAttr()
    _ledger: PostprocessorLedger | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any) -> None:
        """Refuse a wrong name, budget or pattern here, not in the middle of a query."""
        super().model_post_init(context)
        self._compressor = load_compressor(self.compressor, **self.options)
        self._budget = Budget(ratio=self.ratio, max_tokens=self.max_tokens, risk=self.risk)
        self._resolved = Resolved(self._budget)
        if self.risk is not None:
            from .settings import load_settings

            self._resolved = resolve_budget(
                self._budget, self._compressor, load_settings(), collection=self.collection
            )
        self._protection = Protection(
            keep=self.keep,
            titles=self.protect_titles,
            headings=self.protect_headings,
            antecedents=self.protect_antecedents,
        )
        self._counter = load_counter(self.tokenizer)
        if self.ledger:
            self._ledger = PostprocessorLedger(None if self.ledger is True else self.ledger)

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex stores the object under."""
        return "TersusPostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = query_bundle.query_str if query_bundle else ""
        texts = {number: node.node for number, node in enumerate(nodes) if is_text(node.node)}
        if not texts or not self._compressor.accepts(query):
            return nodes
        passages = {number: passage_of(number, node) for number, node in texts.items()}
        context = compress_or_original(
            self._compressor,
            query,
            list(passages.values()),
            self._resolved.budget,
            counter=self._counter,
            renderer=_renderer(texts),
            timeout=self.timeout,
            protection=self._protection,
        )
        if self._ledger is not None and not self._ledger.wrote(
            query, context, self._counter, self.collection, self.compressor, str(self._budget)
        ):
            return nodes
        if context.outcome != "compressed" or not context.text:
            return nodes
        context = self._resolved.noted(context)
        by_number = dict(zip(passages, context.passages, strict=True))
        return [
            copied(node, by_number[number], self._account(context, by_number[number]))
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
            "sources": [asdict(sentence) for sentence in passage.sentences],
            "tokens_before": context.tokens_before,
            "tokens_after": context.tokens_after,
            "seconds": context.seconds,
            "reason": context.reason,
        }


def is_text(node: BaseNode) -> bool:
    """Whether there is text and nothing else that would be lost with it."""
    if isinstance(node, ImageNode) or any(getattr(node, medium, None) for medium in _MEDIA):
        return False
    return bool(node.get_content(metadata_mode=MetadataMode.NONE))


_MEDIA = ("image_resource", "audio_resource", "video_resource")


def passage_of(number: int, node: BaseNode) -> Passage:
    """The node as compressors take it, under its number."""
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


def copied(given: NodeWithScore, passage: CompressedPassage, account: dict[str, Any]) -> NodeWithScore:
    """A copy of the node with the passage's text and the account in its metadata."""
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
