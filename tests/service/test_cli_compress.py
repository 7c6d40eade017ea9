"""``tersus compress``: text and JSON lines in, spans that slice them exactly out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

TEXT = (
    "The lighthouse of Norrvik was built in 1887 by the engineer Astrid Holm. "
    "Gulls nest on the roof in spring. A ferry calls on Tuesdays. Rye bread needs an old sourdough. "
    "The keeper's cat is grey."
)
QUESTION = "Who built the lighthouse of Norrvik?"


def queries(cli: Any) -> list[dict[str, Any]]:
    """The ledger's rows, newest first."""
    found: list[dict[str, Any]] = json.loads(cli("log", "--json").stdout)["queries"]
    return found


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    file = tmp_path / "norrvik.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


def test_json_gives_spans_that_slice_the_source_exactly(cli: Any, text_file: Path) -> None:
    result = cli("compress", "--query", QUESTION, "--ratio", "0.6", "--json", text_file)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    (passage,) = found["passages"]
    assert (passage["text"], passage["title"]) == (TEXT, "norrvik.txt")
    assert passage["kept"]
    pieces = [passage["text"][span["start"] : span["end"]] for span in passage["kept"]]
    assert " ".join(pieces) == passage["sent"]
    assert found["context"] == f"norrvik.txt\n{passage['sent']}"
    assert "Astrid Holm" in passage["sent"]
    assert 0 < found["tokens_after"] < found["tokens_before"]
    assert found["outcome"] == "compressed"


def test_the_context_goes_to_stdout_and_the_savings_to_stderr(cli: Any, text_file: Path) -> None:
    as_json = json.loads(cli("compress", "-q", QUESTION, "--ratio", "0.5", "--json", text_file).stdout)
    result = cli("compress", "-q", QUESTION, "--ratio", "0.5", text_file)
    assert result.stdout == as_json["context"] + "\n"
    first = result.stderr.splitlines()[0]
    assert first.startswith(f"{as_json['tokens_before']} \u2192 {as_json['tokens_after']} tokens \u00b7 ")


def test_a_chain_says_what_each_stage_did(cli: Any, text_file: Path) -> None:
    ask = ("compress", "-q", QUESTION, "--ratio", "0.4", "--compressor", "exit+frugal")
    result = cli(*ask, "--json", text_file)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert [stage["compressor"] for stage in found["stages"]] == ["exit", "frugal"]
    assert found["stages"][0]["tokens_before"] == found["tokens_before"]
    assert found["stages"][1]["tokens_after"] == found["tokens_after"]
    assert found["compressor"] == queries(cli)[0]["compressor"] == "exit+frugal"
    shown = cli(*ask, text_file).stderr
    assert "  exit" in shown
    assert "  frugal" in shown


def test_max_tokens_is_never_exceeded(cli: Any, text_file: Path) -> None:
    result = cli("compress", "-q", QUESTION, "--max-tokens", "25", "--json", text_file)
    found = json.loads(result.stdout)
    assert 0 < found["tokens_after"] <= 25
    assert found["budget"] == "max_tokens=25"


def test_one_row_is_recorded_unless_not_wanted(cli: Any, text_file: Path) -> None:
    first = json.loads(cli("compress", "-q", QUESTION, "--json", text_file).stdout)
    (row,) = queries(cli)
    assert (row["id"], row["kind"], row["question"]) == (first["id"], "compress", QUESTION)
    assert (row["tokens_before"], row["tokens_after"]) == (first["tokens_before"], first["tokens_after"])
    assert cli("compress", "-q", QUESTION, "--no-record", text_file).exit_code == 0
    assert len(queries(cli)) == 1


def test_without_a_record_no_database_is_made(cli: Any, text_file: Path, tmp_path: Path) -> None:
    assert cli("compress", "-q", QUESTION, "--no-record", text_file).exit_code == 0
    assert not (tmp_path / "home").exists()


def test_standard_input_keeps_line_ends_and_drops_the_byte_order_mark(cli: Any) -> None:
    data = "\ufeffOne line.\r\nAnother line.\r\n".encode()
    result = cli("compress", "-q", "line", "--compressor", "none", "--json", "-", stdin=data)
    (passage,) = json.loads(result.stdout)["passages"]
    assert passage["text"] == "One line.\r\nAnother line.\r\n"
    assert passage["title"] == ""


def test_json_lines_are_passages_with_all_they_carry(cli: Any, tmp_path: Path) -> None:
    lines = [
        {"text": TEXT, "title": "Norrvik", "id": 7, "score": 0.5, "offset": 3, "lang": "en"},
        {"text": "Line\u2028separator stays.", "metadata": {"page": 2}, "document_id": "d"},
    ]
    file = tmp_path / "passages.jsonl"
    file.write_text("\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n", "utf-8")
    result = cli("compress", "-q", QUESTION, "--json", "--tokenizer", "o200k", file)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    one, two = found["passages"]
    assert (one["id"], one["title"], one["score"], one["offset"]) == ("7", "Norrvik", 0.5, 3)
    assert one["metadata"] == {"lang": "en"}
    assert (two["id"], two["text"], two["document"]) == ("3", "Line\u2028separator stays.", "d")
    assert two["metadata"] == {"page": 2}
    assert found["tokenizer"] == "o200k"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": ', "not JSON"),
        ('["text"]', "expected an object, got an array"),
        ('{"title": "x"}', '"text" is missing'),
        ('{"text": 3}', '"text" must be a string, got a number'),
        ('{"text": null}', '"text" must be a string, got null'),
        ('{"text": "x", "title": ["y"]}', '"title" must be a string, got an array'),
        ('{"text": "x", "score": NaN}', "NaN is not JSON"),
        ('{"text": "x", "score": 1e999}', "the number 1e999 is too large"),
        ('{"text": "x", "offset": -1}', '"offset" must be a whole number'),
        ('{"text": "x", "id": true}', '"id" must be a string'),
        ('{"text": "x", "metadata": [1]}', '"metadata" must be an object'),
        ("[" * 200_000, "nested too deeply"),
    ],
    ids=range(12),
)
def test_a_broken_line_is_an_error_with_its_number_and_nothing_is_printed(
    cli: Any, line: str, said: str
) -> None:
    stdin = f'{{"text": "Good."}}\n\n{line}\n'
    result = cli("compress", "-q", "x", "--jsonl", "-", stdin=stdin)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: standard input, line 3: {said}")
    assert queries(cli) == []


def test_bytes_that_are_not_utf8_are_refused_with_the_line(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes("First.\nStra\u00dfe".encode("latin-1"))
    result = cli("compress", "-q", "x", file, "--json")
    assert result.exit_code == 1
    error = json.loads(result.stderr)["error"]
    assert error["code"] == "input_not_utf8"
    assert "byte 0xdf in line 2" in error["message"]


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        (["--ratio", "0.5", "--max-tokens", "9"], 2, "usage"),
        (["--ratio", "25"], 2, "usage"),
        (["--ratio", "nan"], 2, "usage"),
        (["--max-tokens", "0"], 2, "usage"),
        (["--compressor", "simlarity"], 1, "unknown_compressor"),
        (["--tokenizer", "/nowhere/at/all"], 1, "tokenizer_missing"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    cli: Any, text_file: Path, options: list[str], status: int, code: str
) -> None:
    result = cli("compress", "-q", QUESTION, "--json", *options, text_file)
    assert (result.exit_code, result.stdout) == (status, "")
    assert json.loads(result.stderr)["error"]["code"] == code


def test_a_missing_file_a_folder_and_an_empty_query_are_errors(
    cli: Any, text_file: Path, tmp_path: Path
) -> None:
    for file in (tmp_path / "missing.txt", tmp_path):
        result = cli("compress", "-q", "x", file, "--json")
        assert result.exit_code == 1
        assert json.loads(result.stderr)["error"]["code"] == "input_unreadable"
    result = cli("compress", "-q", " ", text_file, "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (1, "invalid_input")
    assert queries(cli) == []
    assert cli("compress", "-q", " ", "--compressor", "none", text_file).exit_code == 0


def test_an_empty_text_gives_an_empty_context(cli: Any) -> None:
    result = cli("compress", "-q", "x", "-", stdin="")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing was removed" in result.stderr


def test_options_of_a_compressor_are_read_from_the_configuration(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "tersus.toml").write_text('[compressors.similarity]\ncolour = "red"\n')
    refused = cli("compress", "--query", "Who?", "--compressor", "similarity", "-", stdin="One. Two.")
    assert refused.exit_code == 1
    assert "colour" in refused.stderr
    other = cli("compress", "--query", "Who?", "--compressor", "none", "-", stdin="One. Two.")
    assert other.exit_code == 0
