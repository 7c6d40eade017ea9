"""Ingest from files to SQL and index, on both databases: what it reports is what is stored."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tersus.compressors import load_counter
from tersus.errors import InvalidInput
from tersus.rag.embedding import EmbeddingFailed
from tersus.rag.ingest.chunking import chunk_document
from tersus.rag.ingest.readers import ParsedDocument, read_file
from tersus.rag.ingest.report import IngestReport, Progress
from tersus.rag.ingest.walk import PathNotFound
from tersus.rag.ledger import CollectionRepository, Database, DocumentRepository
from tersus.rag.ledger.base import Base
from tersus.rag.ledger.errors import CollectionMismatch
from tersus.rag.ledger.tables import Chunk, Collection

from tests.rag.ingest.ingest_fakes import (
    FakeEmbedding,
    checked_state,
    ingester,
    sentences,
    snapshot_of,
    vector_of,
)
from tests.rag.ingest.pdfs import make_pdf

PAGES = [f"Page {number} tells of rivers.\nIt has {number + 3} lines of text." for number in range(3)]
Ingest = Callable[..., IngestReport]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file of each kind."""
    folder = tmp_path / "docs"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text(sentences("a", 24))
    (folder / "b.md").write_text(f"# Bees\n\n{sentences('b', 10)}\n\n## Hives\n\n{sentences('hive', 10)}")
    (folder / "c.html").write_text(f"<title>Sea</title><h1>Sea</h1><p>{sentences('c', 12)}</p>")
    (folder / "deep" / "er" / "d.pdf").write_bytes(make_pdf(PAGES, title="Rivers"))
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty folder."""
    source = tmp_path / "source"
    source.mkdir()
    return source


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def ingest(database: Database, home: Path) -> Ingest:
    """Ingest paths into "docs" as a new process would, and check what must always hold."""

    def run(*paths: Path, embedding: FakeEmbedding | None = None, **options: Any) -> IngestReport:
        report = ingester(database, home, embedding).ingest_files(list(paths), "docs", **options)
        checked_state(database, home, "docs")
        return report

    return run


def told(report: IngestReport, folder: Path) -> dict[str, str]:
    """Status by path relative to ``folder``."""
    return {str(Path(d.external_id).relative_to(folder)): d.status for d in report.documents}


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table as it lies in the database, and what SQLite has counted up to."""
    with database.session() as session:
        rows = {
            table.name: sorted(tuple(row) for row in session.execute(table.select()).all())
            for table in Base.metadata.sorted_tables
        }
        if database.is_sqlite:
            counted = session.connection().exec_driver_sql("SELECT name, seq FROM sqlite_sequence")
            rows["counted"] = sorted(tuple(row) for row in counted)
    return rows


def chunk_ids(database: Database, file: Path) -> list[int]:
    with database.session() as session:
        collection = CollectionRepository(session).require("docs")
        document = DocumentRepository(session).get(collection, str(file))
        assert document is not None
        return list(session.scalars(select(Chunk.id).where(Chunk.document_id == document.id)))


def test_a_folder_of_text_markdown_html_and_pdf_is_stored_whole(
    ingest: Ingest, database: Database, home: Path, folder: Path
) -> None:
    report = ingest(folder)
    assert told(report, folder) == dict.fromkeys(("a.txt", "b.md", "c.html", "deep/er/d.pdf"), "added")
    assert report.counts() == {"added": 4}
    assert report.index_problem is None
    state = checked_state(database, home, "docs")
    assert {name: len(d["chunks"]) for name, d in state.documents.items()} == {
        d.external_id: d.chunks for d in report.documents
    }
    assert report.chunks == state.chunks
    for file in (folder / "a.txt", folder / "b.md", folder / "c.html", folder / "deep" / "er" / "d.pdf"):
        [read] = read_file(file)
        stored = state.documents[str(file)]
        assert (stored["text"], stored["title"], stored["type"]) == (read.text, read.title, read.media_type)
        assert stored["size"] == file.stat().st_size
        pieces = chunk_document(read.text, read.title, counter=load_counter(), max_tokens=64)
        assert [(c[0], c[1], c[2], c[4]) for c in stored["chunks"]] == [
            (p.start, p.end, p.title, p.meta) for p in pieces
        ]
    assert len(state.documents[str(folder / "a.txt")]["chunks"]) > 4
    assert "Page 2 tells of rivers." in state.documents[str(folder / "deep" / "er" / "d.pdf")]["text"]


def test_ingesting_again_writes_nothing_at_all(
    ingest: Ingest, database: Database, home: Path, folder: Path
) -> None:
    embedding = FakeEmbedding()
    ingest(folder)
    before = everything(database)
    snapshot = snapshot_of(database, home, "docs")
    # Another file with the same bytes: a snapshot that was written anew would be found out by either.
    identity, content = snapshot.stat().st_ino, snapshot.read_bytes()
    os.utime(snapshot, (1, 1))
    report = ingest(folder, embedding=embedding, prune=True)
    assert report.counts() == {"unchanged": 4}
    assert report.chunks == 0
    assert embedding.calls == []
    assert everything(database) == before
    status = snapshot.stat()
    assert (status.st_ino, status.st_mtime, snapshot.read_bytes()) == (identity, 1, content)


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"junk")])
def test_ingesting_again_renews_a_snapshot_that_is_gone_or_damaged(
    ingest: Ingest, database: Database, home: Path, folder: Path, damage: Callable[[Path], object]
) -> None:
    ingest(folder)
    damage(snapshot_of(database, home, "docs"))
    one = ingester(database, home)
    assert one.ingest_files([folder], "docs").counts() == {"unchanged": 4}
    assert one._store.status("docs").current


def test_a_changed_file_replaces_its_chunks_and_no_others(
    ingest: Ingest, database: Database, home: Path, folder: Path
) -> None:
    ingest(folder)
    changed, kept = folder / "a.txt", folder / "b.md"
    old, untouched = chunk_ids(database, changed), chunk_ids(database, kept)
    changed.write_text(sentences("new", 30))
    report = ingest(folder)
    assert told(report, folder)["a.txt"] == "replaced"
    assert report.counts() == {"replaced": 1, "unchanged": 3}
    new = chunk_ids(database, changed)
    assert report.chunks == len(new)
    assert min(new) > max(*old, *untouched)
    assert chunk_ids(database, kept) == untouched
    stored = checked_state(database, home, "docs").documents[str(changed)]
    assert stored["text"] == changed.read_text()


def test_other_chunk_sizes_are_a_change_of_every_document(
    ingest: Ingest, database: Database, home: Path, folder: Path
) -> None:
    chunks = ingest(folder).chunks
    one = ingester(database, home)
    one._settings = one._settings.model_copy(update={"chunk_tokens": 32})
    report = one.ingest_files([folder], "docs")
    assert report.counts() == {"replaced": 4}
    assert report.chunks > chunks
    checked_state(database, home, "docs")


def test_a_file_of_many_batches_is_one_document(ingest: Ingest, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_text(sentences("long", 1200))
    embedding = FakeEmbedding(embed_batch_size=2048)
    report = ingest(file, embedding=embedding)
    assert report.chunks == len(chunk_ids(database, file)) == sum(embedding.calls)
    assert len(embedding.calls) > 2
    assert max(embedding.calls) == 128


def test_prune_deletes_what_is_gone_from_under_the_given_folders_only(
    ingest: Ingest, database: Database, home: Path, tmp_path: Path
) -> None:
    names = ("b/keep.txt", "b/gone.txt", "b/deep/gone.txt", "bc/gone.txt", "a.txt")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"The text of {name}.")
    ingest(*(tmp_path / name for name in names))
    for name in names:
        if "keep" not in name:
            (tmp_path / name).unlink()
    assert ingest(tmp_path / "b").counts() == {"unchanged": 1}
    assert len(checked_state(database, home, "docs").documents) == 5
    report = ingest(tmp_path / "b", prune=True)
    assert told(report, tmp_path) == {
        "b/keep.txt": "unchanged",
        "b/gone.txt": "pruned",
        "b/deep/gone.txt": "pruned",
    }
    assert {d.reason for d in report.documents if d.status == "pruned"} == {"no longer there"}
    left = checked_state(database, home, "docs").documents
    assert sorted(left) == sorted(str(tmp_path / name) for name in ("a.txt", "b/keep.txt", "bc/gone.txt"))


def test_prune_of_a_given_file_touches_nothing_else(ingest: Ingest, source: Path) -> None:
    for name in ("a.txt", "a.txt.txt"):
        (source / name).write_text(name)
    ingest(source)
    (source / "a.txt.txt").unlink()
    assert ingest(source / "a.txt", prune=True).counts() == {"unchanged": 1}
    assert ingest(source, prune=True).counts() == {"unchanged": 1, "pruned": 1}


def test_prune_leaves_what_cannot_be_read_as_it_was(
    ingest: Ingest, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(folder)
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if str(path) == str(folder / "deep"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    (folder / "a.txt").unlink()
    (folder / "deep" / "er" / "d.pdf").unlink()  # as it looks while a network drive is away
    report = ingest(folder, prune=True)
    assert told(report, folder) == {
        "a.txt": "pruned",
        "b.md": "unchanged",
        "c.html": "unchanged",
        "deep": "refused",
    }


def test_prune_leaves_files_that_are_there_and_only_passed_over(ingest: Ingest, tmp_path: Path) -> None:
    hidden = tmp_path / "docs" / ".notes" / "n.txt"
    hidden.parent.mkdir(parents=True)
    hidden.write_text("Given by name, so it is read.")
    (tmp_path / "docs" / "a.txt").write_text("Found in the folder.")
    ingest(hidden)
    assert ingest(tmp_path / "docs", prune=True).counts() == {"added": 1}
    hidden.unlink()
    assert ingest(tmp_path / "docs", prune=True).counts() == {"unchanged": 1, "pruned": 1}


def test_prune_notices_that_a_file_became_a_folder_and_a_folder_a_file(ingest: Ingest, source: Path) -> None:
    (source / "x.txt").write_text("A file.")
    ingest(source)
    (source / "x.txt").unlink()
    (source / "x.txt").mkdir()
    (source / "x.txt" / "y.txt").write_text("A file in it.")
    assert told(ingest(source, prune=True), source) == {"x.txt/y.txt": "added", "x.txt": "pruned"}
    shutil.rmtree(source / "x.txt")
    (source / "x.txt").write_text("A file again.")
    assert told(ingest(source, prune=True), source) == {"x.txt": "added", "x.txt/y.txt": "pruned"}


def test_names_that_are_not_utf_8_are_stored_and_pruned_like_others(ingest: Ingest, source: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(source / "b") + b"\xff")) / "o.txt"
    others = [Path(os.fsdecode(os.fsencode(source) + name)) for name in (b"/c\xfe.txt", b"/d\xfe.txt")]
    odd.parent.mkdir()
    for file in (odd, *others):
        file.write_text("Some text.")
    assert ingest(source, prune=True).counts() == {"added": 3}
    assert ingest(source, prune=True).counts() == {"unchanged": 3}
    odd.unlink()
    others[0].unlink()
    report = ingest(source, prune=True)
    assert [(d.external_id, d.status) for d in report.documents] == [
        (others[1].as_uri(), "unchanged"),
        *sorted((file.as_uri(), "pruned") for file in (odd, others[0])),
    ]


def test_an_emptied_file_is_taken_out_and_a_new_empty_one_is_skipped(
    ingest: Ingest, database: Database, home: Path, folder: Path
) -> None:
    ingest(folder)
    (folder / "a.txt").write_text(" \n")
    (folder / "never.txt").touch()
    report = ingest(folder)
    outcomes = {Path(d.external_id).name: (d.status, d.code) for d in report.documents}
    assert outcomes["a.txt"] == ("pruned", "file_empty")
    assert outcomes["never.txt"] == ("skipped", "file_empty")
    assert str(folder / "a.txt") not in checked_state(database, home, "docs").documents
    assert told(ingest(folder), folder)["a.txt"] == "skipped"


def test_a_file_that_cannot_be_read_any_more_keeps_its_stored_text_and_says_so(
    ingest: Ingest, database: Database, home: Path, folder: Path
) -> None:
    ingest(folder)
    before = checked_state(database, home, "docs")
    (folder / "a.txt").write_bytes(b"\x7fELF\0\0\0")
    for prune in (False, True):
        report = ingest(folder, prune=prune)
        [refused] = [d for d in report.documents if d.status == "refused"]
        assert (refused.external_id, refused.code) == (str(folder / "a.txt"), "file_binary")
        assert "what was stored of it earlier stays" in (refused.reason or "")
        assert checked_state(database, home, "docs") == before


def test_broken_files_are_named_and_never_stop_the_others(
    ingest: Ingest, database: Database, home: Path, folder: Path
) -> None:
    with (folder / "big.txt").open("wb") as big:
        big.truncate(50 * 2**20)
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 20)
    (folder / "corrupt.pdf").write_bytes(make_pdf(PAGES)[:200])
    (folder / "locked.pdf").write_bytes(make_pdf(PAGES, password="secret"))  # noqa: S106
    (folder / "dangling.txt").symlink_to(folder / "nowhere")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    os.mkfifo(folder / "pipe.txt")
    (folder / "z.txt").write_text("The last of them.")
    report = ingest(folder)
    outcomes = {Path(d.external_id).name: (d.status, d.code) for d in report.documents}
    assert outcomes == {
        "a.txt": ("added", None),
        "b.md": ("added", None),
        "c.html": ("added", None),
        "d.pdf": ("added", None),
        "z.txt": ("added", None),
        "big.txt": ("refused", "file_too_large"),
        "binary.txt": ("refused", "file_binary"),
        "corrupt.pdf": ("refused", "file_damaged"),
        "locked.pdf": ("refused", "file_encrypted"),
        "nowhere": ("refused", "file_unreadable"),
        "pipe.txt": ("refused", "file_unreadable"),
        "picture.png": ("skipped", "file_type_unsupported"),
    }
    reasons = {Path(d.external_id).name: d.reason for d in report.documents}
    assert "50.0 MiB" in (reasons["big.txt"] or "")
    assert "TERSUS_MAX_FILE_MB" in (reasons["big.txt"] or "")
    assert all(reasons[name] for name, (status, _) in outcomes.items() if status != "added")
    assert len(checked_state(database, home, "docs").documents) == 5


def test_a_path_too_long_to_be_a_key_is_refused_and_the_others_go_on(
    ingest: Ingest, database: Database, home: Path, folder: Path
) -> None:
    deep = folder
    for letter in "mnopqrstu":
        deep = deep / (letter * 240)
    deep.mkdir(parents=True)
    (deep / "far.txt").write_text("Too far down.")
    (folder / "z.txt").write_text("The last of them.")
    for expected in ("added", "unchanged"):
        report = ingest(folder)
        [refused] = [d for d in report.documents if d.status == "refused"]
        assert Path(refused.external_id).name == "far.txt"
        assert "2000" in (refused.reason or "")
        assert report.counts() == {expected: 5, "refused": 1}
    assert len(checked_state(database, home, "docs").documents) == 5


def test_a_file_that_vanishes_during_the_ingest_is_refused(
    ingest: Ingest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(progress: Progress) -> None:
        (folder / "b.md").unlink(missing_ok=True)

    (folder / "a.txt").write_bytes(b"\0")  # refused, so told of at once
    report = ingest(folder, on_progress=vanish)
    assert told(report, folder)["b.md"] == "refused"
    assert report.counts() == {"refused": 2, "added": 2}


def test_an_unknown_path_stops_everything_before_it_starts(
    database: Database, home: Path, folder: Path
) -> None:
    before = everything(database)
    embedding = FakeEmbedding()
    with pytest.raises(PathNotFound, match=r"nowhere\.txt"):
        ingester(database, home, embedding).ingest_files([folder, folder / "nowhere.txt"], "docs")
    assert everything(database) == before
    assert embedding.calls == []
    assert not home.exists()


def test_another_embedding_model_is_refused_before_any_work(
    ingest: Ingest, database: Database, home: Path, folder: Path
) -> None:
    ingest(folder)
    before = everything(database)
    (folder / "a.txt").write_text("Changed.")
    other, seen = FakeEmbedding(model_name="other"), list[Progress]()
    one = ingester(database, home, other)
    with pytest.raises(CollectionMismatch, match="other"):
        one.ingest_files([folder], "docs", prune=True, on_progress=seen.append)
    with pytest.raises(CollectionMismatch):
        one.ingest_documents([ParsedDocument("x", "X", "Text.", "text/plain", 5)], "docs")
    assert (other.calls, seen) == ([], [])
    assert everything(database) == before


def test_progress_counts_every_file_once_and_every_vector(ingest: Ingest, folder: Path) -> None:
    (folder / "bad.txt").write_bytes(b"\0")
    seen: list[Progress] = []
    report = ingest(folder, on_progress=seen.append)
    assert [p.done for p in seen if p.latest] == [1, 2, 3, 4, 5]
    assert [p.latest for p in seen if p.latest] == report.documents
    assert {p.total for p in seen} == {5}
    chunks = [p.chunks for p in seen]
    assert chunks == sorted(chunks)
    assert chunks[-1] == report.chunks
    (folder / "a.txt").unlink()
    seen.clear()
    ingest(folder, prune=True, on_progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (5, 5)
    assert all(p.done <= p.total for p in seen)


def test_a_snapshot_that_cannot_be_written_is_told_and_the_next_open_does_without(
    database: Database, home: Path, folder: Path
) -> None:
    home.mkdir()
    (home / "indexes").write_text("a file where the folder should be")
    report = ingester(database, home).ingest_files([folder], "docs")
    assert report.counts() == {"added": 4}
    assert "indexes" in (report.index_problem or "")
    (home / "indexes").unlink()
    state = checked_state(database, home, "docs")  # opens the index, and finds every chunk in it
    assert state.chunks == report.chunks
    again = ingester(database, home)
    assert again.ingest_files([folder], "docs").index_problem is None
    assert again._store.status("docs").current


def test_an_embedding_that_fails_leaves_what_was_committed_and_the_rest_comes_later(
    database: Database, home: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        (source / f"{number}.txt").write_text(sentences(str(number), 160))

    def failing(self: FakeEmbedding, texts: list[str]) -> list[list[float]]:
        if any("of 4 says" in text for text in texts):
            raise ConnectionError("quota")
        return [vector_of(text) for text in texts]

    with monkeypatch.context() as patched:
        patched.setattr(FakeEmbedding, "_get_text_embeddings", failing)
        with pytest.raises(EmbeddingFailed):
            ingester(database, home).ingest_files([source], "docs")
    found = checked_state(database, home, "docs").documents
    assert 0 < len(found) < 6
    report = ingester(database, home).ingest_files([source], "docs")
    assert report.counts() == {"unchanged": len(found), "added": 6 - len(found)}
    assert len(checked_state(database, home, "docs").documents) == 6


def test_a_vector_of_zeros_is_refused_before_it_is_stored(
    database: Database, home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def zeros(self: FakeEmbedding, texts: list[str]) -> list[list[float]]:
        return [[0.0] * 8 if "Bees" in text else vector_of(text) for text in texts]

    before = everything(database)
    with monkeypatch.context() as patched:
        patched.setattr(FakeEmbedding, "_get_text_embeddings", zeros)
        with pytest.raises(EmbeddingFailed, match="zero"):
            ingester(database, home).ingest_files([folder], "docs")
    assert {**everything(database), "counted": None} == {**before, "counted": None}
    assert ingester(database, home).ingest_files([folder], "docs").counts() == {"added": 4}


def test_documents_are_stored_like_files(database: Database, home: Path) -> None:
    documents = [
        ParsedDocument(f"id:{name}", name.title(), sentences(name, 9), "text/plain", 100, {"n": [1, None]})
        for name in ("one", "two")
    ]
    documents.append(ParsedDocument("id:blank", "Blank", " \n", "text/plain", 2))
    report = ingester(database, home).ingest_documents(iter(documents), "docs")
    assert report.counts() == {"added": 3}
    state = checked_state(database, home, "docs")
    assert state.documents["id:one"]["meta"] == {"n": [1, None]}
    assert state.documents["id:blank"]["chunks"] == []
    before = everything(database)
    again = ingester(database, home).ingest_documents(documents, "docs")
    assert again.counts() == {"unchanged": 3}
    assert everything(database) == before
    renamed = ParsedDocument(
        "id:two", "Another title", documents[1].text, "text/plain", 100, {"n": [1, None]}
    )
    third = ingester(database, home).ingest_documents([documents[0], renamed], "docs")
    assert third.counts() == {"unchanged": 1, "replaced": 1}
    assert {c[2] for c in checked_state(database, home, "docs").documents["id:two"]["chunks"]} == {
        "Another title"
    }


def test_only_blank_documents_still_make_a_collection_of_the_right_dimension(
    database: Database, home: Path
) -> None:
    ingester(database, home).ingest_documents([ParsedDocument("x", "X", "", "text/plain", 0)], "docs")
    with database.session() as session:
        assert session.scalars(select(Collection.dimension)).all() == [8]
    assert checked_state(database, home, "docs").chunks == 0


def test_of_documents_with_the_same_id_the_last_one_stays(database: Database, home: Path) -> None:
    first = ParsedDocument("same", "S", "The first version.", "text/plain", 1)
    second = ParsedDocument("same", "S", "The second version.", "text/plain", 1)
    ingester(database, home).ingest_documents([first], "docs")
    ingester(database, home).ingest_documents([second, first], "docs")
    assert checked_state(database, home, "docs").documents["same"]["text"] == first.text


def test_a_collection_name_that_cannot_be_is_refused_and_nothing_is_stored(
    database: Database, home: Path, folder: Path
) -> None:
    before = everything(database)
    with pytest.raises(InvalidInput, match="slash"):
        ingester(database, home).ingest_files([folder], "a/b")
    assert everything(database) == before
    assert not home.exists()


def test_no_files_make_no_collection(database: Database, home: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    before = everything(database)
    report = ingester(database, home).ingest_files([empty], "docs", prune=True)
    assert (report.documents, report.chunks, report.index_problem) == ([], 0, None)
    assert everything(database) == before
