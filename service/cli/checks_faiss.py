"""The doctor's checks of FAISS: which wheels there are, which one is in use, and where indexes search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...errors import TersusError
from .check import Check

if TYPE_CHECKING:
    from ...indexes.faiss_wheels import Wheel
    from ...rag import Settings

__all__ = ["wheels"]

_GPU_WHEEL = "pip uninstall -y faiss-cpu; pip install 'tersus[gpu]'"


def wheels(settings: Settings | None) -> Iterable[Check]:
    """FAISS's wheels and compile options, and the device that indexes use; two wheels are not imported."""
    from ...indexes.faiss_lib import faiss
    from ...indexes.faiss_wheels import FaissConflict, check_wheels, installed_wheels

    found = installed_wheels()
    try:
        check_wheels()
        library = faiss()
    except FaissConflict as error:  # not imported: a mixture of two builds may crash
        yield Check("faiss", False, f"{_named(found)}; {_in_use(found[0])}", error.hint)
        return
    except TersusError as error:
        there = f"{_named(found)}: " if found else ""
        yield Check("faiss", False, f"{there}{error.message}", error.hint)
        return
    wheel = _named(found) if found else "no wheel of the package index (conda, or built from source)"
    options = str(library.get_compile_options()).strip()
    yield Check("faiss", True, f"{library.__version__} from {wheel}, the only one; compiled with {options}")
    yield _device(library, "auto" if settings is None else settings.index_device)


def _named(found: list[Wheel]) -> str:
    return " and ".join(f"{wheel.name} {wheel.version}" for wheel in found)


def _in_use(wheel: Wheel) -> str:
    return (
        f"in use is {wheel.name}, installed last: of its {wheel.files} files {wheel.whole} lie there as it "
        "brought them"
    )


def _device(library: Any, asked: str) -> Check:
    from ...indexes.device import choose

    chosen, reason = choose(asked)
    detail = f"{chosen}, because {reason}; asked for: {asked}"
    if chosen == "cpu" and asked.startswith("cuda"):
        return Check("index device", False, detail, _mend(library), needed=False)
    if chosen == "cpu" and asked == "auto" and not hasattr(library, "StandardGpuResources") and _torch_sees():
        return Check("index device", True, f"{detail}; torch sees a GPU", _GPU_WHEEL)
    return Check("index device", True, detail)


def _mend(library: Any) -> str:
    if hasattr(library, "StandardGpuResources"):
        return "check the driver with nvidia-smi, or set TERSUS_INDEX_DEVICE to a card that is there"
    return _GPU_WHEEL


def _torch_sees() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())
