"""The node postprocessor that lets a running service do the work."""

from __future__ import annotations

import logging
from typing import Any

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from pydantic import SecretStr

from ..compressors import Budget, CompressedPassage, SourcedSentence, Span
from ..errors import TersusError
from .api.passages import PassageIn
from .api.queries import CompressResponse
from .client import AsyncTersusClient, TersusClient
from .llamaindex import copied, is_text, passage_of

__all__ = ["TersusServicePostprocessor"]

log = logging.getLogger(__name__)


class TersusServicePostprocessor(BaseNodePostprocessor):
    """Shrinks retrieved nodes as `TersusPostprocessor` does, in the service at ``base_url``.

    >>> engine = index.as_query_engine(
    ...     node_postprocessors=[TersusServicePostprocessor(base_url="http://127.0.0.1:8484", ratio=0.25)]
    ... )  # doctest: +SKIP

    The service writes a row of its ledger for each call; ``metadata["tersus"]["query_id"]`` of each node
    names it. Tokens are counted by the service, without the nodes' further metadata. Nodes given are never
    changed; where the service fails, is busy or cannot be reached, they come back as they are, and the log
    says so.
    """

    model_config = ConfigDict(extra="forbid")

    base_url: str = Field(default="http://127.0.0.1:8484", frozen=True, description="Of the service.")
    api_key: SecretStr | None = Field(default=None, frozen=True, description="Where it asks for one.")
    compressor: str | None = Field(default=None, frozen=True, description="The service's own by default.")
    ratio: float | None = Field(default=None, frozen=True, description="Share of the tokens to keep.")
    max_tokens: int | None = Field(default=None, frozen=True, description="Most tokens of context to keep.")
    timeout: float = Field(default=20.0, gt=0, description="Seconds; then the original nodes are used.")

    _client: TersusClient = PrivateAttr()
    _budget: Budget | None = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """Refuse a wrong budget here, not in the middle of a query."""
        super().model_post_init(context)
        given = self.ratio is not None or self.max_tokens is not None
        self._budget = Budget(ratio=self.ratio, max_tokens=self.max_tokens) if given else None
        self._client = TersusClient(self.base_url, self._key(), timeout=self.timeout, attempts=2)

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex stores the object under."""
        return "TersusServicePostprocessor"

    def _key(self) -> str | None:
        return self.api_key.get_secret_value() if self.api_key else None

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query, passages = _asked(nodes, query_bundle)
        if not passages:
            return nodes
        try:
            answer = self._client.compress(query, list(passages.values()), self.compressor, self._budget)
            return _shrunk(nodes, passages, answer)
        except TersusError as error:
            log.warning("the original nodes are used: %s", error)
            return nodes

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query, passages = _asked(nodes, query_bundle)
        if not passages:
            return nodes
        # A client of its own: its connections belong to the event loop that is running now.
        async with AsyncTersusClient(self.base_url, self._key(), timeout=self.timeout, attempts=2) as client:
            try:
                answer = await client.compress(query, list(passages.values()), self.compressor, self._budget)
                return _shrunk(nodes, passages, answer)
            except TersusError as error:
                log.warning("the original nodes are used: %s", error)
                return nodes


def _asked(nodes: list[NodeWithScore], query_bundle: QueryBundle | None) -> tuple[str, dict[int, PassageIn]]:
    """The question, and the passage of each node (by its number) that has a text and nothing besides."""
    passages = {}
    for number, node in enumerate(nodes):
        if is_text(node.node):
            passage = passage_of(number, node.node)
            passages[number] = PassageIn(text=passage.text, id=passage.id, title=passage.title[:10_000])
    return query_bundle.query_str if query_bundle else "", passages


def _shrunk(
    nodes: list[NodeWithScore], passages: dict[int, PassageIn], answer: CompressResponse
) -> list[NodeWithScore]:
    """Copies in the order given, without those of which nothing is left."""
    if answer.outcome != "compressed" or not answer.context:
        return nodes
    by_number = dict(zip(passages, answer.passages, strict=True))
    found = []
    for number, node in enumerate(nodes):
        if number not in by_number:
            found.append(node)
            continue
        one = by_number[number]
        if not one.text:
            continue
        kept = None if one.kept is None else [Span(s.start, s.end, s.score or 0.0) for s in one.kept]
        sentences = tuple(SourcedSentence(s.text, tuple(s.passages)) for s in one.sources)
        passage = CompressedPassage(passage_of(number, node.node), kept, one.text, sentences)
        account = {
            "compressor": answer.compressor,
            "budget": answer.budget,
            "kept": None if one.kept is None else [span.model_dump() for span in one.kept],
            "sources": [source.model_dump() for source in one.sources],
            "tokens_before": answer.tokens_before,
            "tokens_after": answer.tokens_after,
            "seconds": answer.seconds.compress,
            "reason": answer.reason,
            "query_id": answer.id,
        }
        found.append(copied(node, passage, account))
    return found
