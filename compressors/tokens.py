"""Counting tokens as the target model does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from ..errors import InvalidInput, TersusError

__all__ = [
    "TokenCounter",
    "TokenizerMissing",
    "counter_name",
    "load_counter",
    "plain_counter",
    "remembering",
    "remembering_all",
    "valid_unicode",
]

TokenCounter = Callable[[str], int]
"""Number of tokens of a text, without the special tokens that a model adds around it."""

_OPENAI = {
    "cl100k": "cl100k_base",
    "cl100k_base": "cl100k_base",
    "o200k": "o200k_base",
    "o200k_base": "o200k_base",
}


class TokenizerMissing(TersusError):
    """No tokenizer of that name can be loaded here."""

    code = "tokenizer_missing"


def valid_unicode(text: str) -> str:
    """``text`` with lone surrogates replaced one for one, for libraries that want valid UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


class _Counter:
    def __init__(self, name: str, count: Callable[[str], int]) -> None:
        self.name = name
        self._count = count

    def __call__(self, text: str) -> int:
        return self._count(valid_unicode(text)) if text else 0

    def __repr__(self) -> str:
        return f"load_counter({self.name!r})"


class _Remembering:
    def __init__(self, counter: TokenCounter) -> None:
        self.name = counter_name(counter)
        self.counter = counter
        self.counts: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        found = self.counts.get(text)
        if found is None:
            found = self.counter(text)
            if len(text) >= _LONG and len(self.counts) < _REMEMBERED:
                self.counts[text] = found
        return found


_LONG, _REMEMBERED = 1000, 16


def remembering(counter: TokenCounter) -> TokenCounter:
    """The same counter, which remembers the long texts that it counts: for the length of one request.

    A context is counted before and after each step, and most steps leave the one or the other as it was.
    """
    return _Remembering(plain_counter(counter))


def remembering_all(counters: Sequence[TokenCounter]) -> TokenCounter:
    """One for requests that are worked on together: it knows what each of theirs has counted.

    All are of one :func:`plain_counter`.
    """
    if len(counters) == 1:
        return counters[0]
    together = _Remembering(plain_counter(counters[0]))
    for counter in counters:
        together.counts |= counter.counts if isinstance(counter, _Remembering) else {}
    return together


def plain_counter(counter: TokenCounter) -> TokenCounter:
    """The counter behind one that remembers; others are it already."""
    return counter.counter if isinstance(counter, _Remembering) else counter


def counter_name(counter: TokenCounter) -> str:
    """The name under which a count is recorded: the tokenizer's, or the callable's own."""
    return str(getattr(counter, "name", None) or getattr(counter, "__name__", None) or type(counter).__name__)


@lru_cache(maxsize=16)
def load_counter(name: str = "cl100k", *, label: str | None = None) -> TokenCounter:
    """A counter for a tokenizer.

    ``cl100k`` and ``o200k`` (OpenAI's) work offline. A local folder or
    ``tokenizer.json``, or a Hugging Face name, loads that model's tokenizer. ``label``
    is the name to record instead of a path.

    Raises:
        TokenizerMissing: nothing of that name is here or can be fetched.
    """
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"a tokenizer's name is needed, got {name!r}")
    if name in _OPENAI:
        import bpe_openai

        encoding = bpe_openai.get_encoding(_OPENAI[name])
        return _Counter(name.removesuffix("_base"), lambda text: len(encoding.encode_ordinary(text)))
    path = Path(name)
    file = path / "tokenizer.json" if path.is_dir() else path
    if file.is_file():
        from tokenizers import Tokenizer

        try:
            local = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare Exception
            raise TokenizerMissing(f"{file} is not a tokenizer: {error}") from error
        local.no_truncation()  # encoders' files carry a limit, which would undercount
        local.no_padding()
        return _Counter(
            label or name, lambda text: len(local.encode_batch_fast([text], add_special_tokens=False)[0].ids)
        )
    return _from_hub(name, label or name)


def _from_hub(name: str, label: str) -> TokenCounter:
    from .models.hugging_face import whole_transformers

    try:
        tokenizer = whole_transformers().AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise TokenizerMissing(
            f"no tokenizer {name!r}: not cl100k, o200k or a folder, and the hub did not give it",
            hint="use cl100k, o200k, a folder with tokenizer.json, or connect to the Hugging Face hub once",
        ) from error
    return _Counter(label, lambda text: len(tokenizer.encode(text, add_special_tokens=False)))
