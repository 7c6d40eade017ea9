"""The floor plan: imports run downwards only, and the rooms stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "compressors": {"errors"},
    "indexes": {"errors"},
    "rag": {"errors", "compressors", "indexes"},
    "eval": {"errors", "compressors", "indexes", "rag"},
    "service": {"errors", "compressors", "indexes", "rag", "eval"},
    "migrations": set(),
}
HEAVY = {"torch", "transformers", "faiss", "llama_index", "sqlalchemy", "sklearn"}
MODULES = sorted(path for folder in MAY_IMPORT for path in (ROOT / folder).rglob("*.py"))


def imported_folders(source: str, module: Path) -> Iterator[str]:
    """The folders of ours that a module imports from, anywhere in it; ``module`` is relative to the root."""
    package = ["tersus", *module.with_suffix("").parts]
    package = package[:-1]  # an __init__ and a module alike: level 1 is the folder they stand in
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            # "from .. import x" names folders behind the word import.
            names = [[*base, alias.name] for alias in node.names] if base == ["tersus"] else [base]
        else:
            continue
        for name in names:
            if name[0] == "tersus" and len(name) > 1:
                yield name[1]


def _forbidden(source: str, module: Path) -> set[str]:
    home = module.parts[0]
    allowed = {home, *MAY_IMPORT[home]}
    if module == Path("migrations/env.py"):
        allowed |= {"rag", "errors"}
    return set(imported_folders(source, module)) - allowed


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards_only(path: Path) -> None:
    assert _forbidden(path.read_text("utf-8"), path.relative_to(ROOT)) == set()


@pytest.mark.parametrize(
    ("source", "module", "found"),
    [
        ("from ..rag import Tersus", "compressors/x.py", {"rag"}),
        ("from ...rag.ledger import Database", "compressors/models/x.py", {"rag"}),
        ("from .. import service", "rag/x.py", {"service"}),
        ("def f():\n    from tersus.service.cli import main", "eval/x.py", {"service"}),
        ("import tersus.indexes.flat", "compressors/__init__.py", {"indexes"}),
        ("from ..compressors import Passage", "indexes/x.py", {"compressors"}),
        ("from ...rag.ledger import tables", "migrations/versions/x.py", {"rag"}),
        ("from ..rag.ledger import tables", "migrations/env.py", set()),
        ("from .budget import Budget\nfrom ..errors import TersusError", "compressors/x.py", set()),
        ("if TYPE_CHECKING:\n    from ..eval import data", "rag/x.py", {"eval"}),
    ],
)
def test_this_test_sees_what_it_should(source: str, module: str, found: set[str]) -> None:
    assert _forbidden(source, Path(module)) == found


def test_rag_reaches_the_migrations_by_name_alone() -> None:
    assert "tersus.migrations:" in (ROOT / "rag/ledger/schema.py").read_text("utf-8")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_are_small_and_say_what_they_are(path: Path) -> None:
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(source))


def test_every_package_is_shipped_and_typed() -> None:
    listed = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    )
    found = {".".join(["tersus", *path.parent.relative_to(ROOT).parts]) for path in MODULES}
    assert found == listed
    assert all((ROOT / folder / "py.typed").is_file() for folder in MAY_IMPORT)


@pytest.mark.parametrize(
    "module", ["errors", "compressors", "indexes", "rag", "rag.ledger", "eval", "service.cli"]
)
def test_importing_a_package_loads_nothing_heavy(module: str) -> None:
    code = (
        f"import sys, tersus.{module}\n"
        f"heavy = {HEAVY} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
