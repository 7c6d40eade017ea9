"""The LlamaIndex doors to a collection: a vector store and a retriever.

>>> from llama_index.core import Document, VectorStoreIndex
>>> from tersus.rag import Tersus
>>> from tersus.rag.llamaindex_store import TersusRetriever, TersusVectorStore
>>> with Tersus() as tersus:  # doctest: +SKIP
...     store = TersusVectorStore("notes", tersus=tersus, embed_model=tersus.embedding)
...     index = VectorStoreIndex.from_vector_store(store, embed_model=tersus.embedding)
...     index.insert(Document(text="The tides follow the moon.", metadata={"year": 2024}))
...     retriever = TersusRetriever("notes", tersus=tersus, top_k=3)
...     print(retriever.retrieve("What do tides follow?")[0].text)

The compressor in a query engine is in `tersus.rag.llamaindex`.
"""

from __future__ import annotations

from .retriever import TersusRetriever
from .store import TersusVectorStore

__all__ = ["TersusRetriever", "TersusVectorStore"]
