"""``tersus serve``: the REST API."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import UsageProblem, settings_of, state_of

__all__ = ["serve"]


def serve(
    ctx: typer.Context,
    host: Annotated[
        str | None,
        typer.Option(
            show_default=False, help="Address to listen on; 127.0.0.1 by default. Others need keys."
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, show_default=False, help="Port; 8484 by default.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, show_default=False, help="Processes; more than one needs PostgreSQL."),
    ] = None,
    log_format: Annotated[
        str, typer.Option(metavar="FORM", help="auto (text on a terminal, otherwise JSON), json or text.")
    ] = "auto",
) -> None:
    """Serve the REST API, the OpenAI drop-in and the dashboard.

    Listens on this machine alone unless --host says otherwise, which needs an API key first
    ('tersus keys create NAME'). The API is described at /docs, the dashboard stands at /.
    Limits and CORS are set by TERSUS_SERVE_… variables. Stop it with Ctrl-C or SIGTERM: requests
    that run are finished first.
    """
    import logging

    if log_format not in ("auto", "json", "text"):
        raise UsageProblem(f"--log-format is {log_format!r}", hint="use auto, json or text")
    from ..http.config import load_config
    from ..http.serving import serve as run
    from .output import stderr

    settings = settings_of(ctx)
    config = load_config(host=host, port=port, workers=workers)
    shown = f"[{config.host}]" if ":" in config.host and not config.host.startswith("[") else config.host
    if stderr().is_terminal and log_format != "json":  # elsewhere every line is one of the log
        stderr().print(f"Tersus on http://{shown}:{config.port} (API: /docs, stop with Ctrl-C)")
    level = logging.DEBUG if state_of(ctx).verbose else logging.INFO
    run(settings, config, level=level, form=log_format)  # type: ignore[arg-type]
