"""Token counts against the tokenizers' own libraries."""

from __future__ import annotations

from pathlib import Path

import pytest
from tersus.compressors import TokenizerMissing, counter_name, load_counter
from tersus.errors import InvalidInput

TEXTS = [
    "", " ", "Frank Herbert wrote Dune in 1965.", "naïve café — 東京 🧑‍🚀", "x = [1, 2.5]\n\n\tif a:\n",
    "<|endoftext|>", "12,345,678.90 € " * 50, "word " * 3000,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_cl100k_counts_as_tiktoken_does_on_the_file_that_llama_index_ships(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import llama_index.core
    import tiktoken

    cache = Path(llama_index.core.__file__).parent / "_static" / "tiktoken_cache"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
    assert load_counter("cl100k")(text) == len(tiktoken.get_encoding("cl100k_base").encode_ordinary(text))


def test_o200k_counts_what_its_authors_count() -> None:
    # From the tokenizer's public examples: newer, so fewer tokens for Chinese than cl100k.
    count = load_counter("o200k")
    assert count("hello world") == 2
    assert count("你好，我的名字是GPT-4o。") < load_counter("cl100k")("你好，我的名字是GPT-4o。")


@pytest.mark.parametrize("name", ["cl100k", "o200k"])
def test_lone_surrogates_count_as_the_replacement_character(name: str) -> None:
    assert load_counter(name)("a\ud800b") == load_counter(name)("a\ufffdb")


def test_a_folder_counts_without_the_limit_and_padding_that_its_file_sets() -> None:
    from tersus.compressors.models.store import find_model
    from transformers import AutoTokenizer

    folder = find_model("minilm")
    reference = AutoTokenizer.from_pretrained(str(folder))
    long = "The quick brown fox, number 7. " * 200
    for text in ("", "short", long):
        expected = len(reference(text, add_special_tokens=False, truncation=False)["input_ids"])
        assert load_counter(str(folder))(text) == expected


def test_the_name_recorded_is_the_tokenizers_or_the_label() -> None:
    from tersus.compressors.models.store import find_model

    assert counter_name(load_counter("cl100k_base")) == "cl100k"
    assert counter_name(load_counter(str(find_model("minilm")), label="minilm")) == "minilm"
    assert counter_name(len) == "len"


def test_an_unknown_tokenizer_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # no waiting for the network
    with pytest.raises(TokenizerMissing, match="cl100k"):
        load_counter("no-such-owner/no-such-tokenizer")
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(TokenizerMissing, match="not a tokenizer"):
        load_counter(str(broken))
    with pytest.raises(InvalidInput):
        load_counter("")
