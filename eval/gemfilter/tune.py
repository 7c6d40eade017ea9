"""Which layer filters best: all are measured on needles and questions, the earliest good one taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...compressors import Span
from ...compressors.gemfilter.profiles import Profile, model_key
from ...compressors.gemfilter.prompt import Writer
from ...compressors.gemfilter.ranks import Granularity, standings, unit_scores, units_in
from ...compressors.gemfilter.scores import pool, token_scores
from ...compressors.gemfilter.windows import prompts_for
from ...compressors.models.causal import CausalModel
from ...errors import InvalidInput
from .trials import Place, Trial

__all__ = ["GRANULARITIES", "KERNELS", "Tuning", "answer_standing", "choose", "measure"]

KERNELS = (1, 5, 9)
GRANULARITIES: tuple[Granularity, ...] = ("token", "sentence")
"""What is measured: the paper's selection, widened to whole words, and the compressor's own default."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """``areas`` [layers, kernels] are the figures that ``profile`` was chosen by; ``by_kind`` the same for
    needles and for questions alone. ``best`` is the layer and kernel with the greatest area, ``error`` the
    standard error of its difference to the profile's.
    """

    profile: Profile
    best: tuple[int, int]
    error: float
    kernels: tuple[int, ...]
    areas: NDArray[np.float64]
    by_kind: dict[str, NDArray[np.float64]]
    trials: dict[str, int]

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "match": self.profile.match,
            "layers": self.profile.layers,
            "layer": self.profile.layer,
            "kernel": self.profile.kernel,
            "best_layer": self.best[0],
            "best_kernel": self.best[1],
            "standard_error": round(self.error, 4),
            "trials": self.trials,
            "kernels": list(self.kernels),
            "areas": {
                kind: np.round(values, 4).tolist()
                for kind, values in {"all": self.areas, **self.by_kind}.items()
            },
        }


def measure(
    causal: CausalModel,
    trials: Sequence[Trial],
    *,
    granularities: Sequence[Granularity] = GRANULARITIES,
    kernels: Sequence[int] = KERNELS,
    advance: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """The best answer's standing (:func:`answer_standing`), float64 [trials, layers, kernels].

    Its mean over trials is the area under the curve of answer recall against the share of text kept: an
    answer with standing s is kept from a share of 1 - s on. All layers are measured in one pass a trial, and
    several granularities averaged.
    """
    layers = int(causal.config.num_hidden_layers)
    writer = Writer(causal)
    out = np.zeros((len(trials), layers, len(kernels)))
    for number, trial in enumerate(trials):
        prompts = prompts_for(writer, trial.question, trial.passages, causal.context_window)
        scores = token_scores(causal, [prompt.ids for prompt in prompts], range(layers))
        pooled = [[pool(row, kernel) for row in scores] for kernel in kernels]
        for granularity in granularities:
            units = units_in(trial.passages, granularity)
            for at, layer in np.ndindex(len(kernels), layers):
                rows = [row[layer] for row in pooled[at]]
                spans = standings(units, unit_scores(units, prompts, rows, granularity))
                out[number, layer, at] += answer_standing(spans, trial.answers) / len(granularities)
        advance()
    return out


def answer_standing(spans: Sequence[Sequence[Span]], answers: Sequence[Place]) -> float:
    """Of each place of an answer the lowest score among the spans it touches; of these the highest."""
    best = 0.0
    for passage, start, end in answers:
        touched = [span.score for span in spans[passage] if span.start < end and span.end > start]
        best = max(best, min(touched, default=0.0))
    return best


def choose(
    model: str, trials: Sequence[Trial], measured: NDArray[np.float64], kernels: Sequence[int] = KERNELS
) -> Tuning:
    """The earliest layer whose area lies within one standard error of the best one's, with its best kernel.

    Needles and questions weigh alike, however many there are of each. The error is that of the paired
    difference to the best.

    Raises:
        InvalidInput: fewer than two trials of a kind.
    """
    kinds = {kind: [i for i, trial in enumerate(trials) if trial.kind == kind] for kind in _kinds(trials)}
    if not kinds or min(map(len, kinds.values())) < 2:
        raise InvalidInput(
            "a layer cannot be chosen from fewer than two trials of a kind", hint="ask for more"
        )
    by_kind = {kind: measured[rows].mean(0) for kind, rows in kinds.items()}
    areas = np.mean(list(by_kind.values()), axis=0)
    layers = areas.shape[0]
    best = divmod(int(areas.argmax()), len(kernels))
    difference = measured[:, best[0], best[1]][:, None, None] - measured
    variances = [difference[rows].var(0, ddof=1) / len(rows) for rows in kinds.values()]
    errors = np.sqrt(np.sum(variances, axis=0)) / len(kinds)
    good = areas[best] - areas <= errors
    layer = next(n for n in range(layers) if good[n].any())
    at = max((a for a in range(len(kernels)) if good[layer, a]), key=lambda a: float(areas[layer, a]))
    counts = {kind: len(rows) for kind, rows in kinds.items()}
    source = "measured: " + ", ".join(f"{count} {kind} trials" for kind, count in counts.items())
    return Tuning(
        profile=Profile(
            model_key(model), layers, layer, kernels[at], source.replace("questions", "question")
        ),
        best=(best[0], kernels[best[1]]),
        error=float(errors[layer, at]),
        kernels=tuple(kernels),
        areas=areas,
        by_kind=by_kind,
        trials=counts,
    )


def _kinds(trials: Sequence[Trial]) -> list[str]:
    return sorted({trial.kind for trial in trials})
