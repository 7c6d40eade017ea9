"""``python -m tersus.eval.screenshots FOLDER``: the service's pages over real compressions, as pictures.

The rows are compressions of Python's own documentation, made on the spot; their times are spread over two
weeks, so that the chart has days to show. Needs Chromium and the ``dev`` extra.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from sqlalchemy import select

from ..errors import NotInstalled, TersusError
from ..rag.ledger import Database
from ..rag.ledger.tables import Query
from .load.material import asks
from .load.server import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["chromium", "fill", "main", "take"]

_BUDGETS: tuple[dict[str, object], ...] = (
    {"ratio": 0.25},
    {"adaptive": True},
    {"ratio": 0.5},
    {"ratio": 0.25},
)
_SHOTS = (
    ("dashboard-light", "/", "light", 1100),
    ("dashboard-dark", "/", "dark", 1100),
    ("dashboard-small", "/", "light", 360),
    ("query-light", "/queries/{query}", "light", 1100),
    ("playground-dark", "/playground", "dark", 1100),
)


def chromium() -> str:
    """The browser's path. Raises NotInstalled."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise NotInstalled("no Chromium was found", hint="apt install chromium")


def fill(url: str, database: str, count: int = 60) -> str:
    """Compress ``count`` times; returns the id of the row that is worth a look."""
    chance = random.Random(4)  # noqa: S311 - not a secret
    shown = ""
    with httpx.Client(base_url=url, timeout=120) as http:
        for number, ask in enumerate(asks(count, seed=11)):
            name = "similarity" if number % 5 == 0 else "exit"
            question = f"What does the reference say about {ask.passages[0].title}?"
            body = {**ask.body(compressor=name, budget=_BUDGETS[number % 4]), "query": question}
            body["passages"] = body["passages"][: chance.randint(3, 8)]
            answer = http.post("/v1/compress", json=body)
            answer.raise_for_status()
            if name == "exit":
                shown = str(answer.json()["id"])
    with Database(database).session(write=True) as session:
        for row in session.scalars(select(Query).where(Query.id != shown)):
            ago = timedelta(
                days=min(chance.randrange(14), chance.randrange(18)), minutes=chance.randrange(600)
            )
            row.created_at -= ago
            row.finished_at = None if row.finished_at is None else row.finished_at - ago
    return shown


def take(browser: Browser, url: str, query: str, folder: Path) -> list[Path]:
    """Photograph every page; returns the files."""
    made = []
    for name, path, scheme, width in _SHOTS:
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(url + path.format(query=query))
        if path == "/playground":
            page.wait_for_selector("#results article mark", timeout=60_000)
            page.wait_for_selector("#status:empty", state="attached", timeout=60_000)
        file = folder / f"{name}.png"
        page.screenshot(path=file, full_page=path == "/playground")
        made.append(file)
        page.close()
    return made


def main(arguments: Sequence[str]) -> int:
    """Take all pictures. Returns 0, 1 where that failed, 2 for a wrong call."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tersus.eval.screenshots FOLDER\n")
        return 2
    from playwright.sync_api import sync_playwright

    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory() as home, sync_playwright() as play:
            prices = {"TERSUS_TOKENIZER": "o200k", "TERSUS_PRICE_MODEL": "gpt-4o-mini"}
            with Served(Path(home), prices) as served:
                query = fill(served.url, f"sqlite:///{home}/tersus.db")
                browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
                for file in take(browser, served.url, query, folder):
                    sys.stdout.write(f"{file}\n")
                browser.close()
    except TersusError as error:
        sys.stderr.write(f"error [{error.code}] {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
