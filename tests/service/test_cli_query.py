"""``tersus query``: the account on stdout, exact spans, and one row in the ledger."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.llms import MockLLM
from rich.console import Console
from tersus.compressors import CompressedPassage, Passage, Span
from tersus.compressors.models.store import ModelMissing, find_model
from tersus.service.cli.passages import print_passages

QUESTION = "Who built the lighthouse of Norrvik?"
ASK = ("query", QUESTION, "--collection", "docs")


def rows(cli: Any) -> list[dict[str, Any]]:
    """The ledger's rows, newest first."""
    found: list[dict[str, Any]] = json.loads(cli("log", "--json").stdout)["queries"]
    return found


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language model that repeats its prompt, at a real model's price."""
    monkeypatch.setattr("tersus.rag.llm.load_llm", lambda _settings: MockLLM())
    monkeypatch.setenv("TERSUS_PRICE_MODEL", "gpt-4.1-mini")


def test_json_is_the_whole_account_and_its_spans_slice_the_source(
    cli: Any, filled: Path, answering: None
) -> None:
    result = cli(*ASK, "--ratio", "0.5", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert {"id", "answer", "passages", "tokens_before", "tokens_after", "outcome", "reason"} <= set(found)
    assert found["answer"].strip()
    assert found["outcome"] == "compressed"
    for passage in found["passages"]:
        pieces = [passage["text"][span["start"] : span["end"]] for span in passage["kept"]]
        assert " ".join(pieces) == passage["sent"]
        assert all(span["score"] is not None for span in passage["kept"])
    sent = [passage for passage in found["passages"] if passage["sent"]]
    assert found["context"] == "\n\n".join(f"{passage['title']}\n{passage['sent']}" for passage in sent)
    assert found["tokens_saved"] == found["tokens_before"] - found["tokens_after"] > 0
    # gpt-4.1-mini: 0.4 dollars a million tokens
    assert Decimal(found["cost_saved"]) == Decimal(found["tokens_saved"]) * Decimal("0.4") / 1_000_000

    (row,) = rows(cli)
    for name in ("id", "question", "answer", "outcome", "tokens_before", "tokens_after", "tokens_saved"):
        assert row[name] == found[name]
    assert Decimal(row["cost_saved"]) == Decimal(found["cost_saved"])
    total = json.loads(cli("savings", "--json").stdout)["total"]
    assert (total["queries"], total["tokens_saved"]) == (1, found["tokens_saved"])


def test_people_read_answer_passages_and_savings(cli: Any, filled: Path, answering: None) -> None:
    as_json = json.loads(cli(*ASK, "--ratio", "0.5", "--json").stdout)
    result = cli(*ASK, "--ratio", "0.5")
    assert result.exit_code == 0
    assert as_json["answer"].splitlines()[0] in result.stdout
    assert "Passages: 3 retrieved" in result.stdout
    before, after = as_json["tokens_before"], as_json["tokens_after"]
    assert f"{before} \u2192 {after} tokens \u00b7 {after / before:.0%} kept \u00b7 $0.0000" in result.stdout
    assert "saved at gpt-4.1-mini's price" in result.stdout
    assert "\x1b" not in result.stdout


def test_what_was_dropped_is_not_printed_where_there_is_no_terminal(cli: Any, filled: Path) -> None:
    ask = (*ASK, "--ratio", "0.4", "--context-only")
    found = json.loads(cli(*ask, "--json").stdout)
    kept = " ".join(passage["sent"] for passage in found["passages"])
    dropped = [s for s in ("Gulls nest on the roof", "wrapped in linen", "red band") if s not in kept]
    assert dropped
    plain = cli(*ask).stdout
    assert not [sentence for sentence in dropped if sentence in plain]
    shown = cli(*ask, "--show-dropped").stdout
    assert [sentence for sentence in dropped if sentence in shown] == dropped
    assert "[-" in shown


def test_context_only_needs_no_language_model_and_answers_nothing(
    cli: Any, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERSUS_MODELS_DIR", str(tmp_path / "no-models"))
    found = json.loads(cli(*ASK, "--context-only", "--json").stdout)
    assert found["answer"] is None
    assert found["passages"][0]["document"].endswith("/lighthouse.md")
    assert rows(cli)[0]["kind"] == "compress"
    missing = cli(*ASK)
    assert missing.exit_code == 1
    assert "tersus models install" in missing.stderr


def test_no_compress_sends_everything_and_says_so(cli: Any, filled: Path) -> None:
    found = json.loads(cli(*ASK, "--context-only", "--no-compress", "--json").stdout)
    assert (found["outcome"], found["compressor"]) == ("bypassed", None)
    assert found["tokens_after"] == found["tokens_before"]
    assert all(passage["sent"] == passage["text"] for passage in found["passages"])
    shown = cli(*ASK, "--context-only", "--no-compress").stdout
    assert "nothing was removed" in shown
    assert "no compression" in shown


def test_top_k_limits_the_passages(cli: Any, filled: Path) -> None:
    found = json.loads(cli(*ASK, "--context-only", "--top-k", "1", "--json").stdout)
    assert len(found["passages"]) == 1


def test_a_compressor_by_name_is_used(cli: Any, filled: Path) -> None:
    found = json.loads(cli(*ASK, "--context-only", "--compressor", "none", "--json").stdout)
    assert (found["compressor"], found["outcome"]) == ("none", "bypassed")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        (["--ratio", "0.5", "--max-tokens", "9"], 2, "usage"),
        (["--ratio", "1.5"], 2, "usage"),
        (["--ratio", "0"], 2, "usage"),
        (["--no-compress", "--ratio", "0.5"], 2, "usage"),
        (["--no-compress", "--compressor", "none"], 2, "usage"),
        (["--compressor", "nothing-like-it"], 1, "unknown_compressor"),
    ],
)
def test_options_that_cannot_be_used_leave_no_row(
    cli: Any, filled: Path, options: list[str], status: int, code: str
) -> None:
    result = cli(*ASK, "--context-only", "--json", *options)
    assert (result.exit_code, result.stdout) == (status, "")
    assert json.loads(result.stderr)["error"]["code"] == code
    assert rows(cli) == []


def test_an_empty_question_and_an_unknown_collection_are_errors(cli: Any, filled: Path) -> None:
    empty = cli("query", " ", "-c", "docs", "--json")
    assert (empty.exit_code, json.loads(empty.stderr)["error"]["code"]) == (1, "invalid_input")
    unknown = cli("query", "x", "-c", "dogs", "--json")
    error = json.loads(unknown.stderr)["error"]
    assert (unknown.exit_code, error["code"]) == (1, "unknown_collection")
    assert "docs" in error["message"]


def test_a_model_that_fails_is_an_error_and_a_row(
    cli: Any, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(MockLLM):
        def chat(self, *_arguments: Any, **_options: Any) -> Any:
            raise ConnectionError("refused by [red]nobody[/]")

    monkeypatch.setattr("tersus.rag.llm.load_llm", lambda _settings: Broken(max_tokens=None))
    result = cli(*ASK)
    assert result.exit_code == 1
    assert "refused by [red]nobody[/]" in result.stderr
    assert [(row["outcome"], row["error_code"]) for row in rows(cli)] == [("failed", "llm_failed")]


def test_a_read_only_database_answers_nothing_unrecorded(cli: Any, filled: Path) -> None:
    url = f"sqlite:///file:{filled / 'tersus.db'}?mode=ro&uri=true"
    result = cli("--database-url", url, *ASK, "--context-only", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads(result.stderr)["error"]["code"] == "database_read_only"


def test_text_of_documents_is_neither_markup_nor_a_command_to_the_terminal(
    cli: Any, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    result = cli("query", "What is the escape tag?", "-c", "docs", "--context-only", "--no-compress")
    assert result.exit_code == 0, result.stderr
    assert "[bold red]Markup[/] title" in result.stdout
    assert "[link=http://x]escape" in result.stdout
    assert "a [/nothing] tag." in result.stdout
    assert "\x1b[31m" not in result.stdout


SOURCE = "Kept one. Dropped two. Kept three."
PASSAGES = [
    CompressedPassage.of(Passage(SOURCE, title="First", score=0.5), [Span(0, 9), Span(23, 34)]),
    CompressedPassage.of(Passage("All of it is gone.\nA second line.", title="Second"), []),
    CompressedPassage(Passage("Long text.", title="Third"), None, "Rewritten."),
]


def printed(show_dropped: bool | None, *, terminal: bool) -> str:
    """What `print_passages` writes."""
    console = Console(
        file=io.StringIO(), force_terminal=terminal, color_system="standard" if terminal else None,
        width=60, markup=False, highlight=False, no_color=False, _environ={"TERM": "xterm"},
    )  # fmt: skip
    print_passages(console, PASSAGES, show_dropped)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_a_terminal_shows_kept_text_plainly_and_dropped_text_dimmed() -> None:
    shown = printed(None, terminal=True)
    assert "Kept one.\x1b[2m Dropped two. \x1b[0mKept three." in shown
    assert "\x1b[2mAll of it is gone. A second line.\x1b[0m" in shown
    assert "Rewritten." in shown
    hidden = printed(False, terminal=True)
    assert "Kept one. Kept three." in hidden
    assert "Dropped two" not in hidden
    assert "is gone" not in hidden


def test_elsewhere_only_kept_text_is_shown_or_what_was_dropped_is_bracketed() -> None:
    assert printed(None, terminal=False).splitlines() == [
        "Passages: 3 retrieved, 2 kept",
        " 1 First \u00b7 0.50",
        "   Kept one. Kept three.",
        " 2 Second \u00b7 dropped",
        " 3 Third",
        "   Rewritten.",
    ]
    everything = printed(True, terminal=False)
    assert "   Kept one.[- Dropped two. -]Kept three." in everything
    assert "   [-All of it is gone.\n   A second line.-]" in everything


def test_a_long_run_of_dropped_text_is_shortened_in_a_terminal_and_whole_on_request() -> None:
    middle = " ".join(f"word{number}" for number in range(200))
    passage = CompressedPassage.of(Passage(f"Kept. {middle} Kept too."), [Span(0, 5)])
    for show, whole in ((None, False), (True, True)):
        console = Console(file=io.StringIO(), force_terminal=True, width=4000, markup=False, highlight=False)
        print_passages(console, [passage], show)
        assert isinstance(console.file, io.StringIO)
        shown = console.file.getvalue()
        assert "word0 word1" in shown
        assert ("word100" in shown) is whole


@pytest.mark.model
def test_the_local_model_answers_and_the_row_says_the_same(
    cli: Any, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        find_model("smollm2")
    except ModelMissing as missing:
        pytest.skip(f"SmolLM2 is not installed: {missing.hint}")
    monkeypatch.delenv("TERSUS_TOKENIZER")
    monkeypatch.setenv("TERSUS_LLM_MAX_TOKENS", "24")
    result = cli(*ASK, "--ratio", "0.5", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert "Astrid Holm" in found["answer"]
    assert found["usage"]["prompt_tokens"] >= found["prompt_tokens"] > found["tokens_after"]
    shown = json.loads(cli("show", found["id"][:8], "--json").stdout)
    assert (shown["answer"], shown["provider_prompt_tokens"]) == (
        found["answer"],
        found["usage"]["prompt_tokens"],
    )
