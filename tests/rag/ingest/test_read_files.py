import os
import socket
import threading
from pathlib import Path

import pytest
from llama_index.core import SimpleDirectoryReader
from tersus.errors import TersusError
from tersus.rag.ingest import readers_errors
from tersus.rag.ingest.readers import (
    FileBinary,
    FileDamaged,
    FileEmpty,
    FileRefused,
    FileTooLarge,
    FileTypeUnsupported,
    FileUnreadable,
    ParsedDocument,
    file_extractor,
    read_file,
)

from tests.rag.ingest.pdfs import make_pdf


def test_plain_text_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "meeting_notes.txt"
    path.write_bytes(b"  One.\r\nTwo.\rThree.\n")
    assert read_file(path) == [
        ParsedDocument(
            external_id=str(path),
            title="meeting notes",
            text="  One.\nTwo.\nThree.\n",
            media_type="text/plain",
            size_bytes=20,
            meta={"encoding": "utf-8"},
        )
    ]


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.TXT", "text/plain"),
        ("a.log", "text/plain"),
        ("a.py", "text/x-python"),
        ("a.json", "application/json"),
        ("a.csv", "text/csv"),
        ("a.tsv", "text/tab-separated-values"),
        ("a.yaml", "application/yaml"),
        ("a.toml", "application/toml"),
        ("a.rst", "text/x-rst"),
        ("a.markdown", "text/markdown"),
        ("README", "text/plain"),
    ],
)
def test_text_types_go_by_name(tmp_path: Path, name: str, media_type: str) -> None:
    (tmp_path / name).write_text("key: value\n")
    (document,) = read_file(tmp_path / name)
    assert (document.text, document.media_type) == ("key: value\n", media_type)


@pytest.mark.parametrize(
    ("source", "title", "text"),
    [
        (
            "---\ntitle: Front: matter # yes\ntags: [a]\n---\n\n# H\n\nBody\n",
            "Front: matter",
            "# H\n\nBody\n",
        ),
        ('---\ntags: [a]\ntitle: "A \\"b\\": c"\n...\nBody\n', 'A "b": c', "Body\n"),
        ("---\ntitle: 'It''s'\n---\nBody\n", "It's", "Body\n"),
        ("---\ntitle: >-\n  Folded\n  title\nx: 1\n---\nBody\n", "Folded title", "Body\n"),
        ("---\ndate: 2024-01-01\n---\n# From heading #\nBody\n", "From heading", "# From heading #\nBody\n"),
        ("---\n\nJust a rule: no.\n\n---\n", "my file", "---\n\nJust a rule: no.\n\n---\n"),
        ("```\n# comment\n```\n\n# Real\n", "Real", "```\n# comment\n```\n\n# Real\n"),
        ("## Second\n\nUnder\n=====\n", "Under", "## Second\n\nUnder\n=====\n"),
        ("#hashtag\n", "my file", "#hashtag\n"),
    ],
)
def test_markdown_takes_its_title_from_front_matter_or_first_heading(
    tmp_path: Path, source: str, title: str, text: str
) -> None:
    path = tmp_path / "my_file.md"
    path.write_text(source)
    (document,) = read_file(path)
    assert (document.title, document.text, document.media_type) == (title, text, "text/markdown")


def test_restructured_text_is_titled_by_its_first_heading(tmp_path: Path) -> None:
    path = tmp_path / "a.rst"
    path.write_text("=====\nTitle\n=====\n\nText.\n")
    assert read_file(path)[0].title == "Title"
    path.write_text("Title two\n---------\n\nText.\n")
    assert read_file(path)[0].title == "Title two"
    path.write_text("No heading here.\n\nText.\n")
    assert read_file(path)[0].title == "a"


def test_every_reason_has_its_own_stable_code() -> None:
    codes = {
        "FileBinary": "file_binary",
        "FileDamaged": "file_damaged",
        "FileEmpty": "file_empty",
        "FileEncoding": "file_encoding",
        "FileEncrypted": "file_encrypted",
        "FileTooLarge": "file_too_large",
        "FileTypeUnsupported": "file_type_unsupported",
        "FileUnreadable": "file_unreadable",
    }
    classes = {name: getattr(readers_errors, name) for name in codes}
    assert {name: error.code for name, error in classes.items()} == codes
    assert {name for name, error in classes.items() if error.skipped} == {"FileEmpty", "FileTypeUnsupported"}
    assert all(
        issubclass(error, FileRefused) and issubclass(error, TersusError) for error in classes.values()
    )


def refusal(path: Path, **options: int) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        read_file(path, **options)
    assert str(caught.value).startswith(f"{path}: ")
    return caught.value


def test_a_file_of_50_mb_is_refused_by_size_naming_limit_and_setting(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    with path.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    error = refusal(path)
    assert isinstance(error, FileTooLarge)
    assert "32.0 MiB" in str(error)
    assert "50.0 MiB" in str(error)
    assert "TERSUS_MAX_FILE_MB" in str(error)


def test_the_size_limit_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 1000)
    assert len(read_file(path, max_bytes=1000)[0].text) == 1000
    assert isinstance(refusal(path, max_bytes=999), FileTooLarge)


def test_a_file_that_claims_no_size_is_still_limited() -> None:
    path = Path("/proc/self/status")  # st_size is 0
    if not path.exists():
        pytest.skip("no /proc here")
    from tersus.rag.ingest.readers_bytes import read_bytes

    assert b"Name:" in read_bytes(path)
    with pytest.raises(FileTooLarge):
        read_bytes(path, 10)


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_files_without_text_are_skipped(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.txt"
    path.write_bytes(content)
    error = refusal(path)
    assert isinstance(error, FileEmpty)
    assert error.skipped


@pytest.mark.parametrize("name", ["a.docx", "a.zip", "photo.JPG", "binary", "a.txt.gz", ".env"])
def test_other_types_are_skipped(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"words")
    error = refusal(tmp_path / name)
    assert isinstance(error, FileTypeUnsupported)
    assert error.skipped


@pytest.mark.parametrize(
    "content",
    [
        b"text\0text",
        b"PK\x03\x04rest",
        b"%PDF-1.7 rest",
        b"\x89PNG\r\n\x1a\nrest",
        b"\x7fELFrest",
        b"\x1f\x8b\x08rest",
        bytes(range(1, 32)) * 4,
        b"\xff\xfe" + b"\x00\xd8" * 50,
    ],
)
def test_binary_content_under_a_text_name_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert isinstance(refusal(path), FileBinary)


def test_binary_content_under_an_html_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(b"<p>\0\0</p>")
    assert isinstance(refusal(path), FileBinary)


def test_a_coloured_log_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("\x1b[31merror\x1b[0m at start\n\fnext page\n")
    assert read_file(path)[0].text == "\x1b[31merror\x1b[0m at start\n\fnext page\n"


@pytest.mark.parametrize("suffix", ["txt", "pdf", "html", "zip"])
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path, suffix: str) -> None:
    pipe, sock, folder = (tmp_path / f"{name}.{suffix}" for name in ("pipe", "sock", "folder"))
    os.mkfifo(pipe)
    folder.mkdir()
    (tmp_path / f"link.{suffix}").symlink_to(tmp_path / "gone")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sock))
        for path, word in [
            (pipe, "pipe"),
            (sock, "socket"),
            (folder, "folder"),
            (tmp_path / f"link.{suffix}", "No such file"),
            (tmp_path / f"gone.{suffix}", "No such file"),
        ]:
            error = refusal(path)
            assert isinstance(error, FileUnreadable)
            assert word in str(error)


def test_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zero.txt").symlink_to("/dev/zero")
    error = refusal(tmp_path / "zero.txt")
    assert isinstance(error, FileUnreadable)
    assert "device" in str(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("x")
    path.chmod(0)
    assert isinstance(refusal(path), FileUnreadable)


def test_a_file_exchanged_for_a_pipe_after_the_first_look_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regular = tmp_path / "regular.txt"
    regular.write_text("x")
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    seen = regular.stat()
    monkeypatch.setattr(Path, "stat", lambda _self, **_: seen)
    from tersus.rag.ingest.readers_bytes import read_bytes

    with pytest.raises(FileUnreadable, match="pipe"):
        read_bytes(pipe)


def test_simple_directory_reader_uses_our_readers(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: Alpha\n---\nMarkdown words.\n")
    (tmp_path / "b.html").write_text("<title>Beta</title><script>no()</script><p>HTML words.</p>")
    (tmp_path / "c.pdf").write_bytes(make_pdf(["PDF words.", "Second page."], title="Gamma"))
    (tmp_path / "d.txt").write_bytes("Größe\n".encode("latin-1"))
    documents = SimpleDirectoryReader(str(tmp_path), file_extractor=file_extractor()).load_data()
    got = {document.metadata["file_name"]: document for document in documents}
    assert {name: (d.metadata["title"], d.text) for name, d in got.items()} == {
        "a.md": ("Alpha", "Markdown words.\n"),
        "b.html": ("Beta", "HTML words.\n"),
        "c.pdf": ("Gamma", "PDF words.\n\nSecond page."),
        "d.txt": ("d", "Größe\n"),
    }
    assert got["c.pdf"].metadata["pages"] == [0, 12]
    assert got["a.md"].id_ == str(tmp_path / "a.md")
    shown = got["c.pdf"].get_content(metadata_mode="embed")  # type: ignore[arg-type]
    assert "title: Gamma" in shown
    assert "pages" not in shown


def test_simple_directory_reader_on_another_file_system_reads_through_it(tmp_path: Path) -> None:
    from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

    fs = MemoryFileSystem()
    fs.pipe("/docs/in memory.txt", "Größe\n".encode("latin-1"))
    reader = SimpleDirectoryReader(input_dir="/docs", fs=fs, file_extractor=file_extractor())
    (document,) = reader.load_data()
    assert document.text == "Größe\n"
    assert document.id_ == "/docs/in memory.txt"


def test_file_extractor_covers_every_type_with_the_limits_given(tmp_path: Path) -> None:
    extractor = file_extractor(max_bytes=5)
    assert {".txt", ".md", ".html", ".htm", ".xhtml", ".pdf", ".py", ".json"} <= set(extractor)
    (tmp_path / "a.txt").write_text("123456")
    with pytest.raises(FileTooLarge):
        extractor[".txt"].load_data(tmp_path / "a.txt")


def test_many_threads_read_at_once(tmp_path: Path) -> None:
    expected = {}
    for number in range(12):
        path = tmp_path / f"{number}.html"
        path.write_text(f"<p>page {number}</p>")
        expected[path] = f"page {number}\n"
    got: dict[Path, str] = {}
    threads = [
        threading.Thread(target=lambda p=path: got.__setitem__(p, read_file(p)[0].text)) for path in expected
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


def test_a_pdf_name_with_other_content_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_text("not a pdf")
    assert isinstance(refusal(path), FileDamaged)
