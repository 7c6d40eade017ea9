"""Names of files as text: identity, display, title."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

__all__ = ["display_name", "external_id", "external_id_of_real", "title_from_name"]


def external_id(path: Path) -> str:
    """The file's identity: its absolute POSIX path with symbolic links resolved.

    So a file that is given twice, or through a link, is one document. A name that is not UTF-8 cannot be
    stored as text; its ``file:`` URI (RFC 8089, bytes percent-encoded) stands in. No absolute path begins
    with ``file:``, so two files never share an identity.
    """
    return external_id_of_real(Path(os.path.realpath(path)))


def external_id_of_real(real: Path) -> str:
    """`external_id` of a path that is absolute and free of links already."""
    try:
        return real.as_posix().encode("utf-8").decode("utf-8")
    except UnicodeEncodeError:
        return real.as_uri()


def display_name(path: PurePath) -> str:
    """The path on one line without control characters: safe for logs and terminals."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def title_from_name(path: PurePath) -> str:
    """File name without suffix, ``_`` and ``-`` as blanks; never empty."""
    stem = os.fsencode(path.stem).decode("utf-8", "replace")
    words = " ".join("".join(c if c.isprintable() else " " for c in stem.translate(_BLANKS)).split())
    return words or display_name(path.with_name(path.name or "untitled")).rpartition("/")[2]


_BLANKS = str.maketrans("_-", "  ")
