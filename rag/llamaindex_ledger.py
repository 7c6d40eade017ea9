"""A row of the ledger for each call of the node postprocessor."""

from __future__ import annotations

import logging

from ..compressors import TokenCounter
from ..errors import TersusError
from .account import Account
from .failopen import Context
from .ledger import Database, schema
from .llm import Usage
from .settings import load_settings

__all__ = ["PostprocessorLedger"]

log = logging.getLogger(__name__)


class PostprocessorLedger:
    """Rows of kind ``compress``, valued at the price of the settings' model.

    Args:
        address: of the database; the settings' one where None.

    Raises:
        SchemaMissing, SchemaOutdated, SchemaNewer, DatabaseError, InvalidSettings.
    """

    def __init__(self, address: str | None) -> None:
        self._settings = load_settings(database_url=address)
        self._database = Database(self._settings.resolved_database_url)
        schema.ready(self._database, embedded=self._settings.embedded or address is not None)

    def wrote(
        self,
        query: str,
        context: Context,
        counter: TokenCounter,
        collection: str | None,
        compressor: str,
        budget: str,
    ) -> bool:
        """Write the row; False, and a line in the log, where that cannot be: nothing is sent unrecorded."""
        try:
            account = Account.open(
                self._database, self._settings, self._settings.llm_model, counter, kind="compress",
                question=query, collection=collection, compressor=compressor, budget=budget,
            )  # fmt: skip
            account.seconds["compress"] = context.seconds
            account.note(context)
            account.close(context, Usage(), None)
        except TersusError as error:
            log.warning("the original nodes are used, for the ledger cannot be written: %s", error)
            return False
        return True
