import platform
import re
from pydoc_data.topics import topics

from tersus.rag.ingest.chunking import chunk_document
from tersus.rag.ingest.topics import python_topics


def count(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def test_every_topic_is_a_document() -> None:
    documents = python_topics()
    assert [document.external_id for document in documents] == [
        f"python-topics:{key}" for key in sorted(topics)
    ]
    assert len(documents) > 70
    for document in documents:
        key = document.meta["topic"]
        assert document.text == topics[key]
        assert document.meta == {"topic": key, "python": platform.python_version()}
        assert document.media_type == "text/x-rst"
        assert document.size_bytes == len(topics[key].encode())


def test_titles_are_the_topics_own_headings() -> None:
    titles = {document.meta["topic"]: document.title for document in python_topics()}
    assert titles["for"] == "The for statement"
    assert titles["lambda"] == "Lambdas"
    assert titles["strings"] == "String and Bytes literals"
    assert titles["debugger"] == "pdb — The Python Debugger"
    assert not any('"' in title or "\n" in title for title in titles.values())


def test_topics_are_cut_into_chunks_of_useful_size() -> None:
    sizes = []
    for document in python_topics():
        pieces = chunk_document(document.text, document.title, counter=count)
        text = "".join(document.text[piece.start : piece.end] for piece in pieces)
        assert "".join(text.split()) == "".join(document.text.split())
        assert pieces[0].meta["headings"][0].replace('"', "") == document.title
        sizes += [count(document.text[piece.start : piece.end]) for piece in pieces]
    assert max(sizes) <= 200
    assert sum(size < 50 for size in sizes) < 0.1 * len(sizes)
