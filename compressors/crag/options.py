"""Settings that are refused before any work."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidInput

__all__ = ["check_options"]

_HINTS = {
    "clusters": "None chooses by silhouette",
    "most_clusters": "4 is a good value",
    "sentences": "8 is a good value",
}


def check_options(*, clusters: Any, seed: Any, same: Any, **others: Any) -> None:
    """Counts are whole numbers of at least 1 (``clusters`` may be None), all else lies in 0..1.

    ``same`` lies above 0, and ``seed`` is what NumPy and FAISS take: from 0 to 2^31 - 1.

    Raises:
        InvalidInput: names the setting.
    """
    counts: dict[str, Any] = {} if clusters is None else {"clusters": clusters}
    counts |= {name: others.pop(name) for name in ("most_clusters", "sentences")}
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidInput(
                f"{name} is a whole number of at least 1, not {value!r}", hint=_HINTS.get(name)
            )
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise InvalidInput(f"seed is a whole number from 0 to 2**31 - 1, not {seed!r}")
    for name, value in {**others, "same": same}.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise InvalidInput(f"{name} is a number from 0 to 1, not {value!r}")
    if same == 0:
        raise InvalidInput("same is a cosine above 0: from 0 on, all sentences would be one")
