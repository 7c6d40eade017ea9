"""How ``exit`` is trained: everything that decides the outcome, written beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .contexts import Sampling

__all__ = ["PLAN", "Recipe"]

PLAN: Mapping[str, Sampling] = {
    "hotpotqa": Sampling(1.0, own=(3, 8), added=(0, 2)),
    "2wikimultihopqa": Sampling(2.0, own=(4, 8), added=(0, 4)),
    "qed": Sampling(1.5, added=(2, 8), alone=0.25),
    "nq-open": Sampling(0.8, added=(2, 4), alone=0.25),
    "squad2": Sampling(0.9, added=(0, 2), alone=0.7),
    "selqa": Sampling(1.0, added=(0, 1), alone=0.7),
}
"""What an epoch draws of each data set: multi-hop and single-hop, ranking and unanswerable, in balance."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one training run.

    ``epochs`` may be a fraction. ``learning_rate`` is the encoder's, ``head_learning_rate`` the head's; both
    rise over the first ``warmup`` of the steps and fall to nothing. ``step_tokens``: least tokens
    of one step. ``dropout`` is the encoder's.
    """

    epochs: float = 2.0
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    warmup: float = 0.06
    weight_decay: float = 0.01
    dropout: float = 0.0
    step_tokens: int = 5000
    seed: int = 1
    encoder: str = "minilm"
    plan: Mapping[str, Sampling] = field(default_factory=lambda: dict(PLAN))

    def without(self, held_out: str) -> Recipe:
        """The same recipe, one data set left out: for choosing without looking at it."""
        return replace(self, plan={name: s for name, s in self.plan.items() if name != held_out})

    def to_dict(self) -> dict[str, Any]:
        """For the metrics file."""
        return {**asdict(self), "plan": {name: asdict(sampling) for name, sampling in self.plan.items()}}
