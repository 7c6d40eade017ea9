"""``auto``: chooses for each question, then lets the chosen compressor work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..base import Compressor, Draft
from ..budget import CalibrationMissing
from ..registry import available_compressors, load_compressor
from ..task import Task, join_reasons

if TYPE_CHECKING:
    from .policy import Choice, Policy

__all__ = ["AutoCompressor"]

SMALL = 64
"""Tokens of a context that is not worth the work."""


class AutoCompressor(Compressor):
    """Chooses compressor and budget for each question from cheap features of question and passages.

    Experimental: on the dev files no learned policy gained clearly over the best fixed choice at the same
    share kept (``python -m tersus.eval.auto.fit`` tells the gain), so none is shipped. With a budget of yours
    only the compressor is chosen. ``reason`` names the choice.

    - A policy weighs, for each choice, how likely the answer stays against the share it keeps.
    - Rules, where there is no policy or no adaptive budget: a tiny context is left as it is; a question gets
      ``exit``; where nothing is asked, ``crag`` collapses what is said twice, if it is installed.

    Args:
        policy: a file of ``python -m tersus.eval.auto.fit``; None for the rules alone.

    Raises:
        PolicyDamaged: at first use, the file cannot be used.
    """

    name: ClassVar[str] = "auto"
    summary: ClassVar[str] = "Chooses compressor and budget for each question (experimental)"
    speed: ClassVar[str] = "fast"
    needs_query: ClassVar[bool] = False

    def __init__(self, policy: str | os.PathLike[str] | None = None) -> None:
        self.policy_file = None if policy is None else Path(policy)

    @cached_property
    def policy(self) -> Policy | None:
        """The learned policy, if there is one."""
        if self.policy_file is None:
            return None
        from .policy import read_policy

        return read_policy(self.policy_file)

    def choose(self, task: Task) -> Choice:
        """What this task gets; ``ratio`` means something under an adaptive budget only."""
        from .policy import Choice

        if task.budget.adaptive and task.tokens_before <= SMALL:
            return Choice("none")
        if not task.query.strip():
            return Choice("crag" if "crag" in available_compressors() else "none")
        if self.policy is None or not task.budget.adaptive:
            return Choice("exit")
        from .features import features

        return self.policy.choose(features(task.query, task.passages, task.tokens_before))

    def _compress_batch(self, tasks: Sequence[Task]) -> Sequence[Draft]:
        drafts: list[Draft | None] = [None] * len(tasks)
        groups: dict[Choice, list[int]] = {}
        for number, task in enumerate(tasks):
            if task.budget.risk is not None:
                raise CalibrationMissing(
                    "auto cannot promise a risk: no threshold holds for several compressors",
                    hint="choose the compressor yourself, or give a ratio or max_tokens",
                )
            groups.setdefault(self.choose(task), []).append(number)
        for choice, numbers in groups.items():
            budget = {n: choice.budget if tasks[n].budget.adaptive else tasks[n].budget for n in numbers}
            found = _load(choice.compressor)._compress_batch(
                [replace(tasks[n], budget=budget[n]) for n in numbers]
            )
            for number, draft in zip(numbers, found, strict=True):
                told = f"auto chose {choice.compressor} ({budget[number]})"
                drafts[number] = replace(draft, reason=join_reasons(told, draft.reason))
        return [draft for draft in drafts if draft is not None]


@lru_cache(maxsize=32)
def _load(name: str) -> Compressor:
    return load_compressor(name)
