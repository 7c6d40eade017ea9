"""Device, number format and quiet loading, decided once for every local model."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InvalidInput
from .hugging_face import whole_transformers
from .store import ModelUnusable

if TYPE_CHECKING:
    import torch

__all__ = ["loading", "pick_device", "pick_dtype", "well_formed"]

# oneDNN, which multiplies matrices for torch on CPUs, keeps a program and its workspace for each of the last
# 1,024 shapes. Texts have endless lengths: that is a gigabyte after some hundred queries, and saves no time.
for _name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_name, "32")


def pick_device(name: str = "auto") -> torch.device:
    """The device called ``name``; "auto" is CUDA where there is one, else the CPU.

    Raises:
        InvalidInput: torch knows no such device, or there is none on this machine.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InvalidInput(f"torch knows no device {name!r}", hint="'auto', 'cpu' or 'cuda'") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InvalidInput("no CUDA device was found", hint="use the device 'auto' or 'cpu'")
    return device


def pick_dtype(name: str, device: torch.device, *, on_cuda: str) -> torch.dtype:
    """The number format called ``name``; "auto" is ``on_cuda`` on CUDA, else float32.

    float32 on a CPU even where bfloat16 is faster: scores then do not depend on the processor.

    Raises:
        InvalidInput: none of auto, float32, float16, bfloat16.
    """
    import torch

    formats = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    chosen = (on_cuda if device.type == "cuda" else "float32") if name == "auto" else name
    if chosen not in formats:
        raise InvalidInput(f"no number format is called {name!r}", hint=f"'auto' or one of {list(formats)}")
    return formats[chosen]


@contextlib.contextmanager
def loading(folder: Path, kind: str) -> Iterator[None]:
    """Load without progress bars; what transformers raises becomes ModelUnusable naming ``folder``."""
    logging = whole_transformers().utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError) as error:
        # These messages run over many lines; the first says it.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelUnusable(
            f"{folder} could not be loaded as {kind}: {reason}",
            hint="the folder must hold config.json, the tokenizer's files and safetensors weights",
        ) from error
    finally:
        if shown:
            logging.enable_progress_bar()


def well_formed(text: str) -> str:
    """``text`` as tokenizers accept it: surrogate pairs joined, lone surrogates replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
