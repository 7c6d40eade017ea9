"""The process that parses: what it cannot do to the one that asked."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tersus.rag.ingest import readers_child, readers_worker
from tersus.rag.ingest.readers import FileDamaged, ParserNotStarted

from tests.rag.ingest.pdfs import make_pdf


@pytest.fixture(autouse=True)
def _fresh_worker() -> None:
    if readers_worker._worker is not None:
        readers_worker._worker.stop()


def process() -> "subprocess.Popen[bytes]":
    assert readers_worker._worker is not None
    return readers_worker._worker.process


def test_one_process_serves_many_files() -> None:
    assert readers_worker.parse("html", b"<p>one")["text"] == "one\n"
    first = process().pid
    assert first != os.getpid()
    assert readers_worker.parse("pdf", make_pdf(["two"]))["text"] == "two"
    assert process().pid == first


def test_a_process_that_was_killed_is_replaced() -> None:
    readers_worker.parse("html", b"<p>one")
    first = process()
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert readers_worker.parse("html", b"<p>two")["text"] == "two\n"
    assert process().pid != first.pid


def test_a_process_is_replaced_after_its_number_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers_worker, "_FILES_PER_PROCESS", 2)
    readers_worker.parse("html", b"<p>one")
    first = process()
    readers_worker.parse("html", b"<p>two")
    assert first.returncode == -signal.SIGKILL
    assert readers_worker.parse("html", b"<p>three")["text"] == "three\n"


def test_running_out_of_memory_refuses_the_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    page = b"<p>" + b"words " * 20_000_000
    monkeypatch.setattr(readers_worker, "MAX_MEMORY", 450_000_000)
    with pytest.raises(FileDamaged, match="needs more than 450,000,000 bytes of memory"):
        readers_worker.parse("html", page)
    assert readers_worker.parse("html", b"<p>next")["text"] == "next\n"


def test_a_process_that_does_not_start_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers_worker, "__package__", "tersus.no_such_package")
    with pytest.raises(ParserNotStarted, match="no_such_package"):
        readers_worker.parse("html", b"<p>one")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    with pytest.raises(ParserNotStarted, match="cannot be run"):
        readers_worker.parse("html", b"<p>one")


def test_a_forked_process_gets_a_parser_of_its_own() -> None:
    readers_worker.parse("html", b"<p>one")
    parent = process().pid
    script = textwrap.dedent(
        """
        import os
        from tersus.rag.ingest import readers_worker as worker
        assert worker.parse("html", b"<p>one")["text"] == "one\\n"
        first = worker._worker.process.pid
        child = os.fork()
        if child == 0:
            text = worker.parse("html", b"<p>two")["text"]
            os._exit(0 if text == "two\\n" and worker._worker.process.pid != first else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert worker.parse("html", b"<p>three")["text"] == "three\\n"
        assert worker._worker.process.pid == first
        """
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert process().pid == parent


def test_time_used_up_by_the_processor_alone_is_told_as_time(monkeypatch: pytest.MonkeyPatch) -> None:
    readers_worker.parse("html", b"<p>one")
    process().send_signal(signal.SIGXCPU)
    process().wait()
    worker = readers_worker._worker
    assert worker is not None
    with pytest.raises(FileDamaged, match="takes more than 7 seconds"):
        worker.ask("html", b"<p>two", 7)


def test_what_a_parser_prints_does_not_reach_the_answers() -> None:
    script = textwrap.dedent(
        """
        import tersus.rag.ingest.readers_child as child
        plain = child.html_to_markdown
        def noisy(markup):
            print("noise")
            return plain(markup)
        child.html_to_markdown = noisy
        child.main()
        """
    )
    header = b'{"kind": "html", "seconds": 60, "memory": 1000000000}'
    frames = b"".join(len(part).to_bytes(8, "big") + part for part in (header, b"<p>ok"))
    done = subprocess.run([sys.executable, "-c", script], input=frames, capture_output=True, timeout=60)
    assert b"noise" in done.stderr
    assert b"noise" not in done.stdout
    assert b'"text": "ok\\n"' in done.stdout


def test_any_error_of_a_parser_is_a_damaged_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> tuple[str, str]:
        raise ZeroDivisionError("odd\nthing")

    monkeypatch.setattr(readers_child, "html_to_markdown", fail)
    fields = readers_child.answer("html", b"<p>x")
    assert fields["error"] == "file_damaged"
    assert fields["message"] == "cannot be parsed (ZeroDivisionError: odd thing)"
