"""A GGUF file into a folder that transformers loads at once."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from pathlib import Path

from .store import MANIFEST

__all__ = ["convert_gguf"]


def convert_gguf(gguf: Path, into: Path, *, source: Mapping[str, str]) -> None:
    """Write config, float32 safetensors and tokenizer (with its chat template) of ``gguf`` into ``into``.

    float32, because it holds what the quantised weights stand for exactly and is
    mapped from disk as it is: nothing is converted at load time, and processes
    share the pages. The manifest, with ``source`` in it, is written last.
    """
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    # The reader draws a progress bar that has no switch.
    with contextlib.redirect_stderr(io.StringIO()):
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype="float32", local_files_only=True
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True)
    _split_digits(tokenizer, gguf)
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)  # the same storage as the embeddings, tied again at load time

    # Transformers refuses to save what it read from a GGUF file, so the parts are written one by one.
    config = model.config.to_dict()
    for key in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        config.pop(key, None)
    config.update(architectures=[type(model).__name__], dtype="float32")
    into.mkdir()
    AutoConfig.for_model(**config).save_pretrained(into)
    model.generation_config.save_pretrained(into)
    tokenizer.model_max_length = model.config.max_position_embeddings
    tokenizer.save_pretrained(into)
    weights = into / "model.safetensors"
    save_file(tensors, weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # as the other files; it is created readable by its owner alone
    manifest = {**source, "weights_bytes": weights.stat().st_size}
    (into / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


def _split_digits(tokenizer: object, gguf: Path) -> None:
    """Restore the pre-tokeniser "smollm" that the file names and transformers drops: every digit on its own.

    Without it, blanks before a number are grouped otherwise than in the model's training.
    """
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    field = GGUFReader(gguf).get_field("tokenizer.ggml.pre")
    if field is None or field.contents() != "smollm":
        return
    backend = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True),
        ]
    )
