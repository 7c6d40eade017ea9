"""The first schema: collections, documents, chunks, vectors and the ledger of queries.

Money is in nano-dollars (64-bit integers), so that SUM is exact everywhere. Moments are UTC: with a
time zone on PostgreSQL, as the UTC wall time on SQLite. Keys are never given out twice (AUTOINCREMENT
on SQLite, a sequence on PostgreSQL). This file is self-contained and is not changed after its release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create all tables."""
    _create_collections()
    _create_documents()
    _create_chunks()
    _create_queries()


def downgrade() -> None:
    """Drop all tables, with everything in them."""
    op.drop_index("ix_queries_created_at", table_name="queries")
    op.drop_table("queries")
    op.drop_table("vectors")
    op.drop_index("ix_chunks_collection_id_id", table_name="chunks")
    op.drop_table("chunks")
    op.drop_table("documents")
    op.drop_table("collections")


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}", ondelete="CASCADE")


def _create_collections() -> None:
    op.create_table(
        "collections",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("uid", sa.String(32), nullable=False),
        sa.Column("embedding_model", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("index_kind", sa.String(100), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_collections"),
        sa.UniqueConstraint("name", name="uq_collections_name"),
        sa.UniqueConstraint("uid", name="uq_collections_uid"),
        _check("collections", "dimension", "dimension > 0"),
        _check("collections", "sequence", "sequence >= 0"),
        sqlite_autoincrement=True,
    )


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("collection_id", _KEY, nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.UniqueConstraint("collection_id", "external_id", name="uq_documents_collection_id_external_id"),
        _reference("documents", "collection_id", "collections.id"),
        _check("documents", "size_bytes", "size_bytes >= 0"),
        sqlite_autoincrement=True,
    )


def _create_chunks() -> None:
    op.create_table(
        "chunks",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("document_id", _KEY, nullable=False),
        sa.Column("collection_id", _KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("start_offset", sa.Integer(), nullable=False),
        sa.Column("end_offset", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chunks"),
        sa.UniqueConstraint("document_id", "position", name="uq_chunks_document_id_position"),
        _reference("chunks", "document_id", "documents.id"),
        _reference("chunks", "collection_id", "collections.id"),
        _check("chunks", "start_offset", "start_offset >= 0"),
        _check("chunks", "end_offset", "end_offset >= start_offset"),
        _check("chunks", "position", "position >= 0"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_chunks_collection_id_id", "chunks", ["collection_id", "id"])
    op.create_table(
        "vectors",
        sa.Column("chunk_id", _KEY, autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chunk_id", name="pk_vectors"),
        _reference("vectors", "chunk_id", "chunks.id"),
    )


def _create_queries() -> None:
    never_negative = (
        "top_k", "passages_retrieved", "passages_kept", "tokens_before", "tokens_after", "prompt_tokens",
        "provider_prompt_tokens", "provider_cached_tokens", "provider_completion_tokens", "overhead_tokens",
        "input_price", "cached_price", "output_price", "overhead_cost",
        "retrieve_seconds", "compress_seconds", "llm_seconds", "total_seconds",
    )  # fmt: skip
    op.create_table(
        "queries",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("collection", sa.String(200)),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("compressor", sa.Text()),
        sa.Column("budget", sa.Text()),
        sa.Column("top_k", sa.Integer()),
        sa.Column("passages_retrieved", sa.Integer()),
        sa.Column("passages_kept", sa.Integer()),
        sa.Column("passages", sa.JSON()),
        sa.Column("tokens_before", sa.BigInteger()),
        sa.Column("tokens_after", sa.BigInteger()),
        sa.Column("tokens_saved", sa.BigInteger()),
        sa.Column("tokenizer", sa.Text()),
        sa.Column("prompt_tokens", sa.BigInteger()),
        sa.Column("provider_prompt_tokens", sa.BigInteger()),
        sa.Column("provider_cached_tokens", sa.BigInteger()),
        sa.Column("provider_completion_tokens", sa.BigInteger()),
        sa.Column("model", sa.Text()),
        sa.Column("price_model", sa.Text()),
        sa.Column("price_date", sa.Date()),
        sa.Column("input_price", sa.BigInteger()),
        sa.Column("cached_price", sa.BigInteger()),
        sa.Column("output_price", sa.BigInteger()),
        sa.Column("cost_saved", sa.BigInteger()),
        sa.Column("overhead_tokens", sa.BigInteger()),
        sa.Column("overhead_cost", sa.BigInteger()),
        sa.Column("net_cost_saved", sa.BigInteger()),
        sa.Column("retrieve_seconds", sa.Double()),
        sa.Column("compress_seconds", sa.Double()),
        sa.Column("llm_seconds", sa.Double()),
        sa.Column("total_seconds", sa.Double()),
        sa.Column("net_seconds_saved", sa.Double()),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_queries"),
        _check("queries", "kind", "kind IN ('query', 'compress', 'shadow', 'evaluation', 'demo')"),
        _check(
            "queries", "outcome", "outcome IN ('started', 'compressed', 'bypassed', 'fell_back', 'failed')"
        ),
        _check("queries", "finished", "(outcome = 'started') = (finished_at IS NULL)"),
        _check("queries", "tokens_saved", "tokens_saved = tokens_before - tokens_after"),
        _check("queries", "net_cost_saved", "net_cost_saved = cost_saved - overhead_cost"),
        _check(
            "queries",
            "untouched",
            "outcome NOT IN ('bypassed', 'fell_back') OR (tokens_saved = 0 AND cost_saved = 0)",
        ),
        *(_check("queries", column, f"{column} >= 0") for column in never_negative),
    )
    op.create_index("ix_queries_created_at", "queries", ["created_at"])
