"""How ``auto`` chooses: linear models of what each choice keeps and loses, or plain rules."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import TersusError
from ..budget import Budget
from .features import FEATURES

__all__ = ["Choice", "Policy", "PolicyDamaged", "read_policy"]

VERSION = 1
_ARRAYS = ("means", "scales", "success", "kept")


class PolicyDamaged(TersusError):
    """A policy file cannot be used."""

    code = "policy_damaged"


@dataclass(frozen=True, slots=True)
class Choice:
    """A compressor by name; ``ratio`` None is its own threshold."""

    compressor: str
    ratio: float | None = None

    @property
    def budget(self) -> Budget:
        """The choice's budget."""
        return Budget(ratio=self.ratio)

    def __str__(self) -> str:
        return f"{self.compressor} ({self.budget})"


@dataclass(frozen=True, slots=True)
class Policy:
    """For every choice a logistic model of its success and a linear one of the share it keeps.

    ``success`` and ``kept`` are [choices, features + 1] over standardised features
    (``(x - means) / scales``), the constant last. Taken is the choice with the largest
    ``P(success) - price x kept``: ``price`` is how much of a success one whole context is worth.
    """

    choices: tuple[Choice, ...]
    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    success: NDArray[np.float64]
    kept: NDArray[np.float64]
    price: float

    def worth(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each choice is worth for features [..., features]: float64 [..., choices]."""
        x = np.clip((features - self.means) / self.scales, -4, 4)  # a linear model says nothing far outside
        x = np.concatenate([x, np.ones((*x.shape[:-1], 1))], -1)
        likely = 1 / (1 + np.exp(-np.clip(x @ self.success.T, -30, 30)))
        worth: NDArray[np.float64] = likely - self.price * np.clip(x @ self.kept.T, 0, 1)
        return worth

    def choose(self, features: NDArray[np.float64]) -> Choice:
        """The choice for one question; of equals the first."""
        return self.choices[int(self.worth(features).argmax())]

    def write(self, path: Path) -> None:
        """As JSON, which loading runs no code of."""
        told = {
            "version": VERSION,
            "features": FEATURES,
            "choices": [asdict(choice) for choice in self.choices],
            "price": self.price,
        }
        told |= {name: getattr(self, name).tolist() for name in _ARRAYS}
        path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def read_policy(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        PolicyDamaged: the file is missing, no policy, or made for other features.
    """
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        policy = Policy(
            tuple(Choice(**choice) for choice in told["choices"]),
            **{name: np.array(told[name], dtype=np.float64) for name in _ARRAYS},
            price=float(told["price"]),
        )
        same = told["version"] == VERSION and tuple(told["features"]) == FEATURES
        for choice in policy.choices:
            choice.budget  # noqa: B018 - refuses a ratio out of range
    except (OSError, ValueError, KeyError, TypeError, TersusError) as error:
        raise _damaged(path, f"cannot be read: {error}") from error
    wide = (len(policy.choices), len(FEATURES) + 1)
    shapes = (policy.means.shape, policy.scales.shape) == ((len(FEATURES),),) * 2
    if not (same and shapes and policy.success.shape == policy.kept.shape == wide and policy.choices):
        raise _damaged(path, "was made for other features")
    arrays = (policy.means, policy.scales, policy.success, policy.kept)
    if not (
        all(np.isfinite(a).all() for a in arrays) and policy.scales.min() > 0 and math.isfinite(policy.price)
    ):
        raise _damaged(path, "holds numbers that are not finite, or scales of 0")
    return policy


def _damaged(path: Path, why: str) -> PolicyDamaged:
    return PolicyDamaged(f"{path} {why}", hint="make it again: python -m tersus.eval.auto.fit --out FILE")
