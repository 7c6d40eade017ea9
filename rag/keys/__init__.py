"""API keys: who may do what with the service, and how much a month."""

from __future__ import annotations

from .authenticate import KeyInvalid, any_keys, authenticate
from .budgets import BudgetExhausted, Budgets, Reservation
from .key import SCOPES, ApiKey
from .repository import KeyRepository, UnknownKey

__all__ = [
    "SCOPES",
    "ApiKey",
    "BudgetExhausted",
    "Budgets",
    "KeyInvalid",
    "KeyRepository",
    "Reservation",
    "UnknownKey",
    "any_keys",
    "authenticate",
]
