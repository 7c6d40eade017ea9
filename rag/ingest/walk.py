"""Paths in, files out: each file once, in a stable order."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import TersusError
from .readers_bytes import check_mode
from .readers_errors import FileRefused, FileUnreadable
from .readers_names import display_name, external_id_of_real

__all__ = ["FoundFile", "PathNotFound", "Refusal", "find_files"]

_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file: where it was found, and its identity (`readers_names.external_id`)."""

    path: Path
    external_id: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something found that is no readable file or folder (broken link, pipe, no permission), and why."""

    path: Path
    external_id: str
    error: FileRefused


class PathNotFound(TersusError):
    """Paths that were given and do not exist; ``paths`` has all of them."""

    code = "path_not_found"

    def __init__(self, paths: Sequence[Path]) -> None:
        names = ", ".join(display_name(path) for path in paths)
        super().__init__(f"not found: {names}", hint="check the paths; nothing was read")
        self.paths = list(paths)


def find_files(paths: Sequence[Path]) -> Iterator[FoundFile | Refusal]:
    """The files given, and those in the folders given, folders within folders included.

    The order is that of ``paths``, then by name (by code point). Symbolic links are followed; each file and
    each folder is visited once, so loops end. Within folders, hidden names and the folders of tools (`.git`,
    `.venv`, `node_modules`, `__pycache__`, ...) are passed over; a path that is given itself never is.

    Raises PathNotFound at once, not at the first item, with every path that does not exist.
    """
    missing = [path for path in paths if not _exists(path)]
    if missing:
        raise PathNotFound(missing)
    return _walk(list(paths))


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        return True  # perhaps: the walk will tell
    except (OSError, ValueError):  # missing, a broken or endless link, an impossible name
        return False
    return True


def _walk(paths: list[Path]) -> Iterator[FoundFile | Refusal]:
    seen: set[Path] = set()
    # A stack of our own: folders may be nested more deeply than Python functions. With each path its real
    # one, which a folder hands down, since resolving takes a look at every folder above.
    todo = [(path, Path(os.path.realpath(path))) for path in reversed(paths)]
    while todo:
        path, real = todo.pop()
        if real in seen:
            continue
        seen.add(real)
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                todo.extend(reversed(_entries(path, real)))
                continue
            check_mode(mode)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            hint = "check that it exists and that you may read it"
            refused: FileRefused = FileUnreadable(f"cannot be read: {reason}", hint=hint)
        except FileUnreadable as error:
            refused = error
        else:
            yield FoundFile(path, external_id_of_real(real))
            continue
        refused.path = display_name(path)
        yield Refusal(path, external_id_of_real(real), refused)


def _entries(folder: Path, real: Path) -> list[tuple[Path, Path]]:
    entries = []
    with os.scandir(folder) as found:
        for entry in sorted(found, key=lambda entry: entry.name):
            if not _passed_over(entry):
                path = folder / entry.name
                linked = entry.is_symlink()
                entries.append((path, Path(os.path.realpath(path)) if linked else real / entry.name))
    return entries


def _passed_over(entry: os.DirEntry[str]) -> bool:
    if entry.name in _SKIPPED_FOLDERS:
        return entry.is_dir(follow_symlinks=False) or entry.is_symlink()
    return entry.name.startswith(".")
