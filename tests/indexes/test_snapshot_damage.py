"""A snapshot that is not exactly what was saved is refused, whatever happened to it."""

from __future__ import annotations

import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tersus.indexes import (
    FlatIndex,
    SnapshotDamaged,
    SnapshotInfo,
    SnapshotMissing,
    SnapshotTooNew,
    SnapshotUnreadable,
    UnknownIndex,
    load_snapshot,
    read_snapshot_info,
    save_snapshot,
)

METADATA: dict[str, Any] = {
    "kind": "flat",
    "dimension": 2,
    "count": 1,
    "sequence": 3,
    "embedding_model": "m",
    "created": "2025-01-01T00:00:00+00:00",
}
PAYLOAD = struct.pack("<q2f", 9, 0.0, 1.0)


def whole_file(
    metadata: object = METADATA, payload: bytes = PAYLOAD, magic: bytes = b"TERSUSIX", version: int = 1
) -> bytes:
    """A snapshot written from the description of its layout, with a checksum that holds."""
    text = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    body = magic + struct.pack("<IIQ", version, len(text), len(payload)) + text + payload
    return body + hashlib.sha256(body).digest()


def assert_damaged(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(SnapshotDamaged) as caught:
        load_snapshot(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    with pytest.raises(SnapshotDamaged):
        read_snapshot_info(path)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    index = FlatIndex(4)
    index.add([3, 1, 2], [[1, 2, 3, 4], [4, 3, 2, 1], [0, 0, 1, 0]])
    save_snapshot(index, tmp_path / "index.snapshot", sequence=42, embedding_model="all-MiniLM-L6-v2 é")
    return tmp_path / "index.snapshot"


def test_the_layout_is_the_documented_one(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(whole_file())
    index, info = load_snapshot(tmp_path / "s")
    assert info == SnapshotInfo("flat", 2, 1, 3, "m", "2025-01-01T00:00:00+00:00", 1)
    assert index.search([[0.0, 2.0]], 1).ids.tolist() == [[9]]


def test_the_information_is_what_was_given(snapshot: Path) -> None:
    info = read_snapshot_info(snapshot)
    assert (info.kind, info.dimension, info.count, info.sequence) == ("flat", 4, 3, 42)
    assert (info.embedding_model, info.format_version) == ("all-MiniLM-L6-v2 é", 1)
    created = datetime.fromisoformat(info.created)
    assert created.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=5)
    assert load_snapshot(str(snapshot))[1] == info


def test_a_flip_of_any_bit_anywhere_is_noticed(snapshot: Path) -> None:
    data = snapshot.read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        assert_damaged(snapshot, bytes(changed))


def test_a_cut_at_any_length_is_noticed(snapshot: Path) -> None:
    data = snapshot.read_bytes()
    for length in range(len(data)):
        assert_damaged(snapshot, data[:length])


def test_damage_in_a_large_file_is_noticed(snapshot: Path) -> None:
    index = FlatIndex(64)
    index.add(np.arange(10_000), np.random.default_rng(0).normal(size=(10_000, 64)))
    save_snapshot(index, snapshot, sequence=1, embedding_model="m")
    data = snapshot.read_bytes()
    mebibyte = 1 << 20
    for place in (
        30,
        mebibyte - 1,
        mebibyte,
        2 * mebibyte + 24,
        len(data) // 2,
        len(data) - 33,
        len(data) - 1,
    ):
        assert_damaged(snapshot, data[:place] + bytes([data[place] ^ 0x80]) + data[place + 1 :])
        assert_damaged(snapshot, data[:place])
    snapshot.write_bytes(data)
    assert load_snapshot(snapshot)[0].ids().tolist() == list(range(10_000))


@pytest.mark.parametrize("extra", [b"\0", b"x" * 1000])
def test_bytes_behind_the_end_are_noticed(snapshot: Path, extra: bytes) -> None:
    assert_damaged(snapshot, snapshot.read_bytes() + extra)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(max_size=300), behind_magic=st.booleans())
def test_garbage_is_noticed(tmp_path: Path, garbage: bytes, behind_magic: bool) -> None:
    assert_damaged(tmp_path / "s", (b"TERSUSIX" if behind_magic else b"") + garbage)


def test_a_newer_format_is_told_apart_from_damage(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_bytes(whole_file(version=2, metadata=b"anything"))
    for read in (load_snapshot, read_snapshot_info):
        with pytest.raises(
            SnapshotTooNew, match=r"format version 2.*reads up to 1.*upgrade Tersus"
        ) as caught:
            read(path)
        assert caught.value.code == "snapshot_too_new"
        assert isinstance(caught.value, SnapshotDamaged)


@pytest.mark.parametrize(
    "data",
    [
        whole_file(magic=b"TERSUSIY"),
        whole_file(version=0),
        whole_file(metadata=b"{"),
        whole_file(metadata=b"\xff\xff"),
        whole_file(metadata=b"[" * 100_000),
        whole_file(metadata=[1, 2]),
        whole_file(metadata={**METADATA, "count": "1"}),
        whole_file(metadata={**METADATA, "count": True}),
        whole_file(metadata={**METADATA, "sequence": -1}),
        whole_file(metadata={**METADATA, "created": None}),
        whole_file(metadata={name: METADATA[name] for name in ("kind", "dimension", "count")}),
    ],
)
def test_a_wrong_header_under_a_right_checksum_is_refused(tmp_path: Path, data: bytes) -> None:
    assert_damaged(tmp_path / "s", data)


@pytest.mark.parametrize("place", [12, 16])
def test_wrong_lengths_under_a_right_checksum_are_refused(tmp_path: Path, place: int) -> None:
    body = bytearray(whole_file()[:-32])
    body[place] += 1
    assert_damaged(tmp_path / "s", bytes(body) + hashlib.sha256(body).digest())


@pytest.mark.parametrize(
    "data",
    [
        whole_file(payload=PAYLOAD[:-1]),
        whole_file(payload=PAYLOAD * 2),
        whole_file(payload=b""),
        whole_file(payload=struct.pack("<q2f", 9, float("nan"), 1.0)),
        whole_file(payload=struct.pack("<q2f", -1, 0.0, 1.0)),
        whole_file(metadata={**METADATA, "count": 2}),
        whole_file(metadata={**METADATA, "dimension": 1}),
        whole_file(metadata={**METADATA, "dimension": 0}),
        whole_file(metadata={**METADATA, "dimension": 2**62}),
    ],
)
def test_a_wrong_payload_under_a_right_checksum_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "s").write_bytes(data)
    with pytest.raises(SnapshotDamaged, match="contradicts itself") as caught:
        load_snapshot(tmp_path / "s")
    assert caught.value.code == "snapshot_damaged"


def test_a_kind_that_is_not_installed_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(whole_file(metadata={**METADATA, "kind": "from-elsewhere"}))
    with pytest.raises(UnknownIndex, match="from-elsewhere"):
        load_snapshot(tmp_path / "s")
    assert read_snapshot_info(tmp_path / "s").kind == "from-elsewhere"


def test_a_missing_file_is_told_apart_from_damage(tmp_path: Path) -> None:
    for read in (load_snapshot, read_snapshot_info):
        with pytest.raises(SnapshotMissing) as caught:
            read(tmp_path / "none")
        assert caught.value.code == "snapshot_missing"
        assert not isinstance(caught.value, SnapshotDamaged)


def test_a_folder_in_its_place_cannot_be_read(tmp_path: Path) -> None:
    for read in (load_snapshot, read_snapshot_info):
        with pytest.raises(SnapshotUnreadable, match="cannot be read") as caught:
            read(tmp_path)
        assert caught.value.code == "snapshot_unreadable"
