"""LLMLingua behind lines of JSON; run by the interpreter of the environment that it is installed in.

Nothing of Tersus is imported here, and nothing that is not imported here need be in that environment:
``python llmlingua_worker.py MODEL``. Written for ``llmlingua==0.2.2`` with ``transformers==4.43.4``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

# The options that its authors give for question answering over passages (LongLLMLingua, Jiang et al., 2024).
_LONG = {
    "rank_method": "longllmlingua",
    "condition_in_question": "after_condition",
    "condition_compare": True,
    "reorder_context": "sort",
    "dynamic_context_compression_ratio": 0.3,
    "context_budget": "+100",
}


def as_transformers_4(folder: Path, target: Path) -> Path:
    """A folder that transformers 4 reads like the one that transformers 5 wrote.

    The newer one keeps RoPE's base elsewhere, where the older would read 10,000 without a word, names a
    class of tokenizer that the older does not know, and writes a tokenizer's merges as pairs.
    """
    for file in folder.iterdir():
        if file.name not in ("config.json", "tokenizer_config.json", "tokenizer.json"):
            (target / file.name).symlink_to(file.resolve())
    config = json.loads((folder / "config.json").read_text("utf-8"))
    rope = config.pop("rope_parameters", None)
    if rope is not None:
        config["rope_theta"] = rope.pop("rope_theta", 10000.0)
        config["rope_scaling"] = rope if rope.get("rope_type", "default") != "default" else None
    config["torch_dtype"] = config.pop("dtype", config.get("torch_dtype", "float32"))
    (target / "config.json").write_text(json.dumps(config), "utf-8")
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    if tokenizer.get("tokenizer_class") == "TokenizersBackend":
        tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
    (target / "tokenizer_config.json").write_text(json.dumps(tokenizer), "utf-8")
    if (folder / "tokenizer.json").is_file():
        whole = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        merges = whole.get("model", {}).get("merges")
        if merges and isinstance(merges[0], list):
            whole["model"]["merges"] = [" ".join(pair) for pair in merges]
        (target / "tokenizer.json").write_text(json.dumps(whole), "utf-8")
    return target


class _Words:
    """In the place of OpenAI's tokenizer, where that cannot be fetched."""

    @staticmethod
    def encode(text: str) -> list[str]:
        return text.split()


def _load(model: str, holding: Path) -> Any:
    import tiktoken
    from llmlingua import PromptCompressor

    try:
        tiktoken.encoding_for_model("gpt-3.5-turbo")
    except Exception:  # noqa: BLE001 - of its HTTP client, whichever that is
        # It counts by it what it reports of its savings, and nothing that it does depends on that.
        vars(tiktoken)["encoding_for_model"] = lambda _: _Words()
    folder = Path(model)
    name = str(as_transformers_4(folder, holding)) if folder.is_dir() else model
    import torch

    return PromptCompressor(name, device_map="cuda" if torch.cuda.is_available() else "cpu")


def _compress(compressor: Any, asked: dict[str, Any]) -> str:
    import torch

    if asked["threads"] != torch.get_num_threads():
        torch.set_num_threads(asked["threads"])
    found = compressor.compress_prompt(
        asked["passages"],
        question=asked["question"],
        rate=asked["rate"],
        concate_question=False,
        **(_LONG if asked["long"] else {}),
    )
    return str(found["compressed_prompt"])


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed is no answer
    compressor = None
    with tempfile.TemporaryDirectory() as holding:
        for line in open(0, encoding="utf-8"):  # noqa: SIM115 - as long as the process
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    compressor = compressor or _load(sys.argv[1], Path(holding))
                    answer = {"value": _compress(compressor, json.loads(line))}
            except Exception as error:  # noqa: BLE001 - told to who asked
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
