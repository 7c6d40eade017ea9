import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.compressors.segment import split
from tersus.errors import InvalidInput
from tersus.rag.ingest.chunking import ChunkPiece, chunk_document

_TOKEN = re.compile(r"\w+|[^\w\s]")


def words(text: str) -> int:
    """A counter whose counts add up: words and marks."""
    return len(_TOKEN.findall(text))


def chunks(text: str, max_tokens: int, counter: Callable[[str], int] = words) -> list[str]:
    return [text[c.start : c.end] for c in chunk_document(text, "T", counter=counter, max_tokens=max_tokens)]


def headings(text: str, max_tokens: int) -> list[list[str]]:
    return [c.meta["headings"] for c in chunk_document(text, "T", counter=words, max_tokens=max_tokens)]


def sentence(number: int, length: int) -> str:
    return " ".join([f"Number{number}", *["word"] * (length - 2)]) + "."


# Documents as people write them: headings, paragraphs, lists, tables, code, and lines that mean nothing.
_blocks = st.one_of(
    st.builds(
        lambda n, s: "#" * n + " " + s, st.integers(1, 4), st.sampled_from(["Alpha", "Beta gamma", "Delta"])
    ),
    st.builds(lambda s: f"{s}\n{'=' * len(s)}", st.sampled_from(["Title", "Part two"])),
    st.lists(st.integers(2, 30), min_size=1, max_size=5).map(
        lambda sizes: " ".join(sentence(i, size) for i, size in enumerate(sizes))
    ),
    st.lists(st.integers(2, 12), min_size=1, max_size=5).map(
        lambda sizes: "\n".join(f"- {sentence(i, size)}" for i, size in enumerate(sizes))
    ),
    st.integers(1, 12).map(lambda n: "```\n" + "\n".join(f"    x{i} = f({i})" for i in range(n)) + "\n```"),
    st.integers(1, 8).map(
        lambda n: "| a | b |\n| --- | --- |\n" + "\n".join(f"| {i} | v |" for i in range(n))
    ),
    st.text(max_size=60),
    st.sampled_from(["漢字仮名交じり文が続く。" * 5, "---", "x" * 300, " \t ", "\n\n\n"]),
)
documents = st.lists(_blocks, max_size=10).map("\n\n".join)


def is_one_word(chunk: str) -> bool:
    """Nothing but a single word, and the headings that go with it."""
    body = [chunk[s.start : s.end] for s in split(chunk) if s.kind != "heading"]
    return len(" ".join(body).split()) == 1


def bare(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(1, 60))
def test_every_character_lies_in_one_chunk_in_order(text: str, max_tokens: int) -> None:
    pieces = chunk_document(text, "T", counter=words, max_tokens=max_tokens)
    end = 0
    for piece in pieces:
        assert end <= piece.start < piece.end
        assert not text[end : piece.start].strip()
        end = piece.end
    assert not text[end:].strip()
    assert bare("".join(text[p.start : p.end] for p in pieces)) == bare(text)


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(1, 60))
def test_no_chunk_exceeds_the_budget_but_for_a_single_word(text: str, max_tokens: int) -> None:
    for chunk in chunks(text, max_tokens):
        assert words(chunk) <= max_tokens or is_one_word(chunk)


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(8, 60))
def test_segments_that_fit_are_never_cut(text: str, max_tokens: int) -> None:
    segments = split(text)
    edges = {c.start for c in chunk_document(text, "T", counter=words, max_tokens=max_tokens)}
    for before, segment in zip([None, *segments], segments, strict=False):
        # A heading right above and its text may be too large together.
        alone = before is None or before.kind != "heading"
        if alone and words(text[segment.start : segment.end]) <= max_tokens:
            assert not any(segment.start < edge < segment.end for edge in edges)


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(1, 40))
def test_words_are_never_cut_where_the_script_has_blanks(text: str, max_tokens: int) -> None:
    for piece in chunk_document(text, "T", counter=words, max_tokens=max_tokens):
        if piece.start and text[piece.start - 1].isascii() and text[piece.start].isascii():
            assert not (text[piece.start - 1].isalnum() and text[piece.start].isalnum())


@settings(max_examples=100, deadline=None)
@given(documents)
def test_the_same_text_gives_the_same_chunks(text: str) -> None:
    first = chunk_document(text, "T", counter=words, max_tokens=30)
    assert first == chunk_document(text, "T", counter=words, max_tokens=30)


def test_a_short_document_is_one_chunk_with_its_title() -> None:
    text = "\n  Two sentences here. And another one.\n"
    assert chunk_document(text, "A title", counter=words) == [
        ChunkPiece(3, len(text) - 1, "A title", {"headings": []})
    ]


@pytest.mark.parametrize("text", ["", " \n\t\n"])
def test_a_document_without_text_has_no_chunks(text: str) -> None:
    assert chunk_document(text, "T", counter=words) == []


def test_sentences_are_packed_greedily() -> None:
    text = " ".join(sentence(i, 10) for i in range(7))
    assert [words(chunk) for chunk in chunks(text, 34)] == [30, 30, 10]


def test_an_overflowing_chunk_ends_at_its_last_paragraph_in_the_upper_half() -> None:
    one = " ".join(sentence(i, 10) for i in range(6))
    two = " ".join(sentence(i, 10) for i in range(6, 10))
    # 6 sentences end a paragraph at 60 of 90 tokens; greedily there would be 9.
    assert chunks(f"{one}\n\n{two}", 90) == [one, two]
    # At 20 of 90 the paragraph's end is too early to be used.
    short = " ".join(sentence(i, 10) for i in range(2))
    assert [words(chunk) for chunk in chunks(f"{short}\n\n{one} {two}", 90)] == [90, 30]


def test_a_section_begins_a_chunk_where_the_one_before_is_half_full() -> None:
    half = " ".join(sentence(i, 10) for i in range(5))
    text = f"{half}\n\n# Next\n\n{sentence(6, 10)}"
    assert chunks(text, 100) == [half, f"# Next\n\n{sentence(6, 10)}"]
    assert chunks(text, 101) == [text]


def test_a_heading_goes_with_what_follows_it() -> None:
    filler = " ".join(sentence(i, 10) for i in range(4))
    text = f"{filler}\n\n## Head\n\n### Sub\n\n{sentence(9, 50)}"
    # Both headings would still fit behind the filler.
    assert chunks(text, 90) == [filler, f"## Head\n\n### Sub\n\n{sentence(9, 50)}"]


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(20, 60))
def test_no_chunk_ends_with_a_heading_that_has_text_below_it(text: str, max_tokens: int) -> None:
    segments = split(text)
    ends = {c.end for c in chunk_document(text, "T", counter=words, max_tokens=max_tokens)}
    for before, after in pairwise(segments):
        if before.kind == "heading" and after.kind != "heading":
            fits = words(text[before.start : before.end]) <= max_tokens // 2
            assert before.end not in ends or not fits


def test_text_that_does_not_fit_with_its_heading_is_cut_rather_than_parted_from_it() -> None:
    text = f"# A heading here\n\n{sentence(1, 20)}"
    assert words("# A heading here") == 4
    got = chunks(text, 20)
    assert got[0].startswith("# A heading here\n\nNumber1 word")
    assert [words(chunk) <= 20 for chunk in got] == [True, True]


def test_a_table_of_contents_is_cut_between_its_headings() -> None:
    text = "\n\n".join(f"# Part {i}" for i in range(30)) + "\n\nText."
    got = chunks(text, 12)
    assert all(words(chunk) <= 12 for chunk in got)
    assert got[-1] == "# Part 28\n\n# Part 29\n\nText."


def test_headings_name_the_section_of_the_text() -> None:
    text = "\n\n".join(
        ["Intro text.", "# One", sentence(1, 10), "## Inner `x`", sentence(2, 8), "# Two #", sentence(3, 10)]
    )
    assert headings(text, 14) == [[], ["One"], ["One", "Inner `x`"], ["Two"]]


def test_levels_of_underlined_headings_are_the_order_of_their_first_use() -> None:
    body = sentence(1, 10)
    text = f"A\n***\n\n{body}\n\nB\n===\n\n{body}\n\nC\n---\n\n{body}\n\nD\n===\n\n{body}\n\nE\n***\n\n{body}"
    assert headings(text, 16) == [["A"], ["A", "B"], ["A", "B", "C"], ["A", "D"], ["E"]]


def test_markdown_underlines_have_fixed_levels() -> None:
    body = sentence(1, 10)
    text = f"Sub\n---\n\n{body}\n\n### Deep\n\n{body}\n\nTop\n===\n\n{body}"
    assert headings(text, 16) == [["Sub"], ["Sub", "Deep"], ["Top"]]


def test_later_pieces_of_a_section_keep_its_headings() -> None:
    text = "# One\n\n" + " ".join(sentence(i, 10) for i in range(6))
    assert headings(text, 24) == [["One"]] * 3


def test_code_too_large_is_cut_at_line_ends() -> None:
    code = "```\n" + "\n".join(f"    call_{i}(alpha, beta, gamma)" for i in range(40)) + "\n```"
    got = chunks(code, 50)
    assert len(got) > 4
    assert "\n".join(line.strip() for chunk in got for line in chunk.split("\n")) == "\n".join(
        line.strip() for line in code.split("\n")
    )
    assert all(20 <= words(chunk) <= 50 for chunk in got)


def test_indentation_of_code_stays_where_a_cut_falls() -> None:
    code = "```\n" + "\n".join(f"    call_{i}(alpha, beta)" for i in range(20)) + "\n```"
    assert all(chunk.startswith("    call") for chunk in chunks(code, 30)[1:] if "call" in chunk)


def test_a_table_too_large_is_cut_between_rows() -> None:
    rows = ["| name | value |", "| --- | --- |", *[f"| row {i} | some value {i} |" for i in range(40)]]
    got = chunks("\n".join(rows), 60)
    assert len(got) > 3
    assert [row for chunk in got for row in chunk.split("\n")] == rows
    assert all(words(chunk) <= 60 for chunk in got)


def test_a_line_of_code_too_large_is_cut_at_blanks() -> None:
    line = "data = [" + ", ".join(str(i) for i in range(200)) + "]"
    text = f"```\nx = 1\n{line}\n```"
    got = chunks(text, 30)
    assert bare("".join(got)) == bare(text)
    assert all(words(chunk) <= 30 for chunk in got)
    assert all(chunk[-1] in ",`]" for chunk in got if "," in chunk)


def test_a_sentence_too_large_is_cut_into_even_pieces_at_blanks() -> None:
    text = "Begin " + "word " * 118 + "end."
    got = chunks(text, 40)
    assert " ".join(got) == text
    assert all(25 <= words(chunk) <= 40 for chunk in got)


def test_a_huge_word_stays_whole_and_its_neighbours_keep_their_own_chunk() -> None:
    def characters(text: str) -> int:
        return len(text)

    huge = "x" * 500
    text = f"Before it stand words. {huge} After it as well."
    got = chunks(text, 60, characters)
    assert huge in got
    assert all(len(chunk) <= 60 for chunk in got if chunk != huge)


def test_scripts_without_blanks_are_cut_between_characters() -> None:
    def characters(text: str) -> int:
        return len(bare(text))

    text = "漢字" * 250
    got = chunks(text, 100, characters)
    assert "".join(got) == text
    assert all(30 <= len(chunk) <= 100 for chunk in got)


def test_marks_that_the_tokenizer_adds_are_counted_once_a_chunk() -> None:
    text = " ".join(sentence(i, 10) for i in range(7))
    assert chunks(text, 34, lambda part: words(part) + 2) == chunks(text, 32)
    assert [words(chunk) for chunk in chunks(text, 32, lambda part: words(part) + 2)] == [30, 30, 10]
    assert [words(chunk) for chunk in chunks(text, 31, lambda part: words(part) + 2)] == [20, 20, 20, 10]


@settings(max_examples=100, deadline=None)
@given(documents, st.integers(20, 200))
def test_blanks_count_for_counters_that_count_them(text: str, max_tokens: int) -> None:
    for chunk in chunks(text, max_tokens, len):
        assert len(chunk) <= max_tokens or is_one_word(chunk)


def test_a_budget_without_room_is_refused() -> None:
    with pytest.raises(InvalidInput, match="give at least 3"):
        chunk_document("Text.", "T", counter=lambda text: words(text) + 2, max_tokens=2)


@pytest.mark.parametrize(
    "text",
    [
        " ".join(sentence(i, 12) for i in range(4000)),
        "word " * 40_000,
        "a b " * 5_000 + "x" * 200_000,
        "```\n" + "x = 1\n" * 30_000 + "```",
        "# h\n\n" * 20_000,
        "漢字" * 50_000,
    ],
)
def test_each_character_is_counted_a_few_times_at_most(text: str) -> None:
    counted = 0

    def counter(part: str) -> int:
        nonlocal counted
        counted += len(part)
        return -(-len(part) // 4)

    pieces = chunk_document(text, "T", counter=counter)
    assert len(pieces) > 10
    assert counted <= 6 * len(text)
