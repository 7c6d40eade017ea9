"""The pages in headless Chromium; skipped where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tersus.eval.load.server import Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt install chromium")
TEXT = "The lighthouse 🗼 was built in 1887. Gulls nest there. It is white."


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    for name in list(os.environ):
        if name.startswith("TERSUS_") and name not in ("TERSUS_MODELS_DIR", "TERSUS_SMOLLM2_WHEEL"):
            del os.environ[name]
    environment = {
        "TERSUS_TOKENIZER": "cl100k",
        "TERSUS_SERVE_WARM": "false",
        "TERSUS_COMPRESS_TIMEOUT": "120",  # the first request loads its model, slowly on a busy machine
    }
    with Served(tmp_path_factory.mktemp("pages"), environment) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        made = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails the test where the browser complains."""
    made = browser.new_page(viewport={"width": 360, "height": 700})
    problems: list[str] = []
    made.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    made.on("pageerror", lambda error: problems.append(str(error)))
    yield made
    made.close()
    assert problems == []


def test_the_playground_shows_what_stays(served: Served, page: Any) -> None:
    page.goto(f"{served.url}/playground")
    # The question first: without a text nothing is asked, however long the machine takes between the two.
    page.fill("input[name=query]", "When was the lighthouse built?")
    page.fill("textarea[name=text]", TEXT)
    for name in ("exit", "similarity"):
        card = f"#results article[data-compressor={name}]"
        page.wait_for_selector(f"{card} :is(mark, .note, .problem)", timeout=150_000)
        assert page.query_selector(f"{card} del"), page.inner_text(card)
    for card in page.query_selector_all("#results article"):
        shown = "".join(part.inner_text() for part in card.query_selector_all("p mark, p del"))
        assert shown == TEXT
    page.focus("input[name=ratio]")
    page.keyboard.press("End")
    page.wait_for_selector("#results article[data-compressor=exit]:not(:has(del)):has(mark)", timeout=60_000)
    assert page.inner_text("#shown") == "100%"


def test_the_api_is_described_without_anything_from_elsewhere(served: Served, page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served.url}/docs")
    page.wait_for_selector("#operations-queries-compress", timeout=60_000)
    assert f"{served.url}/openapi.json" in asked
    assert [url for url in asked if not url.startswith((f"{served.url}/", "data:"))] == []


@pytest.mark.parametrize("path", ["/", "/queries", "/playground"])
def test_small_screens_need_no_sideways_scrolling(
    served: Served, page: Any, path: str, tmp_path: Path
) -> None:
    body = {"query": "When?", "passages": [TEXT] * 3, "compressor": "similarity", "budget": {"ratio": 0.5}}
    httpx.post(f"{served.url}/v1/compress", json=body, timeout=60).raise_for_status()
    page.goto(served.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="light")
    assert dark != page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
