"""The doctor's checks of what the settings name: configuration, models, folder, database, collections."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .check import Check
from .db import located
from .figures import megabytes

if TYPE_CHECKING:
    from ...rag import Settings
    from ...rag.ledger import Database

__all__ = ["collections", "configuration", "data_folder", "database", "language_model", "models"]

_LITTLE_SPACE = 100_000_000  # bytes; less does not hold a collection of any size


def configuration() -> Iterable[Check]:
    """The file that is read, and the variables that are set (names only: a value may be a key)."""
    from ...rag.settings import config_files

    files = [str(path.absolute()) for path in config_files()]
    names = sorted(name for name in os.environ if name.startswith("TERSUS_"))
    said = files or ["no tersus.toml here: defaults apply"]
    yield Check("configuration", True, "; ".join(said + ([f"set: {', '.join(names)}"] if names else [])))


def models(settings: Settings | None) -> Iterable[Check]:
    """The default models; those that the settings replace are not needed."""
    from ...compressors.models.store import installed_models

    used = {"minilm", "smollm2"}
    if settings is not None:
        used = {settings.embedding_model, "" if settings.llm_base_url else settings.llm_model}
        used |= {"minilm"} if settings.compressor in ("exit", "similarity") else set()
    for model in installed_models():
        if model.ready:
            yield Check(
                f"model {model.name}", True, f"{megabytes(model.size)} in {model.path} ({model.found_in})"
            )
        else:
            needed = model.name in used
            detail = f"not installed ({model.found_in})" + ("" if needed else "; not needed")
            yield Check(f"model {model.name}", False, detail, model.fix, needed)


def language_model(settings: Settings) -> Iterable[Check]:
    """Which model answers; nothing is sent to it."""
    from ...compressors.models.store import find_model
    from ...rag.prices import find_price

    priced = settings.price_model or settings.llm_model
    price = find_price(priced, settings.prices)
    worth = f"valued at {priced}'s price" if price else f"no price known for {priced}"
    if settings.llm_base_url is None:
        find_model(settings.llm_model)
        yield Check("language model", True, f"{settings.llm_model}, on this machine; {worth}")
        return
    key = "with a key" if settings.llm_api_key else "without a key"
    named = settings.llm_model != "smollm2"
    model = settings.llm_model if named else "no model named"
    fix = None if named else "set TERSUS_LLM_MODEL to the endpoint's name for the model"
    yield Check(
        "language model", named, f"{model} at {_without_password(settings.llm_base_url)}, {key}; {worth}", fix
    )


def data_folder(settings: Settings) -> Iterable[Check]:
    """Where everything lies, whether it can be written, and how much space is left."""
    home = settings.home.expanduser().absolute()
    there = _nearest(home)
    free = shutil.disk_usage(there).free
    detail = f"{home}{'' if home.exists() else ' (made at first use)'}, {megabytes(free)} free"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Check(
            "data folder", False, f"{detail}, not writable", f"chmod u+rwx {there}, or set TERSUS_HOME"
        )
    elif free < _LITTLE_SPACE:
        yield Check("data folder", False, detail, "free some space, or set TERSUS_HOME to another disk")
    else:
        yield Check("data folder", True, detail)


def database(settings: Settings) -> Iterable[Check]:
    """Reachable, with a schema that fits, and writable."""
    from ...rag.ledger import Database, schema
    from ...rag.ledger.errors import SchemaMissing, SchemaOutdated

    address, file = located(settings)
    if file is not None and not file.exists():
        fix = None if settings.embedded else "tersus db upgrade"
        yield Check(
            "database",
            settings.embedded,
            f"{address}: not there yet{', made at first use' if settings.embedded else ''}",
            fix,
        )
        return
    opened = Database(settings.resolved_database_url, busy_timeout=5)
    try:
        schema.check(opened)
        writable, fix = _writable(opened), "set TERSUS_DATABASE_URL to a writable one"
        detail = f"{address}: schema {schema.head()} is the newest, {'writable' if writable else 'read-only'}"
        yield Check("database", writable, detail, None if writable else fix)
    except (SchemaMissing, SchemaOutdated) as error:  # our own file is migrated at its next use
        yield Check("database", False, error.message, "tersus db upgrade", needed=not settings.embedded)
    finally:
        opened.close()


def collections(settings: Settings) -> Iterable[Check]:
    """Every collection with its size and whether its index is level; one that is not heals by itself."""
    from ...rag import Tersus
    from .collections import describe

    _, file = located(settings)
    found = []
    if file is None or file.exists():
        with Tersus(settings) as tersus:
            found = describe(tersus)
    if not found:
        yield Check("collections", True, "none yet: tersus ingest PATH --collection NAME makes one")
    for one in found:
        index = one["index"]
        path = Path(index["path"])
        size = f", {megabytes(path.stat().st_size)}" if path.exists() else ""
        detail = f"{one['documents']:,} documents, {one['chunks']:,} chunks, index {index['state']}{size}"
        fix = None if index["current"] else f"tersus index rebuild --collection {one['name']}"
        yield Check(f"collection {one['name']}", index["current"], detail, fix, needed=False)


def _writable(opened: Database) -> bool:
    from sqlalchemy import text

    from ...rag.ledger.errors import DatabaseReadOnly

    try:
        with opened.session(write=True) as session:
            # A write that meets no row: a transaction alone is opened for reading without complaint.
            session.execute(text("UPDATE collections SET sequence = sequence WHERE 1 = 0"))
            return True
    except DatabaseReadOnly:
        return False


def _nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _without_password(url: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
