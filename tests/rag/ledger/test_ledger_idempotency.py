"""A request that is sent again: one is done, the others get its answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tersus.errors import InvalidInput
from tersus.rag.ledger import Database
from tersus.rag.ledger.idempotency import (
    Idempotency,
    IdempotencyConflict,
    IdempotencyRunning,
    Kept,
    Ticket,
)
from tersus.rag.ledger.types import utc_now


def test_of_many_that_begin_at_once_one_may_and_the_others_get_its_answer(database: Database) -> None:
    idempotency = Idempotency(database, 60)

    def begin(_: int) -> object:
        try:
            return idempotency.begin("me", "k", b"body")
        except IdempotencyRunning as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(begin, range(16)))
    tickets = [one for one in begun if isinstance(one, Ticket)]
    assert len(tickets) == 1
    assert all(isinstance(one, Ticket | IdempotencyRunning) for one in begun)
    idempotency.keep(tickets[0], 200, '{"a": "ü"}')
    assert idempotency.begin("me", "k", b"body") == Kept(200, '{"a": "ü"}')
    with pytest.raises(IdempotencyConflict):
        idempotency.begin("me", "k", b"other")
    assert isinstance(idempotency.begin("you", "k", b"other"), Ticket)


def test_a_failed_a_dead_and_an_old_one_are_done_anew(database: Database) -> None:
    idempotency, now = Idempotency(database, 60), utc_now()
    first = idempotency.begin("me", "k", b"x", now)
    assert isinstance(first, Ticket)
    idempotency.forget(first)
    dead = idempotency.begin("me", "k", b"x", now)
    assert isinstance(dead, Ticket)
    heir = idempotency.begin("me", "k", b"x", now + timedelta(seconds=61))
    assert isinstance(heir, Ticket)
    idempotency.keep(dead, 200, "late")  # it was not dead after all: its answer is not the one that counts
    with pytest.raises(IdempotencyRunning):
        idempotency.begin("me", "k", b"x", now + timedelta(seconds=62))
    idempotency.keep(heir, 201, "done")
    assert idempotency.begin("me", "k", b"x") == Kept(201, "done")
    assert isinstance(idempotency.begin("me", "k", b"x", now + timedelta(hours=25)), Ticket)
    for key in ("", " ", "k" * 201):
        with pytest.raises(InvalidInput):
            idempotency.begin("me", key, b"")
