"""A causal language model and its tokenizer, loaded once a process and shared.

Both the compressors that read a model's inside and the language model that
answers take it from here, so that the weights stand in memory once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput
from .fingerprint import fingerprint_folder
from .hugging_face import whole_transformers
from .runtime import loading, pick_device, pick_dtype, well_formed
from .store import find_model, model_folder

if TYPE_CHECKING:
    import torch

__all__ = ["CausalModel", "load_causal"]

# Ends of a turn that tokenizers of chat models carry beside their declared end of text.
_TURN_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<end_of_turn>", "<|end|>")


class CausalModel:
    """A decoder by alias, path or hub name. Cheap to make; each part loads when first used.

    ``model`` is in evaluation mode and never changed. Forward passes may run in
    several threads as long as each has a cache of its own; hold ``lock`` around
    anything that sets state on the model, and where two passes at once would
    only fight for the same cores.

    The ModelMissing and ModelUnusable errors come at first use.
    """

    def __init__(
        self, name: str | os.PathLike[str] = "smollm2", device: str = "auto", dtype: str = "auto"
    ) -> None:
        self.name = os.fspath(name)
        self.lock = threading.Lock()
        self._device_name = device
        self._dtype_name = dtype
        self._load_lock = threading.RLock()
        self._model: Any = None
        self._tokenizer: Any = None

    @cached_property
    def folder(self) -> Path:
        """Where the model's files lie."""
        return model_folder(self.name)

    @cached_property
    def fingerprint(self) -> str:
        """The model's name and a hash of its files."""
        name = Path(self.name).name if isinstance(find_model(self.name), Path) else self.name
        return f"{name}-{fingerprint_folder(self.folder)}"

    @cached_property
    def device(self) -> torch.device:
        """Where the weights stand."""
        return pick_device(self._device_name)

    @cached_property
    def config(self) -> Any:
        """The text model's configuration, read without the weights."""
        with loading(self.folder, "a language model"):
            return (
                whole_transformers()
                .AutoConfig.from_pretrained(self.folder, local_files_only=True)
                .get_text_config()
            )

    @property
    def context_window(self) -> int:
        """Most tokens of prompt and answer together.

        Raises:
            InvalidInput: the configuration names no number of positions.
        """
        for key in ("max_position_embeddings", "n_positions", "max_seq_len"):
            if value := getattr(self.config, key, None):
                return int(value)
        raise InvalidInput(f"the configuration of {self.name} names no context window")

    @property
    def model(self) -> Any:
        """The weights: bfloat16 on CUDA, float32 elsewhere, unless asked otherwise."""
        with self._load_lock:
            if self._model is None:
                dtype = pick_dtype(self._dtype_name, self.device, on_cuda="bfloat16")
                with loading(self.folder, "a language model"):
                    model: Any = whole_transformers().AutoModelForCausalLM.from_pretrained(
                        self.folder, dtype=dtype, local_files_only=True
                    )
                self._model = model.to(self.device).eval()
            return self._model

    @property
    def tokenizer(self) -> Any:
        """The model's own tokenizer, loaded without the weights."""
        with self._load_lock:
            if self._tokenizer is None:
                with loading(self.folder, "a language model"):
                    self._tokenizer = whole_transformers().AutoTokenizer.from_pretrained(
                        self.folder, local_files_only=True
                    )
            return self._tokenizer

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end an answer."""
        own = self.config.eos_token_id
        if (self.folder / "generation_config.json").is_file():
            generation = whole_transformers().GenerationConfig.from_pretrained(
                self.folder, local_files_only=True
            )
            own = generation.eos_token_id or own
        ids = {own} if isinstance(own, int) else set(own or ())
        ids.add(self.tokenizer.eos_token_id)
        special = self.tokenizer.added_tokens_encoder
        ids.update(special[token] for token in _TURN_ENDS if token in special)
        return frozenset(i for i in ids if i is not None)

    @cached_property
    def digit_ids(self) -> frozenset[int]:
        """Tokens that are nothing but digits, with or without a blank before them."""
        vocabulary = self.tokenizer.get_vocab()
        return frozenset(i for token, i in vocabulary.items() if token.lstrip("\u0120\u2581").isdecimal())

    def count_tokens(self, text: str) -> int:
        """Number of tokens of ``text`` alone, without special tokens around it."""
        return len(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``, none added around it; a mark such as ``<|im_end|>`` within is one token."""
        with self._load_lock:  # a tokenizer's settings are state
            ids: list[int] = self.tokenizer(well_formed(text), add_special_tokens=False, verbose=False)[
                "input_ids"
            ]
        return ids

    @property
    def has_chat_template(self) -> bool:
        """Whether the tokenizer says how a conversation is written."""
        return bool(self.tokenizer.chat_template)

    def encode_chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of a conversation ({"role", "content"}), ending where the assistant's turn begins.

        Special tokens that stand in a message as text are broken up by a blank:
        a passage that holds ``<|im_end|>`` must not end the user's turn.
        """
        from jinja2 import TemplateError

        plain = [{"role": m["role"], "content": self._defused(m["content"])} for m in messages]
        try:
            text = self._render(plain)
        except TemplateError:
            # Some templates refuse system messages: say them at the head of the next turn.
            text = self._render(_without_system(plain))
        return self.encode(text)

    def _render(self, messages: list[dict[str, str]]) -> str:
        return str(self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))

    def _defused(self, text: str) -> str:
        # Only the special ones: some vocabularies add plain words or line ends, too.
        for token in (t.content for t in self.tokenizer.added_tokens_decoder.values() if t.special):
            if len(token) > 1 and token in text:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    told, rest = [], []
    for message in messages:
        if message["role"] == "system":
            told.append(message["content"])
        elif told:
            rest.append({**message, "content": "\n\n".join([*told, message["content"]])})
            told = []
        else:
            rest.append(message)
    return rest or [{"role": "user", "content": "\n\n".join(told)}]


_models: dict[tuple[str, str, str], CausalModel] = {}
_models_lock = threading.Lock()


def load_causal(
    name: str | os.PathLike[str] = "smollm2", device: str = "auto", dtype: str = "auto"
) -> CausalModel:
    """The process' one model of that name, device and number format; loaded once, at first use.

    Raises:
        ModelMissing: an alias is not installed, or a path does not exist.
    """
    key = (str(find_model(name)), device, dtype)
    with _models_lock:
        if key not in _models:
            _models[key] = CausalModel(name, device, dtype)
        return _models[key]
