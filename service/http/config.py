"""How the service listens and what it accepts: ``TERSUS_SERVE_…``, or ``tersus serve``'s options."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ...rag.settings import InvalidSettings

__all__ = ["ServeConfig", "load_config"]


class ServeConfig(BaseSettings):
    """Address and limits of the service."""

    model_config = SettingsConfigDict(
        env_prefix="TERSUS_SERVE_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    host: str = "127.0.0.1"
    """Another address than this machine's own needs API keys (``tersus keys create``)."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8484
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes; more than one needs PostgreSQL."""
    require_keys: bool | None = None
    """Whether requests need a key; by default as soon as there is one."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call the API from a browser; none by default."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names that requests may name; without keys only this machine's own names."""
    max_body_mb: Annotated[float, Field(gt=0, le=1024, allow_inf_nan=False)] = 16
    """Longest request body, in MiB."""
    max_passages: Annotated[int, Field(ge=1)] = 500
    """Most passages of one request."""
    max_documents: Annotated[int, Field(ge=1)] = 1000
    """Most documents of one request."""
    max_at_once: Annotated[int, Field(ge=1)] = 64
    """Requests that work with models or documents at the same time; more are answered 429."""
    request_timeout: Annotated[float, Field(gt=0, le=86_400)] = 300
    """Seconds that one request may take, streams and uploads included."""
    shutdown_timeout: Annotated[int, Field(ge=0, le=3600)] = 30
    """Seconds that requests are given to end when the service stops."""
    warm: bool = True
    """Load the models at the start; ``/readyz`` says when they are."""

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


def load_config(**overrides: object) -> ServeConfig:
    """The configuration in force; ``overrides`` that are not None win. Raises InvalidSettings."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return ServeConfig(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
        raise InvalidSettings(
            problems, hint="see TERSUS_SERVE_… variables and tersus serve --help"
        ) from error
