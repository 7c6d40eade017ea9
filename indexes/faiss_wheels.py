"""Which packages have installed a ``faiss``, and whose files lie there."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from ..errors import TersusError

__all__ = ["WHEELS", "FaissConflict", "Wheel", "check_wheels", "installed_wheels"]

WHEELS = (
    "faiss",
    "faiss-cpu",
    "faiss-gpu",
    "faiss-gpu-cuvs",
    "faiss-gpu-cu11",
    "faiss-gpu-cu12",
    "faiss-gpu-cu12-cuvs",
    "faiss-gpu-cu13-cuvs",
    "faiss-cuda",
    "faiss-cuda-cu128",
)
"""Packages of the index that bring a module ``faiss``."""


class FaissConflict(TersusError):
    """Several packages have installed a ``faiss`` into one environment."""

    code = "faiss_conflict"


@dataclass(frozen=True, slots=True)
class Wheel:
    """An installed package with a ``faiss``.

    whole: of its ``files`` files, how many are there with the size that it gave them.
    """

    name: str
    version: str
    files: int
    whole: int


def installed_wheels() -> list[Wheel]:
    """The packages that have installed a ``faiss``; the one whose files lie there comes first."""
    found = [wheel for name in WHEELS if (wheel := _wheel(name)) is not None]
    return sorted(found, key=lambda wheel: wheel.files - wheel.whole)


def check_wheels() -> None:
    """Raise FaissConflict where there are several: pip lets one overwrite the other without a word."""
    found = installed_wheels()
    if len(found) > 1:
        named = " and ".join(f"{wheel.name} {wheel.version}" for wheel in found)
        raise FaissConflict(
            f"FAISS is installed by {named}, which overwrite each other's files", hint=_mend(found)
        )


def _mend(found: list[Wheel]) -> str:
    """All have to go: what one removes, the other lacks."""
    names = " ".join(sorted(wheel.name for wheel in found))
    return f"pip uninstall -y {names}; pip install 'tersus[gpu]' (or 'tersus[cpu]')"


def _wheel(name: str) -> Wheel | None:
    try:
        installed: Distribution = distribution(name)
    except PackageNotFoundError:
        return None
    files = [file for file in installed.files or [] if file.parts[0] == "faiss" and file.size is not None]
    if not files:  # a package that only requires another one
        return None
    whole = 0
    for file in files:
        try:
            whole += installed.locate_file(file).stat().st_size == file.size  # type: ignore[attr-defined]
        except OSError:
            continue
    return Wheel(installed.metadata["Name"], installed.version, len(files), whole)
