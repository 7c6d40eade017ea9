"""Indexes of collections: which kind, built from SQL, level with it, saved and found again."""
