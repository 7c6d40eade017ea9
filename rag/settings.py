"""Settings: environment variables ``TERSUS_…``, then ``tersus.toml``, then defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from ..compressors import Budget, Protection
from ..errors import TersusError
from .ledger.redaction import LedgerText
from .prices import Price
from .search.options import Mode

__all__ = ["InvalidSettings", "Settings", "config_files", "load_settings"]


_DAY = 86_400  # seconds; Python's waits refuse infinity


class InvalidSettings(TersusError):
    """A setting has a value that cannot be used."""

    code = "invalid_settings"


class Settings(BaseSettings):
    """Everything that can be configured; ``TERSUS_<NAME>`` or ``<name>`` in ``tersus.toml``."""

    # An empty variable, as compose files make them, is one that is not set.
    model_config = SettingsConfigDict(
        env_prefix="TERSUS_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    home: Path = Field(default_factory=lambda: user_data_path("tersus"))
    """The one folder that holds database and indexes; move it, and set TERSUS_HOME."""
    database_url: Annotated[str | None, Field(repr=False)] = None
    """SQLAlchemy URL; an SQLite file in ``home`` by default. Not shown: it may hold a password."""

    embedding_model: str = "minilm"
    """Alias, hub name or folder of the embedding model."""
    chunk_tokens: Annotated[int, Field(ge=16, le=4096)] = 200
    """Longest chunk, in the embedding model's tokens."""
    max_file_mb: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 32
    """Larger files are refused by ``tersus ingest``, in MiB."""

    top_k: Annotated[int, Field(ge=1, le=1000)] = 8
    """Passages retrieved for a question."""
    search: Mode = "dense"
    """How they are found: ``dense`` by embeddings, ``bm25`` by words, ``hybrid`` by both."""
    index_device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$")] = "auto"
    """Where indexes search: ``auto`` is a GPU where FAISS sees one, otherwise the CPU."""
    index_gpu_memory_mb: Annotated[int, Field(ge=0)] = 0
    """Most of a GPU's memory that one index may take, in MiB; 0: what there is."""
    index_memory_mb: Annotated[int, Field(ge=1)] | None = None
    """What one index may take where its kind is ``auto``, in MiB; half of the machine's memory by default."""
    indexes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Options of index kinds by name: ``[indexes.hnsw]`` with ``neighbours = 32`` in ``tersus.toml``."""
    compressor: str = "exit"
    compressors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Options of compressors by name: ``[compressors.exit]`` with ``model = "DIR"`` in ``tersus.toml``."""
    ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the tokens to keep; adaptive where neither ratio, max_tokens nor risk is set."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Most tokens of context to send."""
    risk: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of questions that may lose their answer; needs a calibration (``tersus calibrate``)."""
    keep: tuple[str, ...] = ()
    """Regular expressions; text that they match stays (see Protection). In a variable: a JSON list."""
    protect_titles: bool = False
    """What is kept of a text brings the heading that opens it."""
    protect_headings: bool = False
    """What is kept brings the headings of its section."""
    protect_antecedents: bool = False
    """A kept sentence that begins with a pronoun brings the first of its passage."""
    compress_timeout: Annotated[float, Field(gt=0, le=_DAY)] = 20
    """Seconds after which compression is given up and the original context is sent."""

    batch_wait_ms: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 4
    """In the service: how long a batch is held open for others that are likely to come, in milliseconds."""
    batch_tokens: Annotated[int, Field(ge=1)] | None = None
    """Most tokens (a quarter of the characters) of one batch; 8,192 by default, with CUDA 65,536."""
    batch_queue: Annotated[int, Field(ge=1)] = 64
    """Most requests that wait for one compressor, or to have their question embedded; more are refused."""
    cache_mb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 64
    """Results of compression that the service keeps, in MiB; 0 keeps none."""

    ledger_text: LedgerText = "full"
    """What the ledger holds of questions, answers and passages: ``full``, ``hash`` or ``none``."""

    llm_model: str = "smollm2"
    """``smollm2``, or a hub name or folder (run locally), or the endpoint's model with llm_base_url."""
    llm_base_url: str | None = None
    """An OpenAI-compatible endpoint, such as https://api.openai.com/v1."""
    llm_api_key: SecretStr | None = None
    llm_context_window: Annotated[int, Field(ge=256)] = 128_000
    """Context window of the endpoint's model, in tokens; a local model knows its own."""
    llm_max_tokens: Annotated[int, Field(ge=1)] = 128
    """Longest answer."""
    llm_timeout: Annotated[float, Field(gt=0, le=_DAY)] = 120
    """Seconds after which the language model is given up."""
    tokenizer: str | None = None
    """cl100k, o200k, a hub name or a folder; by default the one that fits llm_model."""
    price_model: str | None = None
    """Whose price values the tokens saved; llm_model by default."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """Prices that override or extend the built-in table."""

    shadow_share: Annotated[float, Field(ge=0, le=1)] = 0
    """Share of queries whose answer is compared with that of the full context, in the background."""
    shadow_tokens: Annotated[int, Field(ge=0)] = 200_000
    """Tokens a day (UTC) that such comparisons may cost."""
    shadow_least: Annotated[int, Field(ge=10)] = 30
    """Comparisons before anything is concluded from them."""
    shadow_limit: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Agreement below which compression backs off; see `tersus shadow`."""
    shadow_confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of the one-sided lower bound that is held against the limit."""

    @field_validator("keep")
    @classmethod
    def _patterns(cls, keep: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(Protection(keep=keep).keep)

    @model_validator(mode="after")
    def _one_budget(self) -> Settings:
        given = [n for n in ("ratio", "max_tokens", "risk") if getattr(self, n) is not None]
        if len(given) > 1:
            raise ValueError(f"set {' or '.join(given)}, not {'both' if len(given) == 2 else 'all'}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is the library's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, which wins over ``tersus.toml``."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=list(config_files()))
        return init_settings, env_settings, toml

    @property
    def embedded(self) -> bool:
        """Whether the database is our own file in ``home``, which migrates by itself."""
        return not self.database_url

    @property
    def resolved_database_url(self) -> str:
        """``database_url``, or the SQLite file in ``home``."""
        return self.database_url or f"sqlite:///{self.home.expanduser().absolute() / 'tersus.db'}"

    @property
    def index_folder(self) -> Path:
        """Where index snapshots lie."""
        return self.home.expanduser() / "indexes"

    @property
    def budget(self) -> Budget:
        """The default budget."""
        return Budget(ratio=self.ratio, max_tokens=self.max_tokens, risk=self.risk)

    def options_of(self, compressor: str) -> dict[str, Any]:
        """What is set for the compressor of that name; for a chain, also what is set for its stages."""
        own = dict(self.compressors.get(compressor, {}))
        if "+" not in compressor:
            return own
        stages = {name.strip(): self.options_of(name.strip()) for name in compressor.split("+")}
        return {name: options for name, options in stages.items() if options} | own

    @property
    def protection(self) -> Protection:
        """What stays besides the best sentences."""
        return Protection(
            keep=self.keep,
            titles=self.protect_titles,
            headings=self.protect_headings,
            antecedents=self.protect_antecedents,
        )


def config_files() -> list[Path]:
    """The configuration file in use: ``$TERSUS_CONFIG``, or ``tersus.toml`` in the current folder."""
    named = os.environ.get("TERSUS_CONFIG")
    if named and not Path(named).is_file():
        raise InvalidSettings(f"TERSUS_CONFIG names {named}, which is not a file")
    path = Path(named or "tersus.toml")
    return [path] if path.is_file() else []


def load_settings(**overrides: object) -> Settings:
    """The settings in force; ``overrides`` that are not None win.

    Raises:
        InvalidSettings: naming each setting that cannot be used and why.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in e['loc']) or 'settings'}: {e['msg']}" for e in error.errors()
        )
        raise InvalidSettings(problems, hint="see TERSUS_… variables and tersus.toml") from error
    except (SettingsError, ValueError, OSError) as error:  # unreadable TOML, malformed JSON in a variable
        raise InvalidSettings(f"settings cannot be read: {error}") from error
