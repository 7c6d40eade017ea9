"""``tersus tune``: measure on this machine what a compressor's settings should be for a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json, UsageProblem
from .typers import QuietTyper

if TYPE_CHECKING:
    from ...eval.gemfilter.tune import Tuning

__all__ = ["tune_app"]

tune_app = QuietTyper(help="Find settings of a compressor by measurement.", no_args_is_help=True)


@tune_app.callback()
def _several() -> None:
    """Find settings of a compressor by measurement."""


@tune_app.command("gemfilter", epilog="Example: tersus tune gemfilter --model smollm2 --questions 45")
def tune_gemfilter(
    ctx: typer.Context,  # noqa: ARG001 - --json is noted in it
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Alias, folder or hub name of a causal language model.")
    ] = "smollm2",
    questions: Annotated[int, typer.Option(min=2, metavar="N", help="Questions of the train files.")] = 45,
    needles: Annotated[int, typer.Option(min=2, metavar="N", help="Sentences hidden in haystacks.")] = 20,
    passages: Annotated[int, typer.Option(min=2, metavar="N", help="Passages of each of them.")] = 6,
    granularity: Annotated[
        list[str] | None,
        typer.Option(
            metavar="UNIT", show_default=False,
            help="What is kept or dropped whole: token, word or sentence; repeatable, and then averaged. "
            "By default token and sentence.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", show_default=False,
            help="Folder of the data files (NAME.train.jsonl.gz); see TERSUS_DATA_DIR.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False,
            help="File of profiles to write to, in place of gemfilter.toml in the folder of models.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, and write nothing.")] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the draws.")] = 0,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu or cuda.")] = "auto",
    as_json: Json = False,
) -> None:  # fmt: skip
    """Find the layer and the pooling with which GemFilter loses the fewest answers of a model.

    Measures every layer on needles in haystacks and on questions of the train files of hotpotqa,
    2wikimultihopqa, squad2, nq-open and qed, and takes the earliest layer that is within one standard
    error of the best. The figure is the area under the curve of answer recall against the share of text kept:
    1 is perfect.

    The profile is used from then on, by gemfilter and by GemFilterLLM. With SmolLM2 on two CPU cores it
    takes some five minutes.
    """
    from typing import get_args

    from ...compressors.gemfilter.profiles import write_profile
    from ...compressors.gemfilter.ranks import Granularity
    from ...compressors.models.causal import load_causal
    from ...eval.gemfilter.trials import needle_trials, question_trials
    from ...eval.gemfilter.tune import GRANULARITIES, choose, measure
    from .calibrate_report import progress_bar

    units: list[Any] = granularity or list(GRANULARITIES)
    if unknown := set(units).difference(get_args(Granularity)):
        raise UsageProblem(
            f"there is no granularity {min(unknown)!r}", hint=f"one of {', '.join(get_args(Granularity))}"
        )
    folder = None if data_dir is None else str(data_dir)
    trials = [
        *question_trials(questions, passages=passages, seed=seed, data_dir=folder),
        *needle_trials(needles, passages=passages, seed=seed, data_dir=folder),
    ]
    causal = load_causal(model, device)
    with progress_bar("measuring", len(trials)) as advance:
        measured = measure(causal, trials, granularities=units, advance=advance)
    tuning = choose(model, trials, measured)
    written = None if dry_run else write_profile(tuning.profile, out)
    _print(tuning, written, as_json)


def _print(tuning: Tuning, written: Path | None, as_json: bool) -> None:
    from .output import print_json, stdout
    from .tables import print_table

    if as_json:
        print_json({"profile": None if written is None else str(written), **tuning.as_dict()})
        return
    console = stdout()
    at = tuning.kernels.index(tuning.profile.kernel)
    kinds = list(tuning.by_kind)
    columns = ["Layer", "All", *(kind.capitalize() for kind in kinds), "At most"]
    rows = [
        [
            f"{layer}{' *' if layer == tuning.profile.layer else ''}",
            *(f"{values[layer, at]:.3f}" for values in (tuning.areas, *tuning.by_kind.values())),
            f"{tuning.profile.layers / max(layer, 1):.1f}x",
        ]
        for layer in range(tuning.profile.layers)
    ]
    print_table(console, columns, rows, numbers=columns[1:])
    console.print(
        f"\nLayer {tuning.profile.layer} of {tuning.profile.layers}, averaged over {tuning.profile.kernel} "
        f"tokens; the best was layer {tuning.best[0]} over {tuning.best[1]}, "
        f"and the difference has a standard error of {tuning.error:.3f}.",
        highlight=False,
    )
    console.print("Nothing was written." if written is None else f"Written to {written}", highlight=False)
