"""``tersus train``: train the classifiers that Tersus ships, from labelled questions."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json, UsageProblem
from .typers import QuietTyper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...eval.exit.recipe import Recipe
    from ...eval.exit.training import Progress

__all__ = ["train_app"]

train_app = QuietTyper(help="Train the classifiers that Tersus ships.", no_args_is_help=True)


@train_app.command("exit", epilog="Example: tersus train exit --data-dir data --out weights --resume")
def train_exit(
    ctx: typer.Context,  # noqa: ARG001 - --json is noted in it
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for weights, checkpoint and metrics.json.")
    ] = Path("exit-weights"),
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", show_default=False,
            help="Folder of the data files (NAME.train.jsonl.gz, NAME.dev.jsonl.gz); see TERSUS_DATA_DIR.",
        ),
    ] = None,
    epochs: Annotated[
        float | None,
        typer.Option(
            min=0.001, metavar="N", show_default=False, help="Passes over the data, in place of the recipe's."
        ),
    ] = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SET", show_default=False,
            help="Leave this data set out of training, to see how an unseen one fares; repeatable.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", show_default=False, help="Seed of the draws.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")
    ] = False,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu or cuda.")] = "auto",
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", show_default=False, help="Use only N questions of each file: to try it out."
        ),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Train the sentence classifier of the compressor 'exit', then choose its threshold.

    Learns from the train files of hotpotqa, 2wikimultihopqa, qed, nq-open, squad2 and selqa; questions
    that stand in a dev file are left out. Threshold and calibrations are then chosen on the dev files.
    From Python, load_compressor("exit", model=DIR) uses the result.

    A run that is stopped goes on with --resume, and the same seed and machine give the same weights.
    On two CPU cores the recipe takes over an hour.
    """
    import torch

    from ...compressors.exit.weights import fast_in_bfloat16, save_exit_model
    from ...compressors.models.runtime import pick_device
    from ...eval.data import read_examples
    from ...eval.exit.choose import choose
    from ...eval.exit.outcome import hardware, write_metrics
    from ...eval.exit.questions import training_questions
    from ...eval.exit.recipe import Recipe
    from ...eval.exit.training import train
    from .calibrate_report import progress_bar

    recipe = _recipe(Recipe(), epochs, hold_out or [], seed)
    target = pick_device(device)
    questions, left_out = training_questions(recipe.plan, data_dir=data_dir, limit=limit)
    started = time.perf_counter()
    with _training_bar() as report:
        model = train(
            questions, recipe, out,
            device=str(target), half=fast_in_bfloat16(target), resume=resume, report=report,
        )  # fmt: skip
    seconds = time.perf_counter() - started
    trained = f"{recipe.epochs:g} epochs, seed {recipe.seed}"
    save_exit_model(model, out, encoder=recipe.encoder, threshold=0.5, trained=trained)
    dev = {name: list(read_examples(name, limit, data_dir=data_dir)) for name in Recipe().plan}
    with progress_bar("choosing the threshold", sum(map(len, dev.values()))) as advance:
        choice = choose(out, dev, device=str(target), advance=advance)
    values = {
        "recipe": recipe.to_dict(),
        "questions": len(questions),
        "left_out": left_out,
        "seconds_of_this_run": round(seconds, 1),
        "hardware": hardware(torch.device(target)),
        "dev": choice.to_dict(),
    }
    path = write_metrics(out, values)
    _print(path, values, as_json)


def _recipe(recipe: Recipe, epochs: float | None, hold_out: list[str], seed: int | None) -> Recipe:
    for name in hold_out:
        if name not in recipe.plan:
            raise UsageProblem(f"{name!r} is not trained on", hint=f"one of {', '.join(recipe.plan)}")
        recipe = recipe.without(name)
    if not recipe.plan:
        raise UsageProblem("nothing is left to train on", hint="hold fewer data sets out")
    recipe = recipe if epochs is None else replace(recipe, epochs=epochs)
    return recipe if seed is None else replace(recipe, seed=seed)


@contextmanager
def _training_bar() -> Iterator[Callable[[Progress], None]]:
    """A bar with loss and speed on a terminal; elsewhere a line every 100 steps."""
    from .output import stderr

    console = stderr()

    def line(p: Progress) -> None:
        if p.step % 100 == 0 or p.step == p.steps:
            console.print(f"step {p.step}/{p.steps}  loss {p.loss:.3f}  {p.tokens / p.seconds:,.0f} tokens/s")

    if not console.is_terminal:
        yield line
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=None),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("training", total=None)

        def move(p: Progress) -> None:
            speed = f"loss {p.loss:.3f}, {p.tokens / p.seconds:,.0f} tokens/s"
            bar.update(task, completed=p.step, total=p.steps, description=speed)

        yield move


def _print(path: Path, values: dict[str, Any], as_json: bool) -> None:
    from .output import print_json, stdout
    from .tables import print_table

    if as_json:
        print_json({"metrics": str(path), **values})
        return
    console = stdout()
    dev = values["dev"]
    columns = ["Data set (dev)", "Questions", "Answers lost", "Text kept"]
    rows = [
        [name, str(f["questions"]), f"{f['lost']:.1%}", f"{f['kept_text']:.1%}"]
        for name, f in dev["by_set"].items()
    ]
    print_table(console, columns, rows, numbers=columns[1:])
    console.print(f"Threshold {dev['threshold']:.3f}. Weights and {path.name} are in {path.parent}.")
