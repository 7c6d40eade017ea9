"""What is to be run, as a value: from the command line or from a TOML file."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ...compressors import Budget
from ...errors import InvalidInput
from ..bench_options import parse_spec
from ..peers import PEERS

__all__ = ["ADAPTIVE", "NO_BUDGET", "RunSpec", "parse_budget", "read_spec"]

ADAPTIVE, NO_BUDGET = "adaptive", "-"
_UNSCORED = frozenset({"head", "random", "sentence-optimizer", *PEERS})  # only a size says anything to them


class RunSpec(BaseModel):
    """A run's description. ``budgets``: ``adaptive``, a ratio as ``0.25``, or ``max_tokens=500``.

    ``datasets``: names in the folder of data, files or folders (see :mod:`tersus.eval.sources`).
    ``compressors``: names with options, as ``exit:hops=2``, and chains, as ``exit+frugal``.
    ``readers``: ``none``, ``oracle``, ``local`` or ``local:MODEL``, or ``URL#MODEL`` of an OpenAI-compatible
    endpoint. ``retrieve``: passages to find for each question among those of all of them, 0 for those given.
    ``batch``: questions in a unit of work, the least that is done again after a kill.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "evaluation"
    datasets: tuple[str, ...] = Field(min_length=1)
    compressors: tuple[str, ...] = Field(min_length=1)
    budgets: tuple[str, ...] = (ADAPTIVE,)
    readers: tuple[str, ...] = ("none",)
    judge: str | None = None
    limit: int | None = Field(default=None, ge=1)
    split: str = "dev"
    retrieve: int = Field(default=0, ge=0, le=1000)
    seed: int = Field(default=0, ge=0)
    batch: int = Field(default=8, ge=1, le=1024)
    prices: tuple[str, ...] = ("gpt-4.1-mini", "gpt-5", "claude-sonnet-5")

    @field_validator("datasets", "compressors", "budgets", "readers", "prices")
    @classmethod
    def _each_once(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value.strip() for value in values if value.strip()))

    @field_validator("budgets")
    @classmethod
    def _budgets(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            parse_budget(value)
        return values

    @field_validator("compressors")
    @classmethod
    def _compressors(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            parse_spec(value)
        return values

    @property
    def hash(self) -> str:
        """16 hex digits over everything but the name, which changes no figure."""
        text = json.dumps(self.model_dump(mode="json", exclude={"name"}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def budgets_of(self, compressor: str) -> tuple[str, ...]:
        """The budgets that say something to it: one dash for ``none``, sizes alone for what has no scores."""
        name = parse_spec(compressor)[0]
        if name == "none":
            return (NO_BUDGET,)
        return tuple(b for b in self.budgets if not (b == ADAPTIVE and name in _UNSCORED))

    @property
    def reading(self) -> tuple[str, ...]:
        """The readers that read."""
        return tuple(reader for reader in self.readers if reader != "none")


def parse_budget(text: str) -> Budget:
    """The budget of its text form.

    Raises:
        InvalidInput: it is none.
    """
    try:
        if text in (ADAPTIVE, NO_BUDGET):
            return Budget()
        if text.startswith("max_tokens="):
            return Budget(max_tokens=int(text.removeprefix("max_tokens=")))
        return Budget(ratio=float(text.removeprefix("ratio=")))
    except ValueError as error:
        hint = "write adaptive, a share such as 0.25, or max_tokens=500"
        raise InvalidInput(f"{text!r} is no budget: {error}", hint=hint) from error


def read_spec(path: Path | None, **given: Any) -> RunSpec:
    """The description in a TOML file, with what was ``given`` besides (None: not given) in its place.

    Raises:
        InvalidInput: the file cannot be read, or what it says is no description of a run.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"{path}: {error}", hint="TOML is expected: see tersus eval run --help"
            ) from error
    values |= {key: value for key, value in given.items() if value is not None}
    try:
        return RunSpec(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the description"
        known = ", ".join(RunSpec.model_fields)
        raise InvalidInput(f"{where}: {first['msg']}", hint=f"a run has {known}") from error
