"""Local models: locate, convert, cache."""
