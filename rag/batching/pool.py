"""One instance of each compressor for everybody."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from ...compressors import Compressor, load_compressor

__all__ = ["CompressorPool"]

Wrap = Callable[[Compressor, str], Compressor]
"""Given a compressor just loaded and its identity (name and options), what the pool hands out."""


class CompressorPool:
    """Compressors by name and options, each loaded once. Safe to share between threads.

    Args:
        wrap: makes what is handed out of what was loaded.
        most: instances kept; the one unused for longest is forgotten, for chains have endless names.
    """

    def __init__(self, wrap: Wrap | None = None, *, most: int = 64) -> None:
        self._wrap = wrap or (lambda compressor, _: compressor)
        self._most = most
        self._lock = threading.Lock()
        self._loaded: OrderedDict[str, Compressor] = OrderedDict()
        self._shared: dict[str, Compressor] = {}
        self._numbers = count()

    def get(self, name: str, options: Mapping[str, Any] | None = None) -> Compressor:
        """The compressor of this name with these options.

        Raises:
            UnknownCompressor, CompressorBroken, InvalidInput: as :func:`load_compressor`.
        """
        with self._lock:  # held while one is made: no two are made of one, and models load at first use
            if name in self._shared:
                return self._shared[name]
            key = f"{name} {json.dumps(dict(options or {}), sort_keys=True, default=repr)}"
            if key not in self._loaded:
                self._loaded[key] = self._wrap(load_compressor(name, **(options or {})), key)
                if len(self._loaded) > self._most:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(key)
            return self._loaded[key]

    def share(self, compressor: Compressor) -> None:
        """Hand out this object, whatever the options, wherever its name is asked for."""
        with self._lock:
            name = compressor.name
            self._shared[name] = self._wrap(compressor, f"{name} shared {next(self._numbers)}")
