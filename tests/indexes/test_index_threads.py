"""Readers beside a writer: each change is seen whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread

import numpy as np
import pytest
from numpy.typing import NDArray
from tersus.indexes import FlatIndex, Index
from tersus.indexes.locking import ReadWriteLock

PATIENCE = 30.0  # seconds until a test that waits in vain fails


def test_readers_see_whole_changes_while_one_thread_writes(make_index: Callable[[int], Index]) -> None:
    # Ids i and i + 1000 always come and go together, with opposite vectors.
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 16))
    index, done = make_index(16), Event()

    def read() -> int:
        searches = 0
        while not done.is_set() or not searches:
            found = index.search(vectors[:3], 400)
            for ids in found.ids:
                seen = {int(name) for name in ids if name >= 0}
                assert {name for name in seen if name < 1000} == {
                    name - 1000 for name in seen if name >= 1000
                }
            low, high = np.split(ids := index.ids(), [int(np.searchsorted(ids, 1000))])
            assert low.tolist() == (high - 1000).tolist()
            held = type(index).restore(index.dump()).ids()
            assert (held[: len(held) // 2] + 1000).tolist() == held[len(held) // 2 :].tolist()
            searches += 1
        return searches

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            for step in range(150):
                chosen = rng.choice(200, size=40, replace=False)
                index.remove(np.concatenate([chosen[:20], chosen[:20] + 1000]))
                new = chosen[~np.isin(chosen, index.ids())]
                index.add(
                    np.concatenate([new, new + 1000]),
                    np.concatenate([vectors[new], -vectors[new]]) * (step + 1),
                )
        finally:
            done.set()
        assert all(reader.result(PATIENCE) > 0 for reader in readers)


class SlowIndex(FlatIndex):
    """Stops in the middle of a change until it is told to go on."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.halfway, self.go_on = Event(), Event()

    def _add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        super()._add(ids[:1], vectors[:1])
        self.halfway.set()
        assert self.go_on.wait(PATIENCE)
        super()._add(ids[1:], vectors[1:])


@pytest.mark.parametrize("look", ["search", "dump"])
def test_a_reader_waits_for_a_change_that_is_half_done(look: str) -> None:
    index = SlowIndex(2)
    writer = Thread(target=index.add, args=([1, 2], [[1, 0], [1, 1]]))
    writer.start()
    assert index.halfway.wait(PATIENCE)
    assert len(index) == 0
    assert index.ids().tolist() == []
    with ThreadPoolExecutor(1) as pool:
        if look == "search":
            seen = pool.submit(lambda: index.search([[1, 0]], 3).ids.tolist()[0])
        else:
            seen = pool.submit(lambda: [index.dump().count, len(index.dump().payload)])
        with pytest.raises(TimeoutError):
            seen.result(0.05)
        index.go_on.set()
        assert seen.result(PATIENCE) == ([1, 2, -1] if look == "search" else [2, 32])
    writer.join(PATIENCE)


def test_two_readers_hold_the_lock_at_once() -> None:
    lock, together = ReadWriteLock(), Barrier(2)

    def read() -> bool:
        with lock.read():
            together.wait(PATIENCE)
        return True

    with ThreadPoolExecutor(2) as pool:
        assert [future.result(PATIENCE) for future in [pool.submit(read), pool.submit(read)]] == [True, True]


def test_a_waiting_writer_goes_before_a_later_reader() -> None:
    lock, order = ReadWriteLock(), list[str]()

    def write() -> None:
        with lock.write():
            order.append("writer")

    def read() -> None:
        with lock.read():
            order.append("reader")

    with lock.read():
        writer = Thread(target=write)
        writer.start()
        while not lock._writers_waiting:
            Event().wait(0.001)
        reader = Thread(target=read)
        reader.start()
        reader.join(0.05)
        assert order == []
    writer.join(PATIENCE)
    reader.join(PATIENCE)
    assert order == ["writer", "reader"]


def test_the_lock_is_released_when_its_holder_fails() -> None:
    lock = ReadWriteLock()
    for hold in (lock.read, lock.write, lock.write):
        with pytest.raises(KeyError), hold():
            raise KeyError
    with lock.read():
        assert lock._readers == 1


def test_a_writer_that_is_interrupted_while_it_waits_lets_readers_go_on() -> None:
    lock = ReadWriteLock()

    def interrupt(_: object) -> bool:
        raise KeyboardInterrupt

    with lock.read():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lock._changed, "wait_for", interrupt)
            with pytest.raises(KeyboardInterrupt), lock.write():
                pass
        with lock.read():
            assert lock._readers == 2
    with lock.write():
        assert lock._writing
