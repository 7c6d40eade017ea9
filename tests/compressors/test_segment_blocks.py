"""Blocks: what the lines of Markdown, reStructuredText and plain text show."""

from __future__ import annotations

from textwrap import dedent

import pytest
from tersus.compressors.segment import split


def blocks(text: str) -> list[tuple[str, str]]:
    """Kind and text of every segment."""
    return [(segment.kind, text[segment.start : segment.end]) for segment in split(text)]


def kinds(text: str) -> list[str]:
    return [kind for kind, _ in blocks(text)]


WHOLE = {
    "backtick fence": ("code", "```python\nx = 1\n\n# Comment. Here\n```"),
    "tilde fence with backticks inside": ("code", "~~~\n```\ncode. Here\n~~~"),
    "longer fence around a shorter": ("code", "````\n```\na. B\n```\n````"),
    "indented fence": ("code", "  ```\n  a. B\n\n  c\n  ```"),
    "quoted fence": ("code", "> ```\n> code. Here\n> ```"),
    "indented code": ("code", "    x = f(1)\n\n    for y in x:\n        print(y)"),
    "doctest": ("code", ">>> f(2)\n'A. B'\n>>> g()\nFalse"),
    "grammar": ("code", 'with_stmt ::= "with" item ":" suite\n   item   ::= expression ["as" target]'),
    "functions": ("code", "def f(x):\n    return x + 1\n\nclass A:\n    pass"),
    "JSON": ("code", '{\n  "a": 1,\n  "b": [1, 2]\n}'),
    "SQL": ("code", "SELECT a, b\nFROM t\nWHERE x = 1;"),
    "code directive": ("code", ".. code-block:: python\n   :linenos:\n\n   x = 1\n\n   y = 2"),
    "front matter": ("code", "---\ntitle: x. Y\ntags: [a]\n---"),
    "pipe table": ("table", "| a | b |\n|---|---|\n| 1. X | 2 |\n| 3 | 4 |"),
    "pipe table without outer pipes": ("table", "a | b\n:-- | --:\n1 | 2"),
    "grid table": ("table", "+---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n+---+---+"),
    "simple table": ("table", "=====  =====\n A      B\n=====  =====\n 1      2\n\n 3      4\n=====  ====="),
    "pandoc table": ("table", "Header 1   Header 2\n---------- ----------\nx          y\nz          w"),
    "box table": ("table", "┌───┬───┐\n│ a │ b │\n└───┴───┘"),
    "tabs": ("table", "name\tage\tcity\nBob\t3\tRome\nAnn\t5\tOslo"),
    "commas": ("table", "id,name,age\n1,Bob,3\n2,Ann,5\n3,Joe,7"),
    "aligned columns": ("table", "Name    Age   City\nBob     3     Rome\nAnn     5     Oslo"),
    "ATX heading": ("heading", "## Dr. Who. A title"),
    "setext heading": ("heading", "A title. Of two\n==="),
    "reStructuredText heading": ("heading", '"pdb" — The Debugger\n********************'),
    "numbered heading": ("heading", "1. Introduction\n==============="),
    "overlined heading": ("heading", "=========\n A title\n========="),
    "wiki heading": ("heading", "== A title =="),
    "bullet": ("item", "- one. Two.\n  continued. Three."),
    "lazy continuation": ("item", "* one. Two.\ncontinued. Three."),
    "numbered item": ("item", "12. twelve. Twelve."),
    "item in parentheses": ("item", "(a) first. Of all."),
    "item of two paragraphs": ("item", "1. First. Par.\n\n   Second. Par."),
    "task": ("item", "- [ ] task. Yes."),
    "field": ("item", ":param x: the value. Of x."),
    "footnote": ("item", "[1] Smith, J. 2010. Title."),
    "Chinese item": ("item", "一、苹果。好吃。"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_block_is_one_segment_between_two_paragraphs(name: str) -> None:
    kind, text = WHOLE[name]
    lead = "" if name == "front matter" else "Before it. "
    expected = [("sentence", "Before it.")] if lead else []
    around = f"{lead}\n\n{text}\n\nAfter it. The end." if lead else f"{text}\n\nAfter it. The end."
    assert blocks(around) == [
        *expected,
        (kind, text.lstrip()),
        ("sentence", "After it."),
        ("sentence", "The end."),
    ]


@pytest.mark.parametrize("name", WHOLE)
def test_code_tables_and_headings_stay_whole_however_small_the_limit(name: str) -> None:
    kind, text = WHOLE[name]
    segments = split(text, max_chars=5)
    if kind == "item":
        assert len(segments) > 1
        assert {segment.kind for segment in segments} == {"item"}
    else:
        first = len(text) - len(text.lstrip())
        assert [(segment.kind, segment.start, segment.end) for segment in segments] == [
            (kind, first, len(text))
        ]


def test_a_fence_that_is_never_closed_reaches_to_the_end() -> None:
    assert blocks("Text. More.\n~~~\ncode. Code\n\n# code\n```\n") == [
        ("sentence", "Text."),
        ("sentence", "More."),
        ("code", "~~~\ncode. Code\n\n# code\n```"),
    ]


PROSE = {
    "indented prose": "Dear all,\n\n    Please find attached the report for the quarter.\n    It is long.",
    "first lines indented": "    It was a dark night; the rain fell, except at\ntimes. Then it stopped.",
    "wrapped year": "It was the year\n1999. The next was 2000.",
    "wrapped dash": "It was fun - really\n- or so they say.",
    "wrapped sum": "The result is a\n+ b in all cases.",
    "definition": "Strings\n   A string is a sequence of values. It cannot change.",
    "hash tag": "#hashtag is text. Yes.",
    "initial": "A. Einstein was a physicist. He was born in Ulm.",
    "pipe in prose": "Use a | b here. It works.",
    "note directive": ".. note::\n\n   This is a note. It has two sentences.",
    "sentence about import": "We import cars from Japan. They export the rest.",
    "bold": "**Note.** This is bold.",
}


@pytest.mark.parametrize("name", PROSE)
def test_prose_that_looks_like_structure_stays_prose(name: str) -> None:
    assert set(kinds(PROSE[name])) == {"sentence"}


def test_nested_items_are_segments_of_their_own() -> None:
    text = "* one\n  more\n\n  * inner\n    more\n\n  * inner two\n\n  rest of one.\n\n* two"
    assert blocks(text) == [
        ("item", "* one\n  more"),
        ("item", "* inner\n    more"),
        ("item", "* inner two"),
        ("sentence", "rest of one."),
        ("item", "* two"),
    ]


def test_a_list_may_follow_its_introduction_without_an_empty_line() -> None:
    text = "Choose:\n- Paris. City\n- London\n1. one\n2. two\n10. ten"
    assert blocks(text) == [
        ("sentence", "Choose:"),
        ("item", "- Paris. City"),
        ("item", "- London"),
        ("item", "1. one"),
        ("item", "2. two\n10. ten"),
    ]


def test_letters_are_markers_only_in_sequence() -> None:
    assert kinds("Which?\nA. Paris\nB. London\nC. Rome") == ["sentence", "item", "item", "item"]


def test_code_in_an_item_is_code() -> None:
    text = "1. First:\n   ```sh\n   ls -l\n   ```\n2. Second"
    assert blocks(text) == [
        ("item", "1. First:"),
        ("code", "```sh\n   ls -l\n   ```"),
        ("item", "2. Second"),
    ]


def test_a_literal_block_is_code_whatever_it_holds() -> None:
    text = "Use this::\n\n  literally anything. Here it is.\n\n  More of it.\n\nText."
    assert blocks(text)[1] == ("code", "literally anything. Here it is.\n\n  More of it.")


def test_a_heading_needs_no_empty_lines_around_it() -> None:
    assert kinds("Text one.\n# Title\nText two.\nTitle\n=====\nText.") == [
        "sentence", "heading", "sentence", "heading", "sentence",
    ]  # fmt: skip


def test_documentation_as_plain_text_is_read_as_its_author_meant_it() -> None:
    text = dedent("""\
        The "with" statement
        ********************

        It is used to wrap a block.  The grammar
        is as follows:

           with_stmt ::= "with" item ":" suite
           item      ::= expression ["as" target]

        1. The manager’s "__exit__()" is loaded.

           Note:

             It is always called. See step 2.

        2. The suite is executed.

        The typical usage is:

           >>> import pdb
           >>> def f(x):
           ...     print(1 / x)
           ...
           >>> f(0)
           ZeroDivisionError: division by zero

        pdb.run(statement, globals=None)

           Execute the *statement* under
           debugger control.  "run" is a function.

           New in version 3.2.

        Some examples:

           "Bring me a {}"     # the first argument
           "From {} to {}"     # two of them
        """)
    assert [(kind, part.split("\n")[0]) for kind, part in blocks(text)] == [
        ("heading", 'The "with" statement'),
        ("sentence", "It is used to wrap a block."),
        ("sentence", "The grammar"),
        ("code", 'with_stmt ::= "with" item ":" suite'),
        ("item", '1. The manager’s "__exit__()" is loaded.'),
        ("item", "2. The suite is executed."),
        ("sentence", "The typical usage is:"),
        ("code", ">>> import pdb"),
        ("sentence", "pdb.run(statement, globals=None)"),
        ("sentence", "Execute the *statement* under"),
        ("sentence", '"run" is a function.'),
        ("sentence", "New in version 3.2."),
        ("sentence", "Some examples:"),
        ("code", '"Bring me a {}"     # the first argument'),
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\u2028"])
def test_all_line_breaks_are_equal(newline: str) -> None:
    text = newline.join(["# Title", "", "One. Two", "goes on.", "", "- item", "", "```", "a. B", "```"])
    assert kinds(text) == ["heading", "sentence", "sentence", "item", "code"]
