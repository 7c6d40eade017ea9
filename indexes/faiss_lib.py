"""FAISS, imported when it is first needed."""

from __future__ import annotations

from typing import Any

from ..errors import NotInstalled

__all__ = ["faiss"]


def faiss() -> Any:
    """The module ``faiss``, of whichever wheel is installed; raises NotInstalled."""
    try:
        import faiss
    except ImportError as error:
        raise NotInstalled(f"FAISS cannot be imported: {error}", hint="pip install faiss-cpu") from error
    return faiss
