"""Databases for the tests of the migrations."""

import sys
from pathlib import Path

# Importable however pytest was started.
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.rag.ledger.databases import address, blank_database, database, new_address

__all__ = ["address", "blank_database", "database", "new_address"]
