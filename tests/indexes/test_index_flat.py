"""What is particular to the exact index."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tersus.indexes
from tersus.errors import NotInstalled
from tersus.indexes import FlatIndex, IndexDump, InvalidDump, create_index


def test_nearly_equal_vectors_are_ranked_by_their_float64_scores() -> None:
    # 2000 vectors within float32 noise of each other: FAISS's own order is a matter of its rounding.
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=64) + rng.normal(scale=1e-6, size=(2000, 64))
    query = rng.normal(size=64)
    index = FlatIndex(64)
    index.add(np.arange(2000), vectors)
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32).astype(np.float64)
    asked = (query / np.linalg.norm(query)).astype(np.float32).astype(np.float64)
    scores = (unit @ asked).astype(np.float32)
    expected = np.lexsort((np.arange(2000), -scores))
    found = index.search([query], 25)
    assert found.ids[0].tolist() == expected[:25].tolist()
    assert found.scores[0].tolist() == scores[expected[:25]].tolist()


def test_thousands_of_equal_vectors_are_all_ranked_by_id() -> None:
    index = FlatIndex(4)
    index.add(np.arange(9000)[::-1], np.tile([1.0, 2.0, 3.0, 4.0], (9000, 1)))
    assert index.search([[4.0, 3.0, 2.0, 1.0]], 9000).ids[0].tolist() == list(range(9000))
    assert index.search([[4.0, 3.0, 2.0, 1.0]], 3).ids[0].tolist() == [0, 1, 2]


def test_the_payload_is_ids_then_rows() -> None:
    index = FlatIndex(2)
    index.add([7, 3], [[0.0, 5.0], [2.0, 0.0]])
    dump = index.dump()
    assert (dump.kind, dump.dimension, dump.count) == ("flat", 2, 2)
    assert np.frombuffer(dump.payload, "<i8", 2).tolist() == [7, 3]
    assert np.frombuffer(dump.payload, "<f4", offset=16).tolist() == [0.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "dump",
    [
        IndexDump("hnsw", 2, 0, memoryview(b"")),
        IndexDump("flat", 2, 1, memoryview(b"123")),
        IndexDump("flat", 2, 2, memoryview(bytes(16))),
        IndexDump("flat", 2, 1, memoryview(np.int64(-4).tobytes() + bytes(8))),
        IndexDump("flat", 2, 2, memoryview(np.array([4, 4]).tobytes() + bytes(16))),
        IndexDump("flat", 2, 1, memoryview(bytes(8) + np.array([1, np.nan], dtype="<f4").tobytes())),
    ],
    ids=["kind", "length", "count", "negative id", "double id", "NaN"],
)
def test_a_dump_that_contradicts_itself_is_refused(dump: IndexDump) -> None:
    with pytest.raises(InvalidDump):
        FlatIndex.restore(dump)


def test_without_faiss_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(NotInstalled) as caught:
        create_index("flat", 3)
    assert caught.value.code == "not_installed"
    assert caught.value.hint == "pip install 'tersus[cpu]', or 'tersus[gpu]' for a GPU of NVIDIA"


def test_importing_the_package_and_listing_kinds_imports_neither_faiss_nor_more() -> None:
    code = (
        "import sys, tersus.indexes\n"
        "early = {'numpy', 'faiss'} & set(sys.modules)\n"
        "kinds = tersus.indexes.available_indexes()\n"
        "sys.exit(0 if not early and 'flat' in kinds and 'faiss' not in sys.modules else 1)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_can_be_reached() -> None:
    for name in tersus.indexes.__all__:
        assert getattr(tersus.indexes, name).__name__ == name
    assert set(tersus.indexes.__all__) <= set(dir(tersus.indexes))
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        _ = tersus.indexes.Missing
