"""Collections, documents, files and jobs over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tersus.rag import Tersus
from tersus.rag.ingest.uploads import remove_left, spool_name

from tests.rag.fakes import HashedEmbedding
from tests.service.http.conftest import bearer

TEXT = "Foxes dig dens. They hunt at night. Their cubs play at dusk."


def code_of(response: Any, status: int) -> str:
    assert response.status_code == status, response.text
    code: str = response.json()["error"]["code"]
    return code


def add(client: TestClient, *documents: dict[str, Any], name: str = "animals", **options: Any) -> Any:
    return client.post(f"/v1/collections/{name}/documents", json={"documents": documents}, **options)


@pytest.fixture
def animals(client: TestClient) -> TestClient:
    assert client.post("/v1/collections", json={"name": "animals"}).status_code == 201
    return client


def test_a_collection_is_made_filled_asked_and_deleted(animals: TestClient) -> None:
    found = add(animals, {"id": "fox", "text": TEXT, "title": "Foxes", "metadata": {"lang": "en"}}).json()
    assert found["counts"] == {"added": 1}
    assert found["documents"] == [{"id": "fox", "status": "added", "chunks": 1, "reason": None, "code": None}]
    shown = animals.get("/v1/collections/animals").json()
    assert (shown["documents"], shown["chunks"], shown["dimension"]) == (1, 1, 48)
    asked = {"query": "When do foxes hunt?", "collection": "animals"}
    passage = animals.post("/v1/retrieve", json=asked).json()["passages"][0]
    assert (passage["document"], passage["title"], passage["text"]) == ("fox", "Foxes", TEXT)
    names = [one["name"] for one in animals.get("/v1/collections").json()["collections"]]
    assert names == ["animals", "corpus"]
    assert animals.delete("/v1/collections/animals").json() == {"deleted": "animals", "documents": 1}
    assert code_of(animals.get("/v1/collections/animals"), 404) == "unknown_collection"
    assert code_of(animals.post("/v1/retrieve", json=asked), 404) == "unknown_collection"


def test_documents_are_replaced_by_their_id(animals: TestClient) -> None:
    document = {"id": "a/b?c d", "text": TEXT}
    statuses = [
        add(animals, given).json()["documents"][0]["status"]
        for given in (document, document, {**document, "text": "Bears sleep."})
    ]
    assert statuses == ["added", "unchanged", "replaced"]
    path = "/v1/collections/animals/documents/a/b%3Fc%20d"
    assert animals.get(path).json()["text"] == "Bears sleep."
    asked = {"query": "foxes", "collection": "animals"}
    assert [p["text"] for p in animals.post("/v1/retrieve", json=asked).json()["passages"]] == [
        "Bears sleep."
    ]
    assert animals.delete(path).json() == {"deleted": "a/b?c d", "documents": 1}
    assert code_of(animals.get(path), 404) == code_of(animals.delete(path), 404) == "unknown_document"
    assert code_of(animals.post("/v1/retrieve", json=asked), 409) == "empty_collection"


def test_documents_are_listed_page_by_page(animals: TestClient) -> None:
    add(animals, *({"id": f"d{n}", "text": f"Text {n}."} for n in range(5)))
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        query = {"limit": 2, "after": after}
        page = animals.get("/v1/collections/animals/documents", params=query).json()
        seen += [document["id"] for document in page["documents"]]
        after = page["next"]
    assert seen == [f"d{n}" for n in range(5)]


def test_what_cannot_be_is_refused(start: Any) -> None:
    client = start(max_documents=2)
    assert code_of(add(client, {"id": "x", "text": "y"}, name="none"), 404) == "unknown_collection"
    assert code_of(client.post("/v1/collections", json={"name": "corpus"}), 409) == "collection_exists"
    assert code_of(client.post("/v1/collections", json={"name": "a\n"}), 422) == "invalid_input"
    many = [{"id": str(n), "text": "y"} for n in range(3)]
    assert code_of(add(client, *many, name="corpus"), 422) == "too_many"
    assert code_of(add(client, {"id": "", "text": "y"}, name="corpus"), 422) == "invalid_request"
    assert (
        code_of(add(client, {"id": "e", "text": "", "title": "t"}, name="corpus"), 422) == "invalid_request"
    )


def ended(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while job["state"] in ("queued", "running") and time.monotonic() < deadline:
        time.sleep(0.02)
        job = client.get(f"/v1/jobs/{job['id']}").json()
    return job


def test_files_are_ingested_in_the_background(animals: TestClient, tersus: Tersus) -> None:
    files = [
        ("files", ("../notes/fox_dens.md", b"# Dens\n\nFoxes dig dens.", "text/markdown")),
        ("files", ("plain.txt", b"Bears sleep.", "text/plain")),
        ("files", ("picture.png", b"\x89PNG", "image/png")),
        ("files", ("broken.pdf", b"%PDF-1.4 nothing", "application/pdf")),
    ]
    response = animals.post("/v1/collections/animals/files", files=files)
    assert response.status_code == 202
    job = ended(animals, response.json())
    assert (job["state"], job["done"], job["total"]) == ("done", 4, 4)
    problems = {one["id"]: one["status"] for one in job["result"]["problems"]}
    assert problems == {"picture.png": "skipped", "broken.pdf": "refused"}
    listed = animals.get("/v1/collections/animals/documents").json()["documents"]
    # Starlette hands over a file's name as it was sent; it is an id here, never a path.
    assert {one["id"]: one["title"] for one in listed} == {
        "../notes/fox_dens.md": "Dens",
        "plain.txt": "plain",
    }
    assert list((tersus.settings.home / "uploads").iterdir()) == []
    assert animals.get("/v1/jobs").json()["jobs"][0]["id"] == job["id"]


def test_names_of_senders_never_become_paths(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "a.pdf", "C:\\x\\b.MD", "README", "x.exe", "..", "\0.txt", "a.txt/"]
    assert [spool_name(n, name) for n, name in enumerate(names)] == [
        "0.unknown", "1.pdf", "2.md", "3.txt", "4.unknown", "5.unknown", "6.txt", "7.txt",
    ]  # fmt: skip
    (tmp_path / "uploads" / "new").mkdir(parents=True)
    remove_left(tmp_path)
    assert (tmp_path / "uploads" / "new").exists()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Embedding waits for the event."""
    go = threading.Event()
    plain = HashedEmbedding._get_text_embeddings

    def waiting(self: HashedEmbedding, texts: list[str]) -> list[list[float]]:
        go.wait(20)
        return plain(self, texts)

    monkeypatch.setattr(HashedEmbedding, "_get_text_embeddings", waiting)
    yield go
    go.set()


def test_a_job_can_be_cancelled_and_keeps_what_it_stored(animals: TestClient, slow: threading.Event) -> None:
    documents = [{"id": f"d{n}", "text": f"Text {n}."} for n in range(300)]
    first = add(animals, *documents, params={"wait": False}).json()
    second = add(animals, {"id": "late", "text": "Late."}, params={"wait": False}).json()
    assert animals.delete(f"/v1/jobs/{second['id']}").json()["state"] == "cancelled"
    animals.delete(f"/v1/jobs/{first['id']}")
    time.sleep(2.5)  # until the runner has heard of it
    slow.set()
    assert ended(animals, first)["state"] == "cancelled"
    time.sleep(0.1)
    stored = animals.get("/v1/collections/animals").json()["documents"]
    assert stored < 300
    assert animals.get("/v1/collections/animals/documents/late").status_code == 404


def test_a_service_that_stops_says_so_in_its_jobs(start: Any, slow: threading.Event, tersus: Tersus) -> None:
    from tersus.rag.jobs import JobRepository

    client = start()
    documents = [{"id": f"d{n}", "text": f"Text {n}."} for n in range(300)]
    jobs = [add(client, *documents, name="corpus", params={"wait": False}).json() for _ in range(2)]
    threading.Timer(0.3, slow.set).start()
    client.app.state.jobs.close()
    with tersus.database.session() as session:
        found = [JobRepository(session).get(job["id"]) for job in jobs]
    assert [(job.state, job.error) for job in found] == [("interrupted", "the service was stopped")] * 2
    assert code_of(add(client, *documents, name="corpus", params={"wait": False}), 429) == "overloaded"


def test_bound_and_reading_keys_are_held_to_it(start: Any, key: Callable[..., str]) -> None:
    reader, writer = key("reader"), key("writer", ["read", "write"], collections=["corpus", "mine"])
    client = start()
    one = {"id": "x", "text": "y z."}
    assert code_of(add(client, one, name="corpus", headers=bearer(reader)), 403) == "forbidden"
    assert add(client, one, name="corpus", headers=bearer(writer)).status_code == 200
    made = client.post("/v1/collections", json={"name": "mine"}, headers=bearer(writer))
    assert made.status_code == 201
    other = client.post("/v1/collections", json={"name": "other"}, headers=bearer(writer))
    assert code_of(other, 403) == "forbidden"
    assert code_of(client.get("/v1/collections/none", headers=bearer(writer)), 403) == "forbidden"
    job = add(client, one, name="mine", params={"wait": False}, headers=bearer(writer)).json()
    stranger = key("stranger", collections=["corpus"])
    assert code_of(client.get(f"/v1/jobs/{job['id']}", headers=bearer(stranger)), 404) == "unknown_job"
    assert client.get("/v1/jobs", headers=bearer(stranger)).json() == {"jobs": []}
