"""Templates with everything escaped, and the headers that every page carries."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from ...cli.figures import duration, money, share

__all__ = ["HEADERS", "REPORT_HEADERS", "page"]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
REPORT_HEADERS = HEADERS | {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; sandbox"
    )
}
"""Of an evaluation's report, which carries its styles within itself and has no script to run."""


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from its template."""
    html = _environment().get_template(template).render(version=version("tersus"), **values)
    return HTMLResponse(html, status, HEADERS)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("tersus.service.http.pages"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {
        "number": lambda value: "–" if value is None else f"{value:,}",
        "short": _short,
        "share": lambda value: "–" if value is None else share(value),
        "money": lambda value: "–" if value is None else money(Decimal(value)),
        "seconds": lambda value: "–" if value is None else duration(value),
        "moment": lambda value: "–" if value is None else _moment(value),
    }
    return made


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def _short(value: float | None) -> str:
    """1234567 as 1.2M."""
    if value is None:
        return "–"
    for size, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1000 if name == 'k' else size):,.1f}{name}"
    return f"{value:,.0f}"
