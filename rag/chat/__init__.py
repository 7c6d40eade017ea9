"""The drop-in for OpenAI's chat API: what it retrieves, compresses, sends on, and records."""

from __future__ import annotations

from .ask import ChatAsk, Opened, most_tokens
from .chat import Chat
from .upstream import UpstreamBusy, UpstreamRefused

__all__ = ["Chat", "ChatAsk", "Opened", "UpstreamBusy", "UpstreamRefused", "most_tokens"]
