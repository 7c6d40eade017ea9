"""Two runs, question by question."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InvalidInput
from ..metrics import Difference, paired_difference, where_both_apply
from ..runs.errors import RunMismatch, RunMissing
from .figures import scores_file
from .results import read_results
from .summary import summarise

__all__ = ["Change", "compare", "read_scores"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a cell: its primary metric and its share of tokens kept, new less old."""

    key: str
    metric: str
    quality: Difference
    kept: Difference


def read_scores(path: Path) -> dict[str, Any]:
    """The scores of a run's folder, or of a ``scores.json``.

    Raises:
        RunMissing: neither is there. InvalidInput: the file is something else.
    """
    if path.is_dir():
        results = read_results(path)
        return scores_file(results, summarise(results))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunMissing(f"there is no {path}", hint="give a run's folder or its scores.json") from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path}: {error}", hint="a run's scores.json is expected") from error
    if not isinstance(found, dict) or found.get("format") != 1 or not isinstance(found.get("cells"), dict):
        raise InvalidInput(f"{path} holds no scores", hint="a run's scores.json is expected")
    return found


def compare(new: Mapping[str, Any], old: Mapping[str, Any], seed: int = 0) -> list[Change]:
    """Each cell that both have, over the questions that both asked; paired, so that a hard question weighs
    the same on both sides.

    Raises:
        RunMismatch: no cell is in both, a metric has another version, or no question is the same.
    """
    unlike = [n for n, v in new["metrics"].items() if n in old["metrics"] and old["metrics"][n] != v]
    if unlike:
        raise RunMismatch(
            f"{', '.join(unlike)} has another version in the two runs", hint="run the older one again"
        )
    both = [key for key in new["cells"] if key in old["cells"]]
    if not both:
        raise RunMismatch(
            "the two runs have no data set, compressor, budget and reader in common",
            hint=f"one has {_few(new['cells'])}; the other {_few(old['cells'])}",
        )
    return [_change(key, new["cells"][key], old["cells"][key], seed) for key in both]


def _change(key: str, new: Mapping[str, Any], old: Mapping[str, Any], seed: int) -> Change:
    places = {identity: n for n, identity in enumerate(old["questions"])}
    pairs = [(n, places[i]) for n, i in enumerate(new["questions"]) if i in places]
    if not pairs:
        raise RunMismatch(f"{key}: no question is in both runs", hint="run both on the same data")
    metric = old["primary"]

    def paired(one: list[float | None], other: list[float | None]) -> Difference:
        both = where_both_apply([one[a] for a, _ in pairs], [other[b] for _, b in pairs])
        return paired_difference(*both, seed)

    return Change(
        key, metric, paired(new["scores"][metric], old["scores"][metric]), paired(new["kept"], old["kept"])
    )


def _few(cells: Mapping[str, Any]) -> str:
    keys = list(cells)
    return ", ".join(keys[:3]) + (" …" if len(keys) > 3 else "")
