"""What an upstream's response says: text and usage, whole or from its chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..llm import LLMFailed, Usage, usage_in

__all__ = ["Reply"]


@dataclass(slots=True)
class Reply:
    """The first choice's text, whether it calls tools, and the usage."""

    usage: Usage = field(default_factory=Usage)
    calls_tools: bool = False
    _pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What was answered; empty where tools are called instead."""
        return "".join(self._pieces)

    @classmethod
    def of(cls, response: Mapping[str, Any]) -> Reply:
        """From a whole response. Raises LLMFailed where it is none."""
        choices = response.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            raise LLMFailed("the endpoint's answer holds no choice", hint="check TERSUS_LLM_BASE_URL")
        reply = cls(usage_in(response.get("usage")))
        reply._say(choices[0].get("message"))
        return reply

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Take a chunk of a stream in."""
        if isinstance(chunk.get("usage"), Mapping):
            self.usage = usage_in(chunk["usage"])
        for choice in chunk.get("choices") or ():
            if isinstance(choice, Mapping) and not choice.get("index"):
                self._say(choice.get("delta"))

    def _say(self, message: Any) -> None:
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, str):
            self._pieces.append(content)
        if isinstance(message, Mapping) and (message.get("tool_calls") or message.get("function_call")):
            self.calls_tools = True
