"""Texts that were sent in earlier turns, by what they were made from."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from ..ledger import Database
from ..ledger.chat_table import ChatSent
from ..ledger.types import utc_now

__all__ = ["Memory", "key_of"]

_KEPT = timedelta(days=1)
_MOST = 16 * 2**20  # characters in memory


def key_of(*made_from: Any) -> str:
    """SHA-256, in hexadecimal, of JSON-ready values."""
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


class Memory:
    """What was sent, for a day after it was last asked for; safe between threads and processes.

    Args:
        stored: whether texts may be put into the database (``ledger_text = full``). Otherwise they are known
            to this process alone, and a conversation that goes on elsewhere may be sent anew.
    """

    def __init__(self, database: Database, *, stored: bool) -> None:
        self._database = database
        self._stored = stored
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """The texts that are known, by key."""
        with self._lock:
            found = {key: self._texts[key] for key in keys if key in self._texts}
            for key in found:
                self._texts.move_to_end(key)
        missing = [key for key in keys if key not in found]
        if missing and self._stored:
            with self._database.session() as session:
                rows = session.execute(
                    select(ChatSent.key, ChatSent.text).where(
                        ChatSent.key.in_(missing), ChatSent.expires_at > utc_now()
                    )
                )
                loaded = {row.key: row.text for row in rows}
            self._hold(loaded)
            found |= loaded
        return found

    def put(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Remember texts; returns what is to be sent: of two that were made at once, the first wins."""
        if not texts:
            return {}
        kept = dict(texts)
        if self._stored:
            now = utc_now()
            insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
            rows = [{"key": k, "text": t, "expires_at": now + _KEPT} for k, t in sorted(texts.items())]
            with self._database.session(write=True) as session:
                session.execute(delete(ChatSent).where(ChatSent.expires_at <= now))
                session.execute(insert(ChatSent).on_conflict_do_nothing(), rows)
                found = select(ChatSent.key, ChatSent.text).where(ChatSent.key.in_(list(texts)))
                kept |= {row.key: row.text for row in session.execute(found)}
        self._hold(kept)
        return kept

    def _hold(self, texts: Mapping[str, str]) -> None:
        with self._lock:
            for key, text in texts.items():
                if key not in self._texts:
                    self._size += len(text)
                self._texts[key] = text
            while self._size > _MOST and len(self._texts) > 1:
                _, gone = self._texts.popitem(last=False)
                self._size -= len(gone)
