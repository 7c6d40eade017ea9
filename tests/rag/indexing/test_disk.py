"""One writer of a snapshot among all processes; a dead one holds nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tersus.indexes import SnapshotNotWritten, create_index
from tersus.rag.indexing.choice import IndexSettings, half_of_memory
from tersus.rag.indexing.disk import IndexDisk
from tersus.rag.ledger.tables import Collection

COLLECTION = Collection(
    name="c", uid="0" * 32, embedding_model="m", dimension=2, index_kind="auto", sequence=3
)
HOLD = """
import sys, time
from pathlib import Path
from tersus.rag.indexing.disk import IndexDisk
from tersus.rag.ledger.tables import Collection
with IndexDisk(Path(sys.argv[1])).writing(Collection(name="c", uid="0" * 32)) as held:
    print("held" if held else "not", flush=True)
    time.sleep(60)
"""


def test_a_writer_that_is_killed_holds_no_lock(tmp_path: Path) -> None:
    disk = IndexDisk(tmp_path / "indexes")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "indexes")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: disk.writing(COLLECTION).__enter__())
            with pytest.raises(TimeoutError):
                waiting.result(0.5)
            process.send_signal(signal.SIGKILL)
            assert waiting.result(30)
    finally:
        process.kill()
        process.communicate()


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    disk = IndexDisk(tmp_path)
    with pytest.raises(ZeroDivisionError), disk.writing(COLLECTION):
        _ = 1 / 0
    with disk.writing(COLLECTION) as held:
        assert held


def test_one_process_builds_at_a_time_and_does_not_hold_up_writers(tmp_path: Path) -> None:
    disk = IndexDisk(tmp_path)
    with disk.building(COLLECTION) as ours, IndexDisk(tmp_path).building(COLLECTION) as theirs:
        assert (ours, theirs) == (True, False)
        with IndexDisk(tmp_path).writing(COLLECTION) as held:
            assert held
    with IndexDisk(tmp_path).building(COLLECTION) as theirs:
        assert theirs


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SnapshotNotWritten, match="cannot be made or written"),
        IndexDisk(tmp_path / "file" / "x").writing(COLLECTION),
    ):
        pass


def test_a_snapshot_that_holds_the_same_is_left_alone(tmp_path: Path) -> None:
    disk, index = IndexDisk(tmp_path), create_index("flat", 2)
    index.add([1], [[1.0, 0.0]])
    path = disk.save(index, COLLECTION)
    before = path.stat().st_ino
    assert disk.save(index, COLLECTION).stat().st_ino == before
    assert disk.save(index, COLLECTION, anyway=True).stat().st_ino != before
    hnsw = create_index("hnsw", 2)
    hnsw.add([1], [[1.0, 0.0]])
    disk.save(hnsw, COLLECTION)
    loaded = disk.load(COLLECTION, warn=True)
    assert loaded is not None
    assert loaded.kind == "hnsw"


def test_an_index_is_outgrown_at_twice_the_limit_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tersus.indexes.choose._FLAT_UPTO", 10)
    settings = IndexSettings(memory=None)
    index = create_index("flat", 2)
    index.add(range(21), [[1.0, float(i)] for i in range(21)])
    assert settings.kind("auto", 21, 2) == "hnsw"
    assert settings.outgrown("auto", index) is None
    index.add([30], [[1.0, 0.5]])
    assert settings.outgrown("auto", index) == "22 vectors in an index of kind flat are better in hnsw"
    assert settings.outgrown("flat", index) is None
    assert settings.outgrown("ivf-pq", index) is not None
    graph = create_index("hnsw", 2)
    graph.add(range(11), [[1.0, float(i)] for i in range(11)])
    assert settings.outgrown("auto", graph) is None
    graph.remove(range(5))
    assert settings.outgrown("auto", graph) is not None


def test_the_first_index_is_exact_where_it_fits_and_a_plug_in_is_taken_at_its_word() -> None:
    settings = IndexSettings(memory=10**6)
    assert settings.first("auto", 600, 384) == "flat"
    assert settings.first("hnsw", 600, 384) == "flat"
    assert settings.first("ivf-pq", 700, 384) is None
    assert settings.first("milvus", 700, 384) == "milvus"
    assert IndexSettings(memory=None).first("ivf-pq", 10**9, 384) == "flat"


def test_half_of_the_memory_is_known_here() -> None:
    memory = half_of_memory()
    assert memory is None or memory > 1 << 27
