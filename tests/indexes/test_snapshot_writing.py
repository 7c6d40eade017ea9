"""Saving: full disks, killed processes and rival savers never spoil the snapshot that is there."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from tersus.errors import InvalidInput
from tersus.indexes import (
    FlatIndex,
    SnapshotMissing,
    SnapshotNotWritten,
    load_snapshot,
    read_snapshot_info,
    save_snapshot,
)
from tersus.indexes.durable import replace_file


def index_of(count: int, dimension: int = 8) -> FlatIndex:
    """An index of ids 0 to count - 1, whose vectors follow from the count."""
    index = FlatIndex(dimension)
    index.add(np.arange(count), np.random.default_rng(count).normal(size=(count, dimension)))
    return index


def is_folder(handle: int) -> bool:
    return stat.S_ISDIR(os.fstat(handle).st_mode)


def assert_whole(path: Path, dimension: int = 8) -> int:
    """Load the snapshot, compare all of it with what its sequence says; returns the sequence."""
    index, info = load_snapshot(path)
    assert info.count == info.sequence
    assert bytes(index.dump().payload) == bytes(index_of(info.sequence, dimension).dump().payload)
    return info.sequence


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An older snapshot, of sequence 5."""
    save_snapshot(index_of(5), tmp_path / "index", sequence=5, embedding_model="m")
    return tmp_path / "index"


def test_saving_replaces_the_older_snapshot_and_leaves_one_file(path: Path) -> None:
    info = save_snapshot(index_of(9), path, sequence=9, embedding_model="m")
    assert info == read_snapshot_info(path)
    assert assert_whole(path) == 9
    assert [entry.name for entry in path.parent.iterdir()] == ["index"]


def test_file_and_folder_are_flushed_around_the_renaming(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(handle: int) -> None:
        calls.append("folder" if is_folder(handle) else "file")
        fsync(handle)

    def watched_replace(source: Any, target: Any) -> None:
        calls.append("rename")
        assert Path(source).parent == Path(target).parent
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    save_snapshot(index_of(6), path, sequence=6, embedding_model="m")
    assert calls == ["file", "rename", "folder"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_system_call_leaves_the_old_snapshot_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(SnapshotNotWritten, match="No space left on device") as caught:
        save_snapshot(index_of(6), path, sequence=6, embedding_model="m")
    assert caught.value.code == "snapshot_not_written"
    assert str(path) in caught.value.message
    monkeypatch.undo()
    assert assert_whole(path) == 5
    assert [entry.name for entry in path.parent.iterdir()] == ["index"]


def test_an_interruption_while_writing_leaves_no_temporary_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_snapshot(index_of(6), path, sequence=6, embedding_model="m")
    monkeypatch.undo()
    assert assert_whole(path) == 5
    assert [entry.name for entry in path.parent.iterdir()] == ["index"]


def test_a_folder_that_cannot_be_flushed_is_reported_and_the_new_file_is_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def failing(number: int) -> Any:
        def call(handle: int) -> None:
            if is_folder(handle):
                raise OSError(number, os.strerror(number))
            fsync(handle)

        return call

    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(SnapshotNotWritten):
        save_snapshot(index_of(6), path, sequence=6, embedding_model="m")
    assert assert_whole(path) == 6
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))  # a file system that cannot flush folders
    save_snapshot(index_of(7), path, sequence=7, embedding_model="m")
    assert assert_whole(path) == 7


LIMITED = """
import resource, sys
from tersus.indexes import FlatIndex, SnapshotNotWritten, save_snapshot
index = FlatIndex(8)
index.add(range(4000), [[i + 1.0] * 7 + [1.0] for i in range(4000)])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    save_snapshot(index, sys.argv[1], sequence=4000, embedding_model="m")
except SnapshotNotWritten as error:
    sys.exit(0 if "File too large" in error.message else 1)
sys.exit(2)
"""


@pytest.mark.parametrize("room", [0, 100, 100_000])
def test_a_file_that_outgrows_its_room_leaves_the_old_snapshot_alone(path: Path, room: int) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path), str(room)], check=False)
    assert done.returncode == 0
    assert assert_whole(path) == 5
    assert [entry.name for entry in path.parent.iterdir()] == ["index"]


def test_a_missing_folder_and_a_folder_in_the_way_are_clear_errors(tmp_path: Path) -> None:
    for wrong in (tmp_path / "none" / "index", tmp_path):
        with pytest.raises(SnapshotNotWritten) as caught:
            save_snapshot(index_of(1), wrong, sequence=1, embedding_model="m")
        assert caught.value.hint
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SnapshotMissing):
        load_snapshot(tmp_path / "none" / "index")


@pytest.mark.parametrize("sequence", [-1, 1.5, "3", None, True])
def test_a_sequence_must_be_a_whole_number(tmp_path: Path, sequence: Any) -> None:
    with pytest.raises(InvalidInput, match="sequence is"):
        save_snapshot(index_of(1), tmp_path / "s", sequence=sequence, embedding_model="m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", [None, 3, b"m"])
def test_the_embedding_model_must_be_text(tmp_path: Path, model: Any) -> None:
    with pytest.raises(InvalidInput, match="embedding_model is"):
        save_snapshot(index_of(1), tmp_path / "s", sequence=1, embedding_model=model)
    assert list(tmp_path.iterdir()) == []


def test_a_symbolic_link_is_followed(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(path)
    save_snapshot(index_of(6), link, sequence=6, embedding_model="m")
    assert link.is_symlink()
    assert assert_whole(path) == 6


DYING = """
import os, signal, sys
from tersus.indexes import FlatIndex, save_snapshot
index = FlatIndex(8)
index.add([1], [[1.0] * 8])
setattr(os, sys.argv[2], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
save_snapshot(index, sys.argv[1], sequence=1, embedding_model="m")
"""


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_what_a_killed_saver_left_is_removed_by_the_next(path: Path, call: str) -> None:
    similar = [path.with_name(name) for name in (".index.notes.tmp", ".other.0123456789abcdef.tmp")]
    for other in similar:
        other.write_text("somebody else's")
    done = subprocess.run([sys.executable, "-c", DYING, str(path), call], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(path.parent.iterdir())) == 4  # the snapshot, two others, the left-over
    assert assert_whole(path) == 5
    save_snapshot(index_of(6), path, sequence=6, embedding_model="m")
    assert assert_whole(path) == 6
    assert sorted(path.parent.iterdir()) == sorted([path, *similar])


def test_the_temporary_file_of_a_living_saver_is_kept(path: Path) -> None:
    whole = path.read_bytes()

    def slowly() -> Iterator[bytes]:
        yield whole[:50]
        save_snapshot(index_of(6), path, sequence=6, embedding_model="m")
        assert assert_whole(path) == 6
        assert len(list(path.parent.iterdir())) == 2  # the snapshot and ours, still open
        yield whole[50:]

    replace_file(path, slowly())
    assert assert_whole(path) == 5  # the last to finish wins
    assert [entry.name for entry in path.parent.iterdir()] == ["index"]


def test_a_temporary_file_that_a_rival_removes_before_it_is_locked_is_made_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, removed = fcntl.flock, list[Path]()

    def slow_flock(handle: int, operation: int) -> None:
        if not removed:
            removed.extend(entry for entry in path.parent.iterdir() if entry != path)
            removed[0].unlink()
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", slow_flock)
    save_snapshot(index_of(6), path, sequence=6, embedding_model="m")
    assert len(removed) == 1
    assert assert_whole(path) == 6
    assert [entry.name for entry in path.parent.iterdir()] == ["index"]


def test_rival_savers_and_a_reader_always_meet_a_whole_file(path: Path) -> None:
    done = Event()

    def save(first: int) -> None:
        for sequence in range(first, first + 12):
            save_snapshot(index_of(sequence), path, sequence=sequence, embedding_model="m")

    def read() -> int:
        loads = 0
        while not done.is_set() or not loads:
            assert_whole(path)
            loads += 1
        return loads

    with ThreadPoolExecutor(4) as pool:
        reader = pool.submit(read)
        savers = [pool.submit(save, first) for first in (10, 30, 50)]
        try:
            for saver in savers:
                saver.result(60)
        finally:
            done.set()
        assert reader.result(60) > 0
    assert assert_whole(path) in (21, 41, 61)
    assert [entry.name for entry in path.parent.iterdir()] == ["index"]


SAVING = """
import sys
import numpy as np
from tersus.indexes import FlatIndex, save_snapshot
def index_of(count):
    index = FlatIndex(64)
    index.add(np.arange(count), np.random.default_rng(count).normal(size=(count, 64)))
    return index
indexes = [(count, index_of(count)) for count in (1500, 2000, 2500)]
while True:
    for count, index in indexes:
        save_snapshot(index, sys.argv[1], sequence=count, embedding_model="m")
        sys.stdout.write(".")
        sys.stdout.flush()
"""


def test_a_saver_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "index"
    moments = random.Random(0)
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE) as saver:
            assert saver.stdout is not None
            assert saver.stdout.read(1) == b"."
            time.sleep(moments.uniform(0, 0.03))
            saver.kill()
            assert saver.wait() == -signal.SIGKILL
        assert assert_whole(path, 64) in (1500, 2000, 2500)
        assert len(list(tmp_path.iterdir())) <= 2  # each saver removed what the one before it left
    save_snapshot(index_of(7), path, sequence=7, embedding_model="m")
    assert [entry.name for entry in tmp_path.iterdir()] == ["index"]
