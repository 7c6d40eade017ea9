"""The local embedding model as LlamaIndex sees it, and any model's vectors as arrays."""

import asyncio
import threading

import numpy as np
import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding
from tersus.compressors.models.encoder import load_encoder
from tersus.compressors.models.store import ModelMissing
from tersus.errors import InvalidInput
from tersus.rag.embedding import (
    EmbeddingFailed,
    LocalEmbedding,
    embed_query,
    embed_texts,
    embedding_fingerprint,
    load_embedding,
)

TEXTS = ["Paris is the capital of France.", "", "Rust has no garbage collector."]


class Fixed(BaseEmbedding):
    """A remote model's stand-in: each text's vector is looked up."""

    table: dict[str, list[float]]
    dimensions: int | None = None

    def _get_text_embedding(self, text: str) -> list[float]:
        return self.table[text]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self.table[query]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self.table[query]


def test_every_way_to_the_local_model_gives_the_encoders_vectors() -> None:
    expected = load_encoder("minilm").encode(TEXTS)
    embedding = load_embedding()
    np.testing.assert_allclose(embed_texts(embedding, TEXTS), expected, atol=2e-6)
    np.testing.assert_allclose(embedding.get_text_embedding_batch(TEXTS), expected, atol=2e-6)
    np.testing.assert_allclose(embedding.get_text_embedding(TEXTS[0]), expected[0], atol=2e-6)
    np.testing.assert_allclose(embed_query(embedding, TEXTS[0]), expected[0], atol=2e-6)
    assert embed_texts(embedding, TEXTS).dtype == embed_query(embedding, "x").dtype == np.float32


async def test_the_async_ways_run_in_a_thread_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load_encoder("minilm").encode(TEXTS)
    embedding = LocalEmbedding()
    seen: set[int] = set()
    encode = LocalEmbedding.encode_texts

    def watched(self: LocalEmbedding, texts: list[str]) -> object:
        seen.add(threading.get_ident())
        return encode(self, texts)

    monkeypatch.setattr(LocalEmbedding, "encode_texts", watched)
    batch, one, query = await asyncio.gather(
        embedding.aget_text_embedding_batch(TEXTS),
        embedding.aget_text_embedding(TEXTS[2]),
        embedding.aget_query_embedding(TEXTS[2]),
    )
    np.testing.assert_allclose(batch, expected, atol=2e-6)
    np.testing.assert_allclose([one, query], expected[[2, 2]], atol=2e-6)
    assert seen
    assert threading.get_ident() not in seen


def test_prompts_of_the_model_go_before_queries_and_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tersus.compressors.models.encoder.TextEncoder.prompts", {"query": "Q: ", "document": "D: "}
    )
    expected = load_encoder("minilm").encode(["Q: cats", "D: cats"])
    embedding = LocalEmbedding()
    np.testing.assert_allclose(embed_query(embedding, "cats"), expected[0], atol=2e-6)
    np.testing.assert_allclose(embed_texts(embedding, ["cats"])[0], expected[1], atol=2e-6)


def test_vectors_of_any_model_are_scaled_to_length_one_in_order() -> None:
    fixed = Fixed(table={"a": [3, 4], "b": [0, 0], "c": [0, -2]}, embed_batch_size=2)
    expected = np.array([[0, -1], [0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(embed_texts(fixed, ["c", "a", "b"]), expected, rtol=1e-6)
    np.testing.assert_allclose(embed_query(fixed, "a"), [0.6, 0.8], rtol=1e-6)
    assert embed_texts(fixed, []).shape == (0, 0)


@pytest.mark.parametrize("bad", [[1.0, float("nan")], [1.0, 2.0, 3.0], [], [None, None]])
def test_vectors_that_cannot_be_used_are_an_error(bad: list[float]) -> None:
    fixed = Fixed(table={"good": [1, 2]})
    fixed.table["bad"] = bad  # past the check of types, as a remote answer is
    with pytest.raises(EmbeddingFailed) as caught:
        embed_texts(fixed, ["good", "bad"])
    assert caught.value.code == "embedding_failed"


def test_an_error_of_the_model_is_named_and_kept_as_the_cause() -> None:
    with pytest.raises(EmbeddingFailed, match="unknown failed: KeyError") as caught:
        embed_query(Fixed(table={}), "not there")
    assert isinstance(caught.value.__cause__, KeyError)


def test_one_string_instead_of_many_is_refused() -> None:
    with pytest.raises(InvalidInput, match="sequence"):
        embed_texts(LocalEmbedding(), "text")


def test_a_fingerprint_tells_models_apart() -> None:
    assert embedding_fingerprint(load_embedding()) == load_encoder("minilm").fingerprint
    first = Fixed(table={}, model_name="m")
    assert embedding_fingerprint(first) == f"{first.class_name()}:m"
    assert embedding_fingerprint(Fixed(table={}, model_name="m", dimensions=256)).endswith(":m:256")


def test_a_wrong_path_is_told_when_the_model_is_named() -> None:
    with pytest.raises(ModelMissing):
        load_embedding("./no/such/model")
