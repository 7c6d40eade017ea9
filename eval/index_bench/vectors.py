"""Synthetic vectors that lie as embeddings of sentences do: in clusters, not evenly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput

__all__ = ["Clustered"]

_BLOCK = 65_536  # rows drawn at a time: bounds the float64 copy


@dataclass(frozen=True, slots=True)
class Clustered:
    """A mixture of clusters that gather in topics, on the unit sphere, and all lean one way.

    The defaults were fitted by random search to MiniLM embeddings of 5,000 sentences of SciFact's abstracts
    (tests/eval/index_bench/test_vectors.py holds both against each other): the cosines of random pairs and
    of the 1st, 10th and 100th neighbour of held-out queries, the local intrinsic dimension, and the share of
    variance in the first 1 to 300 principal components.

    topics, clusters: how many. lean: length of the direction that all share, beside 1 for what differs.
    topic_decay, decay: the standard deviation along axis i falls as ``i ** (-decay / 2)``, for topics and for
    all else. apart: length of a cluster's offset from its topic, whose own length is 1; spread: of a vector's
    from its cluster; vary: the standard deviation of the logarithm of ``spread`` from vector to vector.
    seed: of the mixture itself; two sets from the same mixture are drawn with different ``part``.
    """

    dimension: int = 384
    seed: int = 0
    topics: int = 300
    clusters: int = 2000
    lean: float = 0.33
    topic_decay: float = 0.25
    decay: float = 0.98
    apart: float = 0.59
    spread: float = 1.25
    vary: float = 0.5

    def __post_init__(self) -> None:
        if self.dimension < 2 or self.topics < 1 or self.clusters < 1:
            raise InvalidInput(
                f"{self.topics} topics, {self.clusters} clusters, {self.dimension} dimensions are no mixture",
                hint="give two dimensions or more, and at least one of each",
            )

    def draw(self, count: int, part: int, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """``count`` unit vectors, float32 ``[count, dimension]``, into ``out`` where it is given.

        The same mixture, part and count give the same vectors.
        """
        law = np.random.default_rng([self.seed, 0])
        topic_scale, scale = self._scale(self.topic_decay), self._scale(self.decay)
        tops = law.normal(size=(self.topics, self.dimension)) * topic_scale
        of = law.integers(0, self.topics, self.clusters)
        middle = tops[of] + self.apart * scale * law.normal(size=(self.clusters, self.dimension))
        chance = np.random.default_rng([self.seed, 1, part])
        drawn = np.empty((count, self.dimension), dtype=np.float32) if out is None else out
        for start in range(0, count, _BLOCK):
            number = min(_BLOCK, count - start)
            length = self.spread * np.exp(self.vary * chance.normal(size=(number, 1)))
            rows = length * scale * chance.normal(size=(number, self.dimension))
            rows += middle[chance.integers(0, self.clusters, number)]
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            rows[:, -1] += self.lean
            drawn[start : start + number] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return drawn

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def _scale(self, decay: float) -> NDArray[np.float64]:
        """Standard deviations along the axes, together of length 1."""
        scale = np.arange(1, self.dimension + 1) ** (-decay / 2)
        return np.asarray(scale / np.linalg.norm(scale))
