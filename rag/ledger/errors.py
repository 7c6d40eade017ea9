"""Errors of the ledger: what went wrong with the database, and what to do about it."""

from __future__ import annotations

from ...errors import InvalidInput, TersusError

__all__ = [
    "CollectionExists",
    "CollectionMismatch",
    "DatabaseBusy",
    "DatabaseDamaged",
    "DatabaseError",
    "DatabaseReadOnly",
    "DatabaseUnavailable",
    "DiskFull",
    "QueryFinished",
    "ReadSession",
    "SchemaError",
    "SchemaMissing",
    "SchemaNewer",
    "SchemaOutdated",
    "UnknownCollection",
    "UnknownDocument",
    "UnknownQuery",
]


class DatabaseError(TersusError):
    """The database refused or failed; the driver's own error is the ``__cause__``."""

    code = "database_error"


class DatabaseReadOnly(DatabaseError):
    """The file, its folder or the connection does not allow writing."""

    code = "database_read_only"


class DiskFull(DatabaseError):
    """The disk or the database's size limit is full; the transaction was rolled back."""

    code = "disk_full"


class DatabaseUnavailable(DatabaseError):
    """No connection: the server is down, the address or credentials are wrong, the file cannot open."""

    code = "database_unavailable"


class DatabaseDamaged(DatabaseError):
    """The file is not a database, or what it holds is corrupt."""

    code = "database_damaged"


class DatabaseBusy(DatabaseError):
    """Another writer held the lock, or all connections, for longer than the timeout."""

    code = "database_busy"


class ReadSession(DatabaseError):
    """A session that was opened for reading was asked to write: a mistake in the calling code."""

    code = "read_session"


class SchemaError(DatabaseError):
    """The tables do not fit this version of Tersus."""

    code = "schema_error"


class SchemaMissing(SchemaError):
    """The database holds no Tersus tables yet."""

    code = "schema_missing"


class SchemaOutdated(SchemaError):
    """The tables are of an older Tersus."""

    code = "schema_outdated"


class SchemaNewer(SchemaError):
    """The tables are of a newer Tersus than this one."""

    code = "schema_newer"


class UnknownCollection(TersusError, LookupError):
    """No collection has that name."""

    code = "unknown_collection"


class UnknownDocument(TersusError, LookupError):
    """The collection holds no document of that id."""

    code = "unknown_document"


class CollectionExists(InvalidInput):
    """A collection with that name is already there."""

    code = "collection_exists"


class CollectionMismatch(InvalidInput):
    """The collection is there, but was built with another embedding model or dimension."""

    code = "collection_mismatch"


class UnknownQuery(TersusError, LookupError):
    """No row of the ledger has that id."""

    code = "unknown_query"


class QueryFinished(TersusError):
    """The row was finished before: an account is closed once and never rewritten."""

    code = "query_finished"
