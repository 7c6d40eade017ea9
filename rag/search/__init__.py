"""Search: filters over metadata, BM25, fusion, diversity, and the options of a retrieval."""
