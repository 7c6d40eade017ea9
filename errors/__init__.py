"""The one base class of every error that Tersus raises on purpose.

It stands below the ground floor because compressors and indexes may not import
each other, yet callers must be able to catch both with one ``except``.
"""

from __future__ import annotations

__all__ = ["InvalidInput", "NotInstalled", "TersusError"]


class TersusError(Exception):
    """Base class: a stable ``code`` for programs, a message and a ``hint`` for people.

    Subclasses set ``code`` once and never change it: clients match on it.
    ``hint`` names the fix (a command, a setting); it is shown behind the message.
    """

    code: str = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InvalidInput(TersusError, ValueError):
    """What the caller gave cannot be used: wrong type, empty question, impossible budget."""

    code = "invalid_input"


class NotInstalled(TersusError, ImportError):
    """An optional package or a model is missing; the hint gives the command that installs it."""

    code = "not_installed"
