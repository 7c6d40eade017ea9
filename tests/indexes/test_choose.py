import numpy as np
import pytest
from tersus.errors import InvalidInput
from tersus.indexes import available_indexes, create_index
from tersus.indexes.choose import bytes_a_vector, choose_kind

GB = 1 << 30


@pytest.mark.parametrize(
    ("count", "memory", "kind"),
    [
        (0, None, "flat"),
        (20_000, 1, "flat"),
        (20_001, None, "hnsw"),
        (2_000_000, None, "hnsw"),
        (2_000_001, None, "ivf-flat"),
        (1_000_000, 1_720_000_000, "hnsw"),
        (1_000_000, 1_600_000_000, "ivf-flat"),
        (1_000_000, GB, "ivf-sq8"),
        (1_000_000, 300_000_000, "ivf-pq"),
        (10**9, 8 * GB, "ivf-pq"),
    ],
)
def test_the_kind_fits_number_and_memory(count: int, memory: int | None, kind: str) -> None:
    assert choose_kind(count, 384, memory) == kind


def test_a_dimension_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidInput):
        choose_kind(10, 0)


@pytest.mark.parametrize(
    "kind", sorted(set(available_indexes()) & {"flat", "hnsw", "ivf-flat", "ivf-sq8", "ivf-pq"})
)
def test_the_bytes_of_a_vector_are_about_those_of_a_snapshot(kind: str) -> None:
    # A snapshot holds each part once; of the ids, here and in FAISS, it leaves out the sorted ones.
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(4000, 64)).astype(np.float32)
    index = create_index(kind, 64) if kind == "flat" else create_index(kind, 64, train_at=2000)
    index.add(np.arange(4000), vectors)
    index.finish(vectors[:5])
    fixed = 0
    if (centroids := getattr(index, "centroids", None)) is not None:
        fixed = centroids.nbytes + (4 * 256 * 64 if kind == "ivf-pq" else 0)  # and the codebooks
    measured = (len(index.dump().payload) - fixed) / 4000
    assert measured == pytest.approx(bytes_a_vector(kind, 64), abs=30)
