"""Why a file was not read: one subclass and one stable code for each reason."""

from __future__ import annotations

from ...errors import TersusError

__all__ = [
    "FileBinary",
    "FileDamaged",
    "FileEmpty",
    "FileEncoding",
    "FileEncrypted",
    "FileRefused",
    "FileTooLarge",
    "FileTypeUnsupported",
    "FileUnreadable",
    "ParserNotStarted",
]


class FileRefused(TersusError):
    """One file gives no document; the others are not concerned.

    ``path`` is the file's printable name, once it is known (parsers see bytes, not paths).
    ``skipped`` is True where this is nothing to worry about: an empty file, a type that is not read.
    """

    code = "file_refused"
    skipped: bool = False

    def __init__(self, message: str, *, hint: str | None = None, path: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {super().__str__()}" if self.path else super().__str__()


class FileTooLarge(FileRefused):
    """More bytes than the limit that protects memory."""

    code = "file_too_large"


class FileBinary(FileRefused):
    """Binary content behind a name that promises text."""

    code = "file_binary"


class FileEncoding(FileRefused):
    """Text whose encoding cannot be told with confidence."""

    code = "file_encoding"


class FileDamaged(FileRefused):
    """A file that is broken, or costs more to parse than any honest file does."""

    code = "file_damaged"


class FileEncrypted(FileRefused):
    """A PDF that opens only with a password."""

    code = "file_encrypted"


class FileEmpty(FileRefused):
    """No text in the file: skipped."""

    code = "file_empty"
    skipped = True


class FileTypeUnsupported(FileRefused):
    """A type of file that is not read: skipped."""

    code = "file_type_unsupported"
    skipped = True


class FileUnreadable(FileRefused):
    """No permission, vanished, a folder, or a pipe, socket or device."""

    code = "file_unreadable"


class ParserNotStarted(TersusError):
    """The process that parses PDF and HTML did not start; no file is to blame."""

    code = "parser_not_started"
