"""The floor plan holds: imports run downwards, files stay small, and a package is cheap to import."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAME = "tersus"
MAY_IMPORT = {
    "errors": set[str](),
    "compressors": {"errors"},
    "indexes": {"errors"},
    "rag": {"errors", "compressors", "indexes"},
    "eval": {"errors", "compressors", "indexes", "rag"},
    "service": {"errors", "compressors", "indexes", "rag", "eval"},
    "migrations": set[str](),
}
MIGRATIONS_ENV = "migrations/env.py"
ENV_MAY_IMPORT = {"tersus.errors", "tersus.rag.ledger.tables"}
MAX_LINES = 400
HEAVY = ("torch", "transformers", "faiss", "llama_index", "sqlalchemy")

Import = tuple[int, str]
"""Line and absolute dotted name."""


def files() -> list[Path]:
    """Every Python file of the packages, relative to the root."""
    found = [path for folder in MAY_IMPORT for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path.relative_to(ROOT) for path in found if "__pycache__" not in path.parts]


def imports(path: Path, source: str) -> Iterator[Import]:
    """All imports of a file wherever they stand, those by `import_module` of a constant included."""
    package = (NAME, *path.parent.parts)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (
                (node.lineno, f"{module}.{alias.name}" if module else alias.name) for alias in node.names
            )
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            named = str(node.args[0].value)
            if called in ("import_module", "__import__") and not named.startswith("."):
                yield node.lineno, named


def edges(path: Path, source: str) -> Iterator[tuple[int, str, str]]:
    """Imports from another folder of ours: line, folder, dotted name. Bare folder names are ours, too."""
    own = path.parts[0]
    for line, name in imports(path, source):
        first, *rest = name.split(".")
        folder = rest[0] if first == NAME and rest else first
        if (first == NAME or first in MAY_IMPORT) and (folder != own or first != NAME):
            yield line, folder, name


def broken(path: Path, source: str) -> list[str]:
    """What in a file breaks the floor plan, a line each."""
    own = path.parts[0]
    found = []
    for line, folder, name in edges(path, source):
        allowed = folder in MAY_IMPORT[own]
        if path.as_posix() == MIGRATIONS_ENV:
            allowed = any(name.startswith(f"{one}.") for one in ENV_MAY_IMPORT)
        if not name.startswith(f"{NAME}."):
            allowed = False  # it works from the root alone, and collides with other people's packages
        if not allowed:
            found.append(f"{path}:{line} imports {name}")
    if own == "errors":
        found += [
            f"{path}:{line} imports {name}, which is not of the standard library"
            for line, name in imports(path, source)
            if name.split(".")[0] not in {*sys.stdlib_module_names, NAME}
        ]
    return found


def test_no_import_runs_upwards() -> None:
    assert len(files()) > 100
    assert [line for path in files() for line in broken(path, (ROOT / path).read_text())] == []


def test_no_two_folders_import_each_other() -> None:
    graph: dict[str, set[str]] = {folder: set() for folder in MAY_IMPORT}
    for path in files():
        graph[path.parts[0]].update(folder for _, folder, _ in edges(path, (ROOT / path).read_text()))
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"folders import each other: {error.args[1]}")
    assert order.index("errors") == 0
    assert graph["compressors"] == graph["indexes"] == {"errors"}
    assert graph["rag"] == {"errors", "compressors", "indexes"}


def test_migrations_are_reached_by_their_name_alone() -> None:
    importers = {
        path.as_posix()
        for path in files()
        for _, folder, _ in edges(path, (ROOT / path).read_text())
        if folder == "migrations"
    }
    assert importers == set()
    named = [path.as_posix() for path in files() if '"tersus.migrations:"' in (ROOT / path).read_text()]
    assert named == ["rag/ledger/schema.py"]
    tables = {
        name for _, folder, name in edges(Path(MIGRATIONS_ENV), (ROOT / MIGRATIONS_ENV).read_text())
        if folder == "rag"
    }  # fmt: skip
    assert tables == {"tersus.rag.ledger.tables.metadata"}


@pytest.mark.parametrize(
    ("path", "source", "told"),
    [
        ("rag/x.py", "from ..service import cli", "tersus.service.cli"),
        ("rag/x.py", "from .. import eval", "tersus.eval"),
        ("rag/ledger/x.py", "from ... import service as s", "tersus.service"),
        ("rag/ledger/x.py", "from ...migrations import env", "tersus.migrations.env"),
        ("rag/__init__.py", "import tersus.eval.bench", "tersus.eval.bench"),
        ("rag/x.py", "def f():\n    from tersus.eval import bench", "tersus.eval.bench"),
        ("rag/x.py", "if TYPE_CHECKING:\n    from ..eval import bench", "tersus.eval.bench"),
        ("rag/x.py", "import_module('tersus.eval.bench')", "tersus.eval.bench"),
        ("rag/x.py", "importlib.import_module('tersus.service')", "tersus.service"),
        ("rag/x.py", "import compressors", "compressors"),
        ("rag/x.py", "from indexes import Index", "indexes.Index"),
        ("rag/x.py", "from rag.app import Tersus", "rag.app.Tersus"),
        ("eval/x.py", "from ..service.cli import app", "tersus.service.cli.app"),
        ("compressors/x.py", "from ..rag import Tersus", "tersus.rag.Tersus"),
        ("compressors/models/x.py", "from ...indexes import Index", "tersus.indexes.Index"),
        ("indexes/x.py", "from tersus.compressors import Passage", "tersus.compressors.Passage"),
        ("errors/x.py", "from ..rag import Tersus", "tersus.rag.Tersus"),
        ("errors/x.py", "import numpy as np", "numpy"),
        ("migrations/versions/1.py", "from tersus.errors import InvalidInput", "tersus.errors.InvalidInput"),
        ("migrations/env.py", "from tersus.rag.ledger.engine import Database", "tersus.rag.ledger.engine"),
        ("service/x.py", "from ..migrations import env", "tersus.migrations.env"),
        ("service/x.py", "import tersus.unheard_of", "tersus.unheard_of"),
    ],
)
def test_what_breaks_the_plan_is_found(path: str, source: str, told: str) -> None:
    [line] = broken(Path(path), source)
    assert line.startswith(f"{path}:{source.count(chr(10)) + 1} imports {told}")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("rag/x.py", "from ..compressors import Passage\nfrom ..errors import TersusError\nimport json"),
        (
            "rag/ledger/x.py",
            "from ..app import Tersus\nfrom . import tables\nfrom ...indexes.base import Index",
        ),
        ("rag/x.py", "import_module(f'.{name}', __name__)\nimport_module('.app', __name__)"),
        ("service/cli/x.py", "from ...eval.bench import main\nfrom ...rag import Tersus\nimport typer"),
        ("errors/x.py", "from __future__ import annotations\nimport json"),
        ("indexes/x.py", "import faiss\nfrom .base import Index"),
    ],
)
def test_what_keeps_to_the_plan_is_let_through(path: str, source: str) -> None:
    assert broken(Path(path), source) == []


def test_no_file_of_the_packages_is_longer_than_400_lines() -> None:
    lengths = {path.as_posix(): len((ROOT / path).read_text().splitlines()) for path in files()}
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}
    assert max(lengths.values()) > 100  # it does read them


def test_every_module_says_what_it_is_for() -> None:
    docstrings = {path: ast.get_docstring(ast.parse((ROOT / path).read_text())) for path in files()}
    assert [str(path) for path, said in docstrings.items() if not (said and said.strip())] == []


def test_every_package_is_listed_typed_and_complete() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {path.parent for path in files()}
    assert sorted(setuptools["packages"]) == sorted(".".join((NAME, *package.parts)) for package in packages)
    assert setuptools["package-dir"] == {f"{NAME}.{folder}": folder for folder in MAY_IMPORT}
    assert [str(package) for package in packages if not (ROOT / package / "__init__.py").is_file()] == []
    assert [folder for folder in MAY_IMPORT if not (ROOT / folder / "py.typed").is_file()] == []


def test_what_lies_beside_the_modules_is_installed_with_them() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    data = setuptools["package-data"]
    packages = {
        package.removeprefix(f"{NAME}.").replace(".", "/"): package for package in setuptools["packages"]
    }
    others = [
        path.relative_to(ROOT).as_posix()
        for folder in MAY_IMPORT
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    ]
    assert "rag/prices.toml" in others

    def installed(path: str) -> bool:
        # The patterns of a package are relative to its folder.
        owner = next(str(folder) for folder in Path(path).parents if str(folder) in packages)
        inside = Path(path).relative_to(owner)
        patterns = [*data["*"], *data.get(packages[owner], [])]
        return any(fnmatch(str(inside), p) and str(inside).count("/") == p.count("/") for p in patterns)

    assert [path for path in others if not installed(path)] == []


def loaded_by(module: str) -> set[str]:
    """Which of the heavy packages a new interpreter has loaded after importing ``module``."""
    program = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.split()) & set(HEAVY)


@pytest.mark.parametrize(
    "module",
    [
        "tersus.errors",
        "tersus.compressors",
        "tersus.compressors.models",
        "tersus.compressors.segment",
        "tersus.indexes",
        "tersus.rag",
        "tersus.rag.ingest",
        "tersus.rag.ledger",
        "tersus.eval",
        "tersus.service",
        "tersus.service.cli",
    ],
)
def test_importing_a_package_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(module) == set()


def test_what_is_heavy_is_noticed_when_it_is_loaded() -> None:
    assert loaded_by("tersus.rag.ledger.engine") == {"sqlalchemy"}
