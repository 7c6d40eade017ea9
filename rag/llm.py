"""The language model that answers, and what it says of the tokens it read and wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..compressors import TokenCounter, load_counter
from ..errors import TersusError
from .settings import InvalidSettings, Settings

if TYPE_CHECKING:
    from llama_index.core.llms import LLM, ChatResponse

__all__ = [
    "LLMFailed",
    "LLMTimeout",
    "Usage",
    "load_llm",
    "target_model",
    "target_tokenizer",
    "tokenizer_of",
    "usage_in",
    "usage_of",
]


class LLMFailed(TersusError):
    """The language model raised an error or gave no answer."""

    code = "llm_failed"


class LLMTimeout(LLMFailed):
    """The language model did not answer within its time limit."""

    code = "llm_timeout"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None


def load_llm(settings: Settings) -> LLM:
    """The LLM of the settings: an OpenAI-compatible endpoint, or a local model.

    Raises:
        InvalidSettings: an endpoint without a model's name.
        ModelMissing: the local model is not installed (raised at its first use).
    """
    if settings.llm_base_url is None:
        from .local_llm import LocalLLM

        return LocalLLM(model=settings.llm_model, max_new_tokens=settings.llm_max_tokens)
    if settings.llm_model == "smollm2":
        raise InvalidSettings(
            "llm_base_url is set, and llm_model is not",
            hint="set TERSUS_LLM_MODEL to the endpoint's name for the model, such as gpt-4.1-mini",
        )
    from httpx import Limits
    from llama_index.llms.openai_like import OpenAILike
    from openai import DefaultAsyncHttpxClient

    # A connection kept alive belongs to the event loop that made it: used from the next one it fails
    # after the request went out, and the retry pays for the answer a second time.
    unkept = Limits(max_connections=1000, max_keepalive_connections=0)
    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else "none"
    llm: LLM = OpenAILike(
        model=settings.llm_model,
        api_base=settings.llm_base_url,
        api_key=key,
        is_chat_model=True,
        context_window=settings.llm_context_window,
        max_tokens=settings.llm_max_tokens,
        temperature=0.0,
        timeout=settings.llm_timeout,
        max_retries=1,
        async_http_client=DefaultAsyncHttpxClient(limits=unkept),
    )
    return llm


def target_model(settings: Settings, llm: LLM | None = None) -> tuple[str, bool]:
    """The model that the tokens are meant for (``llm``'s, else the settings'), and whether it runs here."""
    if llm is None:
        return settings.llm_model, settings.llm_base_url is None
    from .local_llm import LocalLLM

    if isinstance(llm, LocalLLM):  # its metadata would need the model's files
        return llm.model, True
    return llm.metadata.model_name, False


def target_tokenizer(settings: Settings, llm: LLM | None = None, *, substitute: bool = False) -> TokenCounter:
    """The counter for :func:`target_model`'s model; arguments and errors as for :func:`tokenizer_of`."""
    return tokenizer_of(settings, *target_model(settings, llm), substitute=substitute)


def tokenizer_of(settings: Settings, model: str, local: bool, *, substitute: bool = False) -> TokenCounter:
    """The counter for a model, which runs here where ``local``.

    ``settings.tokenizer`` where given. A local model's own; an endpoint's by its name:
    cl100k for gpt-4 and gpt-3.5, o200k for everything newer or unknown. The name of the
    counter is recorded beside every count. ``substitute``: where the local model is not
    installed and will not be called either, count with cl100k.

    Raises:
        ModelMissing, TokenizerMissing: the local model or tokenizer is not here.
    """
    if settings.tokenizer:
        return load_counter(settings.tokenizer)
    if local:
        from ..compressors.models.store import ModelMissing, model_folder

        try:
            return load_counter(str(model_folder(model)), label=model)
        except ModelMissing:
            if substitute:
                return load_counter("cl100k")
            raise
    name = model.rsplit("/", 1)[-1]
    old = name.startswith(("gpt-3.5", "gpt-4")) and not name.startswith(("gpt-4o", "gpt-4.1", "gpt-4.5"))
    return load_counter("cl100k" if old else "o200k")


def usage_of(response: ChatResponse) -> Usage:
    """The provider's ``usage``, in the form that OpenAI made common."""
    return usage_in(_get(response.raw, "usage") or response.additional_kwargs)


def usage_in(usage: Any) -> Usage:
    """The counts in a ``usage``; None where there is none, or nonsense."""
    details = _get(usage, "prompt_tokens_details")
    return Usage(
        prompt_tokens=_count(_get(usage, "prompt_tokens")),
        cached_tokens=_count(_get(details, "cached_tokens")),
        completion_tokens=_count(_get(usage, "completion_tokens")),
    )


def _get(source: Any, name: str) -> Any:
    return source.get(name) if isinstance(source, dict) else getattr(source, name, None)


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < 2**63 else None  # more is nonsense, and SQL could not hold it
