"""The crash check itself: it runs, and it sees what it is there to see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tersus.eval.index_crash import __main__ as crash
from tersus.eval.index_crash.look import look
from tersus.eval.index_crash.work import CHUNKS, COLLECTION, fill, opened, put, vectors_of
from tersus.indexes import load_snapshot, save_snapshot


@pytest.fixture
def home(tmp_path: Path) -> Path:
    fill(tmp_path, 20)
    return tmp_path


def test_kills_lose_nothing(tmp_path: Path) -> None:
    done: list[int] = []
    kills = crash.run(tmp_path, 20, 3, seed=1, seconds=1.5, advance=lambda: done.append(1))
    assert len(done) == len(kills) == 3
    assert all(kill.survived for kill in kills)
    assert all(kill.left.recall > 0.9 for kill in kills)


def test_what_is_whole_is_found_whole(home: Path) -> None:
    left = look(home, dict.fromkeys(range(20), 0), seed=0)
    assert left.documents == dict.fromkeys(range(20), 0)
    assert (left.chunks, left.lost, left.wrong, left.recall) == (20 * CHUNKS, 0, 0, 1.0)


def test_a_wrong_neighbour_is_seen(home: Path) -> None:
    database, store = opened(home)
    collection, _ = store.open(COLLECTION)
    path = store.path(collection)
    index, info = load_snapshot(path)
    ids = index.ids()
    index.remove(ids[:100])
    index.add(ids[:100], np.concatenate([vectors_of(n, 7) for n in range(5)]))  # of another version
    save_snapshot(index, path, sequence=info.sequence, embedding_model=info.embedding_model)
    database.close()
    assert look(home, dict.fromkeys(range(20), 0), seed=0).wrong > 0


def test_a_vector_that_is_not_its_documents_is_seen(home: Path) -> None:
    database, _ = opened(home)
    from sqlalchemy import text

    with database.session(write=True) as session:
        session.execute(text("UPDATE vectors SET data = (SELECT data FROM vectors WHERE chunk_id = 1)"))
    database.close()
    assert look(home, dict.fromkeys(range(20), 0), seed=0).lost > 0


def test_what_was_only_begun_may_be_or_not_and_what_was_done_must_be() -> None:
    there: dict[int, int] = {1: 0, 2: 0, 3: 0}
    lines = [
        "ready 0.1",
        "begin put 1 5",
        "done put 1 5",
        "begin save 9 6",
        "done save 9 6",
        "begin delete 2 7",
        "done delete 2 7",
        "begin put 4 8",
    ]
    assert crash._after(there, lines) == {1: {5}, 2: {None}, 3: {0}, 4: {None, 8}}


def test_a_document_that_is_forgotten_is_seen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> list[str]:
        database = opened(home)[0]
        put(database, [(3, 4)])
        database.close()
        return ["ready 0.1", "begin put 3 4", "done put 3 4", "begin put 5 6", "done put 5 6"]

    monkeypatch.setattr(crash, "_killed", killed)
    (kill,) = crash.run(home, 20, 1, seed=0, seconds=0.1)
    assert kill.forgotten == 1
    assert not kill.survived
