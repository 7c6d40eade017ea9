"""Seconds that attribution takes of one text as long as the encoder's positions allow."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from ...compressors.frugal.globenc import globenc
from ...compressors.frugal.scores import token_scores
from ...compressors.frugal.trace import trace
from ...compressors.frugal.windows import Window
from ...compressors.models.encoder import load_encoder

__all__ = ["Timed", "time_attribution"]

_TOKENS = 512
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Timed:
    """The median wall time of one job, and what it was to stay under, if anything."""

    what: str
    seconds: float
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """None where there is no target."""
        return None if self.target is None else self.seconds < self.target


def time_attribution(model: str = "minilm") -> list[Timed]:
    """The plain forward pass, GlobEnc with its pass, and every token's share of a similarity.

    Raises:
        ModelMissing, ModelUnusable: the encoder cannot be loaded or taken apart.
    """
    import torch

    encoder = load_encoder(model)
    before, after = encoder.special_tokens
    room = _TOKENS - len(before) - len(after)
    ids, places = encoder.tokens(
        "The committee paid 3,400 dollars for the bridge, and nobody complained. " * 60
    )
    row = [*before, *ids[:room], *after]
    window = Window(0, row, len(before), places[:room])
    tokens = torch.tensor([row], device=encoder.model.device)

    def forward() -> None:
        with torch.inference_mode():
            encoder.model(input_ids=tokens)

    return [
        Timed("forward pass alone", _median(forward)),
        Timed("GlobEnc, forward pass included", _median(lambda: globenc(trace(encoder.model, [row]))), 2.0),
        Timed(
            "shares of the similarity to a question, embedding it included",
            _median(lambda: token_scores(encoder, [window], ["Who paid for the bridge?"], "query")),
            1.0,
        ),
    ]


def _median(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)
