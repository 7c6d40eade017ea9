from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.rag.ingest.pdf import page_of, pdf_to_text
from tersus.rag.ingest.readers import FileDamaged, FileEmpty, FileEncrypted, FileRefused, read_file
from tersus.rag.ingest.readers_child import answer

from tests.rag.ingest.pdfs import make_pdf

# Written by hand, so that not only what one library writes is read; its cross-reference table is wrong.
BY_HAND = b"""%PDF-1.4
1 0 obj
<< /Type /Catalog /Pages 2 0 R >>
endobj
2 0 obj
<< /Type /Pages /Kids [3 0 R] /Count 1 >>
endobj
3 0 obj
<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R
   /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>
endobj
4 0 obj
<< /Length 43 >>
stream
BT /F1 24 Tf 20 200 Td (Made by hand) Tj ET
endstream
endobj
xref
0 5
0000000000 65535 f
trailer
<< /Size 5 /Root 1 0 R >>
startxref
9999
%%EOF
"""


def test_pages_are_joined_by_blank_lines_and_their_starts_kept(tmp_path: Path) -> None:
    path = tmp_path / "some_report.pdf"
    data = make_pdf(["First page.\nSecond line.", "", "Third page."], title="A Title")
    path.write_bytes(data)
    (document,) = read_file(path)
    assert document.text == "First page.\nSecond line.\n\nThird page."
    assert (document.title, document.media_type) == ("A Title", "application/pdf")
    assert document.size_bytes == len(data)
    pages = document.meta["pages"]
    assert pages == [0, 24, 26]
    assert document.text[pages[2] :] == "Third page."
    assert [page_of(pages, document.text.index(word)) for word in ("First", "Second", "Third")] == [1, 1, 3]


def test_leading_empty_pages_are_counted() -> None:
    read = pdf_to_text(make_pdf(["", "", "Words."]))
    assert read.pages == [0, 0, 0]
    assert page_of(read.pages, 0) == 3


def test_a_pdf_written_by_hand_with_a_wrong_table_is_read() -> None:
    assert pdf_to_text(BY_HAND).text == "Made by hand"


@pytest.mark.parametrize("title", [None, "", "untitled", "Microsoft Word - draft3.doc", "report_final.docx"])
def test_titles_that_say_nothing_give_way_to_the_file_name(tmp_path: Path, title: str | None) -> None:
    path = tmp_path / "annual-report.pdf"
    path.write_bytes(make_pdf(["Words."], title=title))
    assert read_file(path)[0].title == "annual report"


def test_hyphens_at_line_ends_stay_and_soft_ones_are_joined() -> None:
    assert pdf_to_text(make_pdf(["a well-\nknown fact"])).text == "a well-\nknown fact"
    assert pdf_to_text(make_pdf(["a compres\u00ad\nsion"])).text == "a compression"


def test_a_page_that_is_broken_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from pypdf import PageObject

    extract = PageObject.extract_text

    def fail_on_bad(page: PageObject) -> str:
        text = extract(page)
        if "bad" in text:
            raise KeyError("/Font")
        return text

    monkeypatch.setattr(PageObject, "extract_text", fail_on_bad)
    read = pdf_to_text(make_pdf(["good", "bad", "good too"]))
    assert (read.text, read.unreadable, read.pages) == ("good\n\ngood too", [2], [0, 4, 6])
    with pytest.raises(FileDamaged, match="no page"):
        pdf_to_text(make_pdf(["bad"]))


def test_a_password_is_asked_for_only_where_one_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    password = "open sesame"  # noqa: S105
    path.write_bytes(make_pdf(["Secret words."], password=password))
    with pytest.raises(FileEncrypted) as caught:
        read_file(path)
    assert caught.value.code == "file_encrypted"
    path.write_bytes(make_pdf(["Open words."], password=""))
    assert read_file(path)[0].text == "Open words."


def test_encryption_that_needs_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    def fail(*_: object) -> None:
        raise DependencyError("cryptography>=3.1 is required for AES algorithm")

    monkeypatch.setattr(PdfReader, "decrypt", fail)
    with pytest.raises(FileEncrypted, match="pip install cryptography"):
        pdf_to_text(make_pdf(["x"], password=""))


def test_a_scan_without_text_is_skipped_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(make_pdf(["", ""]))
    with pytest.raises(FileEmpty, match="OCR"):
        read_file(path)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.75, 0.95])
def test_a_truncated_pdf_is_refused_as_damaged(tmp_path: Path, share: float) -> None:
    path = tmp_path / "cut.pdf"
    data = make_pdf(["Words on a page."] * 5)
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(FileDamaged) as caught:
        read_file(path)
    assert caught.value.code == "file_damaged"


@pytest.mark.parametrize("content", [b"", b"words", b"%PDF-1.4\n", b"%PDF-1.4\n" + b"garbage\n" * 100])
def test_what_is_no_pdf_is_refused(content: bytes) -> None:
    assert answer("pdf", content)["error"] == "file_damaged"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=30))
def test_a_pdf_with_flipped_bytes_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(make_pdf(["Words on a page.", "More words."], title="T"))
    for position, value in changes:
        data[position % len(data)] = value
    fields = answer("pdf", bytes(data))
    if "error" in fields:
        assert fields["error"] in {"file_damaged", "file_empty", "file_encrypted"}
        assert isinstance(fields["message"], str)
    else:
        assert str(fields["text"]).encode("utf-8")
        assert len(fields["pages"]) >= 1  # type: ignore[arg-type]


def test_pages_that_share_one_huge_content_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from tersus.rag.ingest import pdf

    monkeypatch.setattr(pdf, "MAX_TEXT", 100)
    with pytest.raises(FileRefused, match="more than 100 characters"):
        pdf_to_text(make_pdf(["word " * 15] * 3))
