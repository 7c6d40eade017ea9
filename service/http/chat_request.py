"""A request of the drop-in as Tersus understands it: model, collection, compressor and budget."""

from __future__ import annotations

from starlette.datastructures import Headers

from ...compressors import Budget
from ...errors import InvalidInput
from ...rag.api.chat import ChatRequest
from ...rag.chat import ChatAsk

__all__ = ["PREFIX", "ask_of", "budget_of"]

PREFIX = "tersus/"
_OFF, _ON = ("off", "0", "false", "no"), ("on", "1", "true", "yes")


def ask_of(body: ChatRequest, headers: Headers) -> ChatAsk:
    """From body and headers; the headers win.

    ``x-tersus-collection``, ``x-tersus-compressor``, ``x-tersus-budget``, ``x-tersus-compress: off``.

    Raises:
        InvalidInput: a header that cannot be understood.
    """
    collection, model = None, body.model
    if model.startswith(PREFIX):
        _, collection, model = [*model.split("/", 2), ""][:3]
    collection = headers.get("x-tersus-collection") or collection
    compress = headers.get("x-tersus-compress", "on").strip().lower()
    if compress not in (*_OFF, *_ON):
        raise InvalidInput(f"x-tersus-compress is {compress!r:.40}", hint="send on or off")
    budget = headers.get("x-tersus-budget")
    return ChatAsk(
        body=body.model_dump(exclude_unset=True),
        model=model,
        collection=None if collection in (None, "", "-") else collection,
        compressor=headers.get("x-tersus-compressor") or None,
        budget=budget_of(budget) if budget else None,
        compress=compress in _ON,
    )


def budget_of(text: str) -> Budget:
    """``ratio=0.25``, ``max_tokens=500``, ``risk=0.05`` or ``adaptive``. Raises InvalidInput."""
    name, _, value = text.strip().partition("=")
    try:
        if name == "adaptive" and not value:
            return Budget()
        if name == "ratio":
            return Budget(ratio=float(value))
        if name == "risk":
            return Budget(risk=float(value))
        if name == "max_tokens":
            return Budget(max_tokens=int(value))
    except ValueError:
        pass
    raise InvalidInput(
        f"the budget is {text!r:.60}", hint="send ratio=0.25, max_tokens=500, risk=0.05 or adaptive"
    )
