"""A request of the drop-in, as it came and as it is sent on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...compressors import Budget
from ..account import Account
from ..shadow.watcher import Seen
from .prepare import Sent

if TYPE_CHECKING:
    from ...compressors import TokenCounter

__all__ = ["ChatAsk", "Opened", "most_tokens", "said"]


@dataclass(frozen=True, slots=True)
class ChatAsk:
    """A request: the body as it came, and how its context is to be treated.

    Args:
        model: the upstream's name of the model; the settings' one where empty.
        collection: where passages are retrieved from; None: only what the conversation holds is compressed.
        compress: False: nothing is.
    """

    body: Mapping[str, Any]
    model: str = ""
    collection: str | None = None
    compressor: str | None = None
    budget: Budget | None = None
    compress: bool = True
    top_k: int | None = None


@dataclass(slots=True)
class Opened:
    """A request whose row is open: what is sent on, and its worth; ``seen`` where it may be compared."""

    account: Account
    sent: Sent
    body: dict[str, Any]
    prompt_tokens: int
    counter: TokenCounter
    wants_usage: bool
    ask: ChatAsk
    seen: Seen | None = None

    def headers(self) -> dict[str, str]:
        """What the response says of the saving."""
        context = self.sent.context
        return {
            "x-tersus-query-id": self.account.id,
            "x-tersus-tokens-before": str(context.tokens_before),
            "x-tersus-tokens-after": str(context.tokens_after),
            "x-tersus-outcome": context.outcome,
        }


def most_tokens(ask: ChatAsk, counter: TokenCounter, chunk_tokens: int, top_k: int) -> tuple[int, int]:
    """The most tokens that a request reads and writes, about: for a budget."""
    body = ask.body
    read = sum(counter(text) for m in body["messages"] if (text := said(m)))
    read += (ask.top_k or top_k) * chunk_tokens if ask.collection is not None else 0
    written = body.get("max_completion_tokens") or body.get("max_tokens") or _UNBOUNDED
    return read + _PROMPT, written * int(body.get("n") or 1)


_UNBOUNDED, _PROMPT = 4096, 256


def said(message: Mapping[str, Any]) -> str:
    """The text of a message, its parts by lines."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    pieces = content if isinstance(content, list) else ()
    return "\n".join(str(p["text"]) for p in pieces if isinstance(p, Mapping) and "text" in p)
