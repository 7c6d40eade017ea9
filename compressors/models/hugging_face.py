"""transformers, for threads that ask for it at the same moment."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["whole_transformers"]


def whole_transformers() -> Any:
    """The package ``transformers``, once its import is done.

    It puts another module into its own place while it is imported. ``from transformers import …`` in a
    thread that waits for another's import is given what stood there before, and fails: so it is looked up
    afterwards.
    """
    import transformers  # noqa: F401 - to import it, or to wait for whoever does

    return sys.modules["transformers"]
