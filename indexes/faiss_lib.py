"""FAISS, imported when it is first needed."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..errors import NotInstalled
from .faiss_wheels import check_wheels

__all__ = ["faiss"]


def faiss() -> Any:
    """The module ``faiss``, of whichever wheel is installed.

    Raises:
        NotInstalled: there is none, or it cannot be imported.
        FaissConflict: several wheels were installed over each other.
    """
    _check_once()
    try:
        import faiss
    except ImportError as error:
        raise NotInstalled(
            f"FAISS cannot be imported: {error}",
            hint="pip install 'tersus[cpu]', or 'tersus[gpu]' for a GPU of NVIDIA",
        ) from error
    return faiss


@cache
def _check_once() -> None:
    check_wheels()
