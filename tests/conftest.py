"""Shared by all tests: no deadline in hypothesis, and nothing ever touches the user's own data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# Two busy cores make a deadline a matter of luck; how many examples stays each test's choice.
settings.register_profile("tersus", deadline=None, print_blob=True)
settings.load_profile("tersus")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings come from the test alone, and data goes to a folder of its own; models stay where they are."""
    import os

    for name in [n for n in os.environ if n.startswith("TERSUS_") and n not in _KEPT]:
        monkeypatch.delenv(name)
    home: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TERSUS_HOME", str(home))


_KEPT = {"TERSUS_MODELS_DIR", "TERSUS_DATA_DIR", "TERSUS_SMOLLM2_WHEEL"}
