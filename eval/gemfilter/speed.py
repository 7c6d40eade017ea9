"""``python -m tersus.eval.gemfilter.speed``: what the filter saves of a long prompt's prefill.

Two arms read the same prompt: the whole model all of it; or the filter all of it and then the whole
model what the filter selected. Both compute logits for the last token alone and keep the key-value states
that an answer needs. Each run of an arm has a process of its own, in which the model is loaded and warmed
up first, so that peak memory is that of the prefill; arms take turns. Beside the ratio of times stands its
bound: layers / r, what it would be if nothing but the filter's r whole layers cost anything.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...compressors.gemfilter import GemFilterCompressor
from ...errors import TersusError
from .peak import PeakMemory, threads

__all__ = ["Arm", "Measured", "Speed", "compare", "main", "run_arm"]

Arm = Literal["full", "gemfilter"]
_ARMS: tuple[Arm, ...] = ("full", "gemfilter")
_WARM_UP = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one arm. ``seconds`` of wall time, of them ``filter_seconds`` in the filter pass;
    ``peak_bytes`` above what the loaded model takes; None where the system does not say.
    """

    seconds: float
    filter_seconds: float
    peak_bytes: int | None


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians over the runs of both arms. ``ratio`` is the full prefill's time by that of both passes of
    GemFilter, ``bound`` layers / r, ``memory`` the share by which the peak differs (-0.3: 30% less).
    """

    model: str
    hardware: dict[str, Any]
    tokens: int
    keep: int
    layer: int
    layers: int
    runs: int
    full: Measured
    gemfilter: Measured

    @property
    def ratio(self) -> float:
        """How many times faster."""
        return self.full.seconds / self.gemfilter.seconds

    @property
    def bound(self) -> float:
        """What the ratio would be if the second pass cost nothing."""
        return self.layers / max(self.layer, 1)

    @property
    def memory(self) -> float | None:
        """Difference of the peaks by that of the full prefill."""
        if not self.full.peak_bytes or self.gemfilter.peak_bytes is None:
            return None
        return self.gemfilter.peak_bytes / self.full.peak_bytes - 1

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "ratio": self.ratio, "bound": self.bound, "memory": self.memory}


def run_arm(
    arm: Arm, model: str, tokens: int, keep: int, layer: int, kernel: int, device: str, cores: int | None
) -> Measured:
    """Load, warm up, and prefill ``tokens`` tokens once. Meant for a process of its own."""
    import torch

    from ...compressors.gemfilter.scores import pool, select, token_scores
    from ...compressors.models.causal import load_causal

    threads(cores)
    causal = load_causal(model, device)
    ids = _prompt(causal, tokens)

    def prefill(row: list[int]) -> Any:
        with torch.inference_mode():
            given = torch.tensor([row], device=causal.device)
            return causal.model(input_ids=given, use_cache=True, logits_to_keep=1)

    def filtered(row: list[int]) -> list[int]:
        scores = pool(token_scores(causal, [row], [layer])[0][0], kernel)
        return [row[i] for i in select(scores, keep)]

    prefill(filtered(ids[:_WARM_UP]))
    with PeakMemory(causal.device) as peak:
        started = time.perf_counter()
        chosen = ids if arm == "full" else filtered(ids)
        between = time.perf_counter()
        _ = prefill(chosen)
        peak.settle()
        ended = time.perf_counter()
    return Measured(ended - started, between - started if arm == "gemfilter" else 0.0, peak.bytes)


def compare(
    model: str = "smollm2",
    *,
    tokens: int = 8000,
    keep: int = 1024,
    layer: int | None = None,
    runs: int = 3,
    device: str = "auto",
    cores: int | None = None,
) -> Speed:
    """Both arms ``runs`` times in turn, each run in a fresh process.

    Raises:
        ModelMissing: the model is not on this machine.
        InvalidInput: it has no such layer.
    """
    from ...compressors.models.causal import load_causal
    from ..exit.outcome import hardware

    causal = load_causal(model, device)
    profile = GemFilterCompressor(model, layer=layer, device=device).profile
    tokens = min(tokens, causal.context_window - 1)
    settings = (model, tokens, keep, profile.layer, profile.kernel, device, cores)
    found: dict[Arm, list[Measured]] = {arm: [] for arm in _ARMS}
    context = multiprocessing.get_context("spawn")
    for turn in range(runs):
        for arm in _ARMS if turn % 2 == 0 else _ARMS[::-1]:
            with context.Pool(1) as pool:
                found[arm].append(pool.apply(run_arm, (arm, *settings)))
    machine = {**hardware(causal.device), **({"threads": cores} if cores else {})}
    full, gemfilter = (_median(found[arm]) for arm in _ARMS)
    return Speed(model, machine, tokens, keep, profile.layer, profile.layers, runs, full, gemfilter)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison; returns an exit status."""
    options = _options(arguments)
    console = Console()
    try:
        speed = compare(
            options.model,
            tokens=options.tokens,
            keep=options.keep,
            layer=options.layer,
            runs=options.runs,
            device=options.device,
            cores=options.cores,
        )
    except TersusError as error:
        hint = f" {error.hint}" if error.hint else ""
        Console(stderr=True).print(escape(f"{error}{hint}"))
        return 2
    if options.json:
        print(json.dumps(speed.as_dict(), indent=2))  # noqa: T201 - the result itself
        return 0
    _show(console, speed)
    return 0


def _prompt(causal: Any, tokens: int) -> list[int]:
    """English text that every Python has, as many tokens of it as asked for."""
    from pydoc_data.topics import topics

    text, ids = "", list[int]()
    for topic in topics.values():
        text += topic
        if len(text) > 3 * tokens and len(ids := causal.encode(text)) >= tokens:
            break
    return ids[:tokens]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tersus.eval.gemfilter.speed",
        description="Time and peak memory of GemFilter's two passes against the full prefill.",
    )
    parser.add_argument("--model", default="smollm2", help="alias, folder or hub name")
    parser.add_argument("--tokens", type=int, default=8000, help="tokens of the prompt (8000)")
    parser.add_argument("--keep", type=int, default=1024, help="tokens of the second pass (1024)")
    parser.add_argument("--layer", type=int, help="r, from 0; by default the profile's")
    parser.add_argument("--runs", type=int, default=3, help="runs of each arm (3)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--cores", type=int, help="threads of a CPU; by default as many as torch takes")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def _show(console: Console, speed: Speed) -> None:
    table = Table(title=f"{speed.model}: prefill of {speed.tokens} tokens, medians of {speed.runs} runs")
    for column in ("", "Seconds", "of them filter", "Peak memory above the weights"):
        table.add_column(column, justify="right" if column else "left")
    for name, run in (("full prefill", speed.full), (f"GemFilter, {speed.keep} kept", speed.gemfilter)):
        peak = "-" if run.peak_bytes is None else f"{run.peak_bytes / 2**20:,.0f} MiB"
        table.add_row(
            name, f"{run.seconds:.2f}", f"{run.filter_seconds:.2f}" if run.filter_seconds else "", peak
        )
    console.print(table)
    change = "" if speed.memory is None else f", peak memory {speed.memory:+.0%}"
    console.print(
        f"{speed.ratio:.2f}x faster{change}. Layer {speed.layer} of {speed.layers} allows "
        f"{speed.bound:.2f}x. {speed.hardware['device']}, {speed.hardware['threads']} threads.",
        highlight=False,
    )


def _median(runs: Sequence[Measured]) -> Measured:
    peaks = [run.peak_bytes for run in runs if run.peak_bytes is not None]
    return Measured(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.filter_seconds for run in runs),
        int(statistics.median(peaks)) if peaks else None,
    )


if __name__ == "__main__":
    sys.exit(main())
