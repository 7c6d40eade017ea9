"""Sentence vectors from a transformer encoder, with transformers alone.

sentence-transformers is not imported: doing so costs seconds. The vectors are
the same; the tests compare them.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput
from .fingerprint import fingerprint_folder
from .hugging_face import whole_transformers
from .pooling import SentenceSettings, pool, read_settings
from .runtime import loading, pick_device, pick_dtype, well_formed
from .store import ModelUnusable, find_model, model_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TextEncoder", "load_encoder"]

# Tokenised at once, so that a million texts do not stand in memory as token lists.
_CHUNK = 8192
_UNLIMITED = 1 << 30
_SURROGATE = re.compile("[\ud800-\udfff]")


class TextEncoder:
    """An encoder by name, path or hub name; loaded at first use, safe to share between threads.

    Args:
        model: "minilm", a local folder or a hub name.
        device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1" ...
        batch_tokens: most tokens of one forward pass, padding included. By default what was
            fastest: 2,048 on a CPU (the states stay in its cache), 65,536 on CUDA.
        max_length: most tokens of one text, special tokens included; the rest is cut off.
            By default what the model's own files say. Never above its positions.

    On CUDA the weights are float16, elsewhere float32.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "minilm",
        device: str = "auto",
        batch_tokens: int | None = None,
        max_length: int | None = None,
    ) -> None:
        if batch_tokens is not None and batch_tokens < 1:
            raise InvalidInput(f"batch_tokens must be positive, not {batch_tokens}")
        if max_length is not None and max_length < 3:
            raise InvalidInput(
                f"max_length must be at least 3, not {max_length}", hint="[CLS], a word, [SEP]"
            )
        self.name = os.fspath(model)
        self.batch_tokens = batch_tokens
        self._device_name = device
        self._max_length = max_length
        self._lock = threading.RLock()
        self._loaded: tuple[Any, Any] | None = None

    def encode(self, texts: Sequence[str], prompt: str = "") -> NDArray[np.float32]:
        """L2-normalised vectors, float32 [n, d], in the order of ``texts``.

        An empty text is encoded as the empty string (special tokens alone). Lone
        surrogates count as U+FFFD. ``prompt`` is set before every text, for
        models trained so (see ``prompts``). A text's vector does not depend on the others beyond rounding.

        Raises:
            InvalidInput: ``texts`` is one string, or holds something other than strings.
            ModelMissing, ModelUnusable: the model cannot be loaded.
        """
        import numpy as np

        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise InvalidInput("encode takes a sequence of strings", hint="for one text: encode([text])")
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), _CHUNK):
            ids = self._tokenise([prompt + text for text in texts[start : start + _CHUNK]])
            for rows in self._batches(ids):
                vectors[start + np.asarray(rows)] = self._forward([ids[row] for row in rows])
        return vectors

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._config.hidden_size)

    @property
    def max_length(self) -> int:
        """Most tokens of one text; what is beyond is not seen."""
        return min(self._max_length or self._settings.max_length or _UNLIMITED, self.positions)

    @property
    def positions(self) -> int:
        """Most tokens that the model has places for, whatever length it was trained to compare."""
        positions = getattr(self._config, "max_position_embeddings", None) or _UNLIMITED
        # RoBERTa and its kin keep the first positions, up to the padding token's, for padding.
        if getattr(self._config, "model_type", "") in {"roberta", "xlm-roberta", "camembert", "mpnet"}:
            positions -= (self._config.pad_token_id or 0) + 1
        return int(positions)

    @property
    def model(self) -> Any:
        """The weights as transformers loads them, in evaluation mode; shared, so nobody changes them."""
        return self._model()[0]

    @property
    def settings(self) -> SentenceSettings:
        """Pooling and what else the model's files say."""
        return self._settings

    @property
    def pad_id(self) -> int:
        """The id that fills up shorter texts of a batch."""
        return int(self._model()[1].pad_token_id or 0)

    @property
    def special_tokens(self) -> tuple[list[int], list[int]]:
        """Ids that the model wants before and behind a text."""
        _, tokenizer = self._model()
        with self._lock:
            bare = tokenizer("a", add_special_tokens=False, verbose=False)["input_ids"]
            around: list[int] = tokenizer("a", add_special_tokens=True, verbose=False)["input_ids"]
        at = around.index(bare[0])
        return around[:at], around[at + len(bare) :]

    def tokens(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids of the whole text, without special tokens, and where each stands in it, ``(start, end)``.

        Raises:
            ModelUnusable: the tokenizer does not tell where its tokens stand.
        """
        _, tokenizer = self._model()
        if not tokenizer.is_fast:
            raise ModelUnusable(
                f"the tokenizer of {self.name} does not tell where its tokens stand",
                hint="use a model with a tokenizer.json",
            )
        text = _SURROGATE.sub("\ufffd", text)  # one for one, so that places stay true
        if self._settings.lower_case and len(text.lower()) == len(text):
            text = text.lower()
        with self._lock:
            made = tokenizer(
                text, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False
            )
        return made["input_ids"], [(int(start), int(end)) for start, end in made["offset_mapping"]]

    @property
    def prompts(self) -> Mapping[str, str]:
        """Prefixes that the model was trained with, by use ("query", "document"); mostly empty."""
        return self._settings.prompts

    @cached_property
    def fingerprint(self) -> str:
        """Which model made a vector: its name, the limit of tokens and a hash of its files."""
        name = Path(self.name).name if isinstance(find_model(self.name), Path) else self.name
        return f"{name}-{self.max_length}-{fingerprint_folder(self.folder)}"

    @cached_property
    def folder(self) -> Path:
        """Where the model's files lie."""
        return model_folder(self.name)

    @cached_property
    def _settings(self) -> SentenceSettings:
        return read_settings(self.folder)

    @cached_property
    def _config(self) -> Any:
        with loading(self.folder, "an encoder"):
            return whole_transformers().AutoConfig.from_pretrained(self.folder, local_files_only=True)

    def _model(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> tuple[Any, Any]:
        transformers = whole_transformers()
        device = pick_device(self._device_name)
        dtype = pick_dtype("auto", device, on_cuda="float16")
        with loading(self.folder, "an encoder"):
            tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
            model = transformers.AutoModel.from_pretrained(self.folder, dtype=dtype, local_files_only=True)
        return model.to(device).eval(), tokenizer

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        _, tokenizer = self._model()
        texts = [well_formed(text) for text in texts]
        if self._settings.lower_case:
            texts = [text.lower() for text in texts]
        with self._lock:  # a tokenizer keeps its truncation as state
            rows: list[list[int]] = tokenizer(
                texts,
                truncation=True,
                max_length=self.max_length,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,
            )["input_ids"]
        # Tokenizers without special tokens give nothing for an empty text; a model needs one token.
        filler = next((t for t in (tokenizer.eos_token_id, tokenizer.pad_token_id) if t is not None), 0)
        return [row or [filler] for row in rows]

    def _batches(self, ids: list[list[int]]) -> Iterator[list[int]]:
        """Row numbers, longest text first: little padding, and what is too large fails at once."""
        order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
        most = self.batch_tokens or (65536 if pick_device(self._device_name).type == "cuda" else 2048)
        start = 0
        while start < len(order):
            size = max(1, most // len(ids[order[start]]))
            yield order[start : start + size]
            start += size

    def _forward(self, ids: list[list[int]]) -> NDArray[np.float32]:
        import torch

        model, pad = self.model, self.pad_id
        width = max(map(len, ids))
        tokens = torch.tensor([row + [pad] * (width - len(row)) for row in ids], device=model.device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids], device=model.device)
        with torch.inference_mode():
            states = model(input_ids=tokens, attention_mask=mask).last_hidden_state
            vectors: NDArray[np.float32] = pool(states, mask, self._settings.pooling).cpu().numpy()
        return vectors


_encoders: dict[tuple[str, str], TextEncoder] = {}
_encoders_lock = threading.Lock()


def load_encoder(name: str | os.PathLike[str] = "minilm", device: str = "auto") -> TextEncoder:
    """The process' one encoder of that name and device; the weights are loaded once, at first use.

    Raises:
        ModelMissing: the model is not on this machine (a hub name is only looked up at first use).
    """
    key = (str(find_model(name)), device)
    with _encoders_lock:
        if key not in _encoders:
            _encoders[key] = TextEncoder(name, device)
        return _encoders[key]
