"""One part put to one compressor: what was measured, as figures with targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from ...compressors import Compressor, ExtractiveCompressor
from ..baselines import HeadCompressor
from ..bench_run import Failure
from ..data import Example
from ..metrics import Estimate
from .aims import Figure
from .measure import Measured, measure
from .parts import Part
from .rank import Ranked, rank

__all__ = ["TargetRow", "applies", "run_part"]

_MEASURED: Mapping[str, Callable[[Measured, int], Estimate]] = {
    "answer recall": Measured.answer_recall,
    "support recall": Measured.support_recall,
    "right sentence": Measured.right_sentence,
    "kept": Measured.kept,
    "kept ÷ oracle": Measured.kept_by_oracle,
}
_RANKED: Mapping[str, Callable[[Ranked, int], Estimate]] = {
    "MAP": Ranked.mean_average_precision,
    "MRR": Ranked.mean_reciprocal_rank,
}


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A part's figures of one compressor, in the order of the part's aims.

    ``result`` holds every question; it is None, and there are no figures, where the part cannot be asked
    of the compressor (see :func:`applies`).
    """

    part: Part
    compressor: str
    figures: tuple[Figure, ...]
    result: Measured | Ranked | None

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The questions on which the compressor failed; no figure holds them."""
        return () if self.result is None else self.result.failures

    def figure(self, name: str) -> Figure | None:
        """The figure of that name, if the part has it and could be asked."""
        return next((f for f in self.figures if f.aim.figure == name), None)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON, without the single questions."""
        return {
            "part": self.part.name,
            "title": self.part.title,
            "budget": None if self.part.budget is None else str(self.part.budget),
            "compressor": self.compressor,
            "applicable": self.result is not None,
            "figures": [figure.as_dict() for figure in self.figures],
            "failures": [asdict(failure) for failure in self.failures],
        }


def applies(part: Part, compressor: Compressor) -> bool:
    """Whether a part can be asked: ranking needs scores, and an adaptive budget a threshold on them."""
    if part.budget is None:
        return isinstance(compressor, ExtractiveCompressor)
    return not (part.budget.adaptive and isinstance(compressor, HeadCompressor))


def run_part(
    part: Part,
    compressor: Compressor,
    examples: Sequence[Example],
    *,
    label: str = "",
    seed: int = 0,
    batch: int = 16,
    advance: Callable[[int], None] = lambda _: None,
) -> TargetRow:
    """Put a part's questions (``part.examples(corpus)``) to a compressor.

    ``label`` names the compressor in the row, where its own name does not say enough; ``seed`` is the
    bootstrap's; ``batch`` and ``advance`` as for ``measure``.

    Raises:
        NotInstalled: the compressor lacks a model or package.
    """
    label = label or compressor.name
    figures: tuple[Figure, ...]
    if not applies(part, compressor):
        advance(len(examples))
        return TargetRow(part, label, (), None)
    if part.budget is None:
        assert isinstance(compressor, ExtractiveCompressor)  # noqa: S101 - said by applies
        ranked = rank(compressor, examples, batch=batch, advance=advance)
        figures = tuple(Figure(aim, _RANKED[aim.figure](ranked, seed)) for aim in part.aims)
        return TargetRow(part, label, figures, ranked)
    measured = measure(compressor, examples, part.budget, batch=batch, advance=advance)
    figures = tuple(Figure(aim, _MEASURED[aim.figure](measured, seed)) for aim in part.aims)
    return TargetRow(part, label, figures, measured)
