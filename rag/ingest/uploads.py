"""Files that came over the wire: read under a name of ours, stored under the sender's."""

from __future__ import annotations

import shutil
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from .readers import ParsedDocument, read_file
from .readers_names import title_from_name
from .readers_types import media_type_of

__all__ = ["Upload", "read_upload", "remove_left", "spool_name", "upload_folder"]

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on disk, and what its sender calls it: the document's external id."""

    name: str
    path: Path


def upload_folder(home: Path) -> Path:
    """A new folder for the files of one request."""
    folder = home / "uploads" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    return folder


def remove_left(home: Path) -> None:
    """Remove the files of processes that were killed: those that are older than a day."""
    uploads = home / "uploads"
    for folder in uploads.iterdir() if uploads.is_dir() else ():
        if time.time() - folder.stat().st_mtime > _DAY:
            shutil.rmtree(folder, ignore_errors=True)


def spool_name(number: int, name: str) -> str:
    """A file name that is ours, with the suffix by which readers go; nothing else of ``name``."""
    given = PurePosixPath(name.replace("\\", "/"))
    kind = media_type_of(given)
    suffix = given.suffix.lower() if kind is not None and given.suffix else ".txt" if kind else ".unknown"
    return f"{number}{suffix}"


def read_upload(upload: Upload, max_bytes: int) -> list[ParsedDocument]:
    """The documents of the file, named as their sender named it. Raises a FileRefused."""
    named = title_from_name(PurePosixPath(upload.name.replace("\\", "/")))
    return [
        replace(
            document,
            external_id=upload.name if n == 0 else f"{upload.name}#{n}",
            title=named if document.title == title_from_name(upload.path) else document.title,
        )
        for n, document in enumerate(read_file(upload.path, max_bytes=max_bytes))
    ]
