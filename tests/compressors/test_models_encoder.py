"""Sentence vectors: the values of sentence-transformers, whatever the batch."""

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from tersus.compressors.models.encoder import TextEncoder, load_encoder
from tersus.compressors.models.pooling import pool, read_settings
from tersus.compressors.models.store import ModelUnusable
from tersus.errors import InvalidInput

TEXTS = [
    "Who wrote Dune?",
    "Dune is a 1965 epic science fiction novel by American author Frank Herbert.",
    "",
    " \t\n",
    "Größenwahn, naïveté & l'été à Zürich",
    "日本語の文章を埋め込む。",
    "Где находится Казань?",
    "🙂🙃 x=1; y = [2, 3]",
    "UPPER lower 007 3.14159 https://example.org/a?b=c",
    "long " * 700 + "end beyond the 256th token",
]


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return load_encoder("minilm", "cpu")


def test_the_vectors_are_those_of_sentence_transformers(encoder: TextEncoder) -> None:
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(encoder.folder), device="cpu").encode(TEXTS)
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, reference, rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_vector_depends_neither_on_its_batch_nor_on_its_place(encoder: TextEncoder) -> None:
    alone = np.stack([encoder.encode([text])[0] for text in TEXTS])
    order = [7, 2, 9, 0, 4, 1, 8, 3, 6, 5]
    for batch_tokens in (1, 40, 100_000):
        other = TextEncoder("minilm", "cpu", batch_tokens=batch_tokens)
        np.testing.assert_allclose(other.encode([TEXTS[i] for i in order]), alone[order], rtol=0, atol=2e-6)


def test_the_models_own_limit_of_tokens_is_followed_and_can_be_lowered(encoder: TextEncoder) -> None:
    assert encoder.max_length == 256  # its sentence_bert_config.json, below its 512 positions
    words = "word " * 254  # and [CLS], [SEP]
    cut = encoder.encode([words, words + "more"])
    np.testing.assert_array_equal(cut[0], cut[1])
    short = TextEncoder("minilm", "cpu", max_length=4)
    assert short.max_length == 4
    np.testing.assert_allclose(short.encode(["one two three"])[0], encoder.encode(["one two"])[0], atol=1e-6)
    assert TextEncoder("minilm", "cpu", max_length=9999).max_length == 512


def test_no_texts_give_no_rows_and_surrogates_are_replaced(encoder: TextEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    np.testing.assert_allclose(encoder.encode(["a\ud800b"]), encoder.encode(["a\ufffdb"]), atol=1e-6)


def test_one_string_or_other_things_are_refused(encoder: TextEncoder) -> None:
    with pytest.raises(InvalidInput, match="sequence of strings"):
        encoder.encode("text")
    with pytest.raises(InvalidInput):
        encoder.encode(["text", None])  # type: ignore[list-item]
    with pytest.raises(InvalidInput):
        TextEncoder(batch_tokens=0)


def test_a_prompt_stands_before_every_text(encoder: TextEncoder) -> None:
    expected = encoder.encode(["query: cats", "query: dogs"])
    np.testing.assert_allclose(encoder.encode(["cats", "dogs"], "query: "), expected, atol=1e-6)


def test_threads_share_one_encoder_and_get_the_same_values() -> None:
    fresh = TextEncoder("minilm", "cpu", batch_tokens=64)
    expected = load_encoder("minilm", "cpu").encode(TEXTS[:8])
    with ThreadPoolExecutor(4) as threads:
        for vectors in threads.map(lambda _: fresh.encode(TEXTS[:8]), range(8)):
            np.testing.assert_allclose(vectors, expected, rtol=0, atol=2e-6)


def test_an_encoder_is_made_once_and_loaded_at_first_use(encoder: TextEncoder) -> None:
    assert load_encoder("minilm", "cpu") is encoder
    fresh = TextEncoder("minilm", "cpu")
    assert (fresh.dimension, fresh.max_length) == (384, 256)
    assert fresh._loaded is None
    fresh.encode(["x"])
    assert fresh._loaded is not None


def test_the_fingerprint_names_model_limit_and_files(encoder: TextEncoder, tmp_path: Path) -> None:
    name, limit, digest = encoder.fingerprint.split("-")
    assert (name, limit, len(digest)) == ("minilm", "256", 12)
    assert TextEncoder("minilm", max_length=128).fingerprint == f"minilm-128-{digest}"
    copy = tmp_path / "mine"
    shutil.copytree(encoder.folder, copy)
    assert TextEncoder(copy).fingerprint == f"mine-256-{digest}"
    with (copy / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        last = weights.read(1)[0]
        weights.seek(-1, 2)
        weights.write(bytes([last ^ 1]))
    assert TextEncoder(copy).fingerprint not in {f"mine-256-{digest}", encoder.fingerprint}


def test_cls_pooling_is_read_from_the_models_own_file(encoder: TextEncoder, tmp_path: Path) -> None:
    copy = tmp_path / "cls"
    shutil.copytree(encoder.folder, copy)
    (copy / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    )
    (copy / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "query: "}}))
    (copy / "sentence_bert_config.json").unlink()
    mine = TextEncoder(copy, "cpu")
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(copy)("Who wrote Dune?", return_tensors="pt")
    with torch.inference_mode():
        first = AutoModel.from_pretrained(copy)(**tokens).last_hidden_state[0, 0].numpy()
    vectors = mine.encode(["Who wrote Dune?", "a longer text that pads the other one in its batch"])
    np.testing.assert_allclose(vectors[0], first / np.linalg.norm(first), atol=1e-5)
    assert mine.prompts == {"query": "query: "}
    assert mine.max_length == 512


def test_pooling_ignores_padding() -> None:
    states = torch.tensor([[[3.0, 4.0], [0.0, 5.0], [9.0, 9.0]], [[1.0, 0.0], [2.0, 0.0], [0.0, 7.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    mean = np.array([[1.5, 4.5], [1.0, 7 / 3]])
    np.testing.assert_allclose(
        pool(states, mask, "mean").numpy(), mean / np.linalg.norm(mean, axis=1, keepdims=True), rtol=1e-6
    )
    np.testing.assert_allclose(pool(states, mask, "cls").numpy(), np.array([[0.6, 0.8], [1, 0]]), rtol=1e-6)
    np.testing.assert_allclose(pool(states, mask, "lasttoken").numpy(), [[0, 1], [0, 1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "pooling_mode_max_tokens"),
        (
            "1_Pooling/config.json",
            {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
            "mean and cls|cls and mean",
        ),
        ("modules.json", [{"type": "sentence_transformers.models.Dense"}], "'Dense'"),
    ],
)
def test_what_would_give_wrong_vectors_is_refused(
    tmp_path: Path, file: str, content: object, named: str
) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(ModelUnusable, match=named):
        read_settings(tmp_path)


def test_a_newer_pooling_file_and_a_bare_folder_are_understood(tmp_path: Path) -> None:
    assert read_settings(tmp_path).pooling == "mean"
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode": "lasttoken"}')
    assert read_settings(tmp_path).pooling == "lasttoken"


def test_a_folder_without_a_model_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="could not be loaded as an encoder") as caught:
        TextEncoder(tmp_path).encode(["x"])
    assert caught.value.code == "model_unusable"


def test_the_module_imports_no_heavy_library() -> None:
    import subprocess

    code = (
        "import sys, tersus.compressors.models.encoder, tersus.compressors.models.generate;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'sentence_transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
