"""Everything wired together from the settings, each part made when it is first used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from .batching import CompressorPool, Serving
from .settings import Settings, load_settings

if TYPE_CHECKING:
    from types import TracebackType

    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms import LLM

    from ..compressors import Compressor
    from .index_store import IndexStore
    from .ingest.run import Ingester
    from .ledger import Database
    from .pipeline import Pipeline
    from .results import QueryResult
    from .retrieve import Retriever
    from .shadow import Backoff

__all__ = ["Tersus"]


class Tersus:
    """Tersus in a Python program.

    >>> from tersus.rag import Tersus
    >>> with Tersus() as tersus:  # doctest: +SKIP
    ...     tersus.ingester.ingest_files([Path("docs")], "docs")
    ...     print(tersus.query("How do I install it?", "docs").answer)

    Args:
        settings: from the environment and ``tersus.toml`` where not given.
        llm: any LlamaIndex LLM in place of the settings' one.
        embedding: any LlamaIndex embedding in place of the settings' one.
        background: whether an index that its collection has outgrown is built anew beside the searches; not
            for a process that answers one question and ends.
        serving: for many callers at once: what arrives together is embedded and compressed together, in
            bounded queues, and results of compression are kept (see :mod:`tersus.rag.batching`).
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        llm: LLM | None = None,
        embedding: BaseEmbedding | None = None,
        background: bool = True,
        serving: bool = False,
    ) -> None:
        self._background = background
        self.settings = settings or load_settings()
        self._llm = llm
        self._embedding = embedding
        self._serving = Serving(self.settings) if serving else None
        self._compressors = CompressorPool(self._serving.compressor if self._serving else None)

    @cached_property
    def database(self) -> Database:
        """The database with a schema that fits; our own SQLite file is made and migrated by itself.

        Raises:
            SchemaMissing, SchemaOutdated, SchemaNewer: of a database that is not our own file.
            DatabaseError: it cannot be reached, read or written.
        """
        from .ledger import Database, schema

        database = Database(self.settings.resolved_database_url)
        schema.ready(database, embedded=self.settings.embedded)
        return database

    @cached_property
    def store(self) -> IndexStore:
        """The collections' indexes."""
        from .index_store import IndexStore
        from .indexing.choice import IndexSettings, half_of_memory

        settings = self.settings
        indexes = IndexSettings(
            memory=settings.index_memory_mb * 2**20 if settings.index_memory_mb else half_of_memory(),
            options=settings.indexes,
            device=settings.index_device,
            gpu_memory=settings.index_gpu_memory_mb,
            background=self._background,
        )
        return IndexStore(settings.index_folder, self.database, indexes)

    @cached_property
    def embedding(self) -> BaseEmbedding:
        """The embedding model; raises ModelMissing."""
        from .embedding import load_embedding

        found = self._embedding or load_embedding(self.settings.embedding_model)
        return self._serving.embedding(found) if self._serving else found

    @cached_property
    def llm(self) -> LLM:
        """The language model; a local one loads at its first use."""
        from .llm import load_llm

        return self._llm or load_llm(self.settings)

    @cached_property
    def ingester(self) -> Ingester:
        """Puts files and documents into collections."""
        from .ingest.run import Ingester

        return Ingester(self.settings, self.database, self.store, self.embedding)

    @cached_property
    def retriever(self) -> Retriever:
        """Finds passages; no language model is needed."""
        from .retrieve import Retriever

        return Retriever(self.database, self.store, self.embedding, self.settings.search)

    @cached_property
    def pipeline(self) -> Pipeline:
        """Answers questions."""
        from .pipeline import Pipeline
        from .shadow import ShadowedPipeline

        parts = (self.settings, self.database, self.retriever, self.llm)
        if self.backoff is None:
            return Pipeline(*parts, compressors=self.compressor)
        return ShadowedPipeline(*parts, compressors=self.compressor, backoff=self.backoff)

    @cached_property
    def backoff(self) -> Backoff | None:
        """Compares answers with those of the full context; None where no share of the queries is to be."""
        from .shadow import Backoff

        if not self.settings.shadow_share:
            return None
        return Backoff(self.settings, self.database, lambda: self.embedding, watch=self._background)

    def compressor(self, name: str | None = None) -> Compressor:
        """The compressor of this name with the settings' options, loaded once and shared.

        Args:
            name: the settings' one where None; chains as ``exit+frugal``.

        Raises:
            UnknownCompressor, CompressorBroken, InvalidInput.
        """
        name = name or self.settings.compressor
        return self._compressors.get(name, self.settings.options_of(name))

    def share(self, compressor: Compressor) -> None:
        """Use this object wherever its name is asked for."""
        self._compressors.share(compressor)

    def gauges(self) -> dict[str, float]:
        """Figures of queues, batches and cache, by name; none where it is not ``serving``."""
        return self._serving.gauges() if self._serving else {}

    def query(self, question: str, collection: str, **options: Any) -> QueryResult:
        """Short for ``pipeline.query``."""
        return self.pipeline.query(question, collection, **options)

    async def aquery(self, question: str, collection: str, **options: Any) -> QueryResult:
        """Short for ``pipeline.aquery``."""
        return await self.pipeline.aquery(question, collection, **options)

    def warm(self) -> None:
        """Load what the first question would wait for: embedding, compressor, tokenizer, language model.

        Raises:
            ModelMissing, TokenizerMissing, DatabaseError, InvalidSettings: what it would meet.
        """
        from ..compressors import Budget, Passage
        from .compress_texts import compress_passages
        from .llm import target_model, tokenizer_of
        from .local_llm import LocalLLM

        settings = self.settings
        self.embedding.get_query_embedding("warm")
        tokenizer_of(settings, *target_model(settings, self.llm))
        if isinstance(self.llm, LocalLLM):  # an endpoint has nothing to load
            next(iter(self.llm.stream_complete("warm")))
        compressor = self.compressor()
        if compressor.accepts("warm"):
            passages = [Passage(text="A short text. It loads the model.")]
            compress_passages("warm", passages, compressor, Budget(ratio=0.5), settings)

    def close(self) -> None:
        """Finish the requests that queues hold, and close the database's connections."""
        if (backoff := self.__dict__.get("backoff")) is not None:
            backoff.close()
        if self._serving is not None:
            self._serving.close()
        if "database" in self.__dict__:
            self.database.close()

    def __enter__(self) -> Tersus:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
