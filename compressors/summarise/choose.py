"""Summarisers by name."""

from __future__ import annotations

from ...errors import InvalidInput
from .types import Summariser

__all__ = ["load_summariser"]


def load_summariser(wanted: str | Summariser = "extractive") -> Summariser:
    """The summariser that a setting stands for; an instance comes back as it is. No weights are loaded.

    - ``extractive``: the most central sentences, verbatim; no language model.
    - ``local`` or ``local:NAME``: a causal model on this machine (smollm2, a folder or a hub name).
    - ``seq2seq:NAME``: a sequence-to-sequence model (T5, BART ...) by folder or hub name.

    The last two are checked against the texts. A LlamaIndex LLM goes into ``GenerativeSummariser(llm)``.

    Raises:
        InvalidInput: none of these.
    """
    if not isinstance(wanted, str):
        if not callable(getattr(wanted, "summarise", None)):
            raise InvalidInput(
                f"a summariser has a method summarise, {type(wanted).__name__} has none",
                hint="wrap a LlamaIndex LLM: GenerativeSummariser(llm)",
            )
        return wanted
    kind, _, model = (part.strip() for part in wanted.partition(":"))
    if wanted == "extractive":
        from .extractive import ExtractiveSummariser

        return ExtractiveSummariser()
    if kind == "local":
        from .generative import GenerativeSummariser

        return GenerativeSummariser(model or "smollm2")
    if kind == "seq2seq" and model:
        from .seq2seq import Seq2SeqSummariser

        return Seq2SeqSummariser(model)
    raise InvalidInput(
        f"there is no summariser {wanted!r}",
        hint="extractive, local, local:NAME, seq2seq:NAME, or an instance",
    )
