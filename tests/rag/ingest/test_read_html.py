from pathlib import Path

import pytest
from tersus.rag.ingest.html import html_to_markdown
from tersus.rag.ingest.readers import FileDamaged, read_file


def markdown(markup: str) -> str:
    return html_to_markdown(markup)[1]


def test_a_page_becomes_the_markdown_of_what_is_read() -> None:
    title, text = html_to_markdown(
        """<?xml version="1.0"?><!DOCTYPE html>
        <html><head><title> My &amp;
          page </title><style>p {color: red}</style><script>var a = "<p>no</p>";</script></head>
        <body><!-- a comment --><nav><ul><li>Menu</li></ul></nav>
        <h1>Top <a href="http://example.org/">link</a></h1>
        <p>One <b>bold</b>&nbsp;word, <i>one</i> slanted, a snake_case *name*
          and <code>x_y</code>.<br>Next line.</p>
        <h2>Second</h2>
        <ul><li>first</li><li>second<ol><li>inner</li></ol></li></ul>
        <table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>
        <pre><code class="language-python">def f():
    return 1
</code></pre>
        <img src="x.png" alt="A  cat"><noscript>Enable it</noscript><template><p>hollow</p></template>
        <footer>Imprint</footer></body></html>"""
    )
    assert title == "My & page"
    assert text == (
        "# Top link\n\n"
        "One bold word, one slanted, a snake_case *name*\nand `x_y`.\nNext line.\n\n"
        "## Second\n\n"
        "- first\n- second\n  1. inner\n\n"
        "| A | B |\n| --- | --- |\n| 1 | 2 |\n\n"
        "```python\ndef f():\n    return 1\n```\n\n"
        "A cat\n"
    )


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("<h1>Heading <em>one</em></h1><h1>Two</h1>", "Heading one"),
        ("<title></title><h1>Heading</h1>", "Heading"),
        ("<nav><h1>Site</h1></nav><h1>Page</h1>", "Page"),
        ("<svg><title>Icon</title></svg><title>Page</title>", "Page"),
        ("<p>nothing", None),
    ],
)
def test_the_title_is_the_title_element_else_the_first_heading(markup: str, title: str | None) -> None:
    assert html_to_markdown(markup)[0] == title


def test_end_tags_may_be_missing_as_the_standard_allows() -> None:
    assert markdown("<p>One<p>Two<h2>H</h2><p>Three") == "One\n\nTwo\n\n## H\n\nThree\n"
    assert markdown("<ul><li>a<li>b<ul><li>b1<li>b2</ul><li>c</ul>") == "- a\n- b\n  - b1\n  - b2\n- c\n"
    rows = "<table><thead><tr><th>A<th>B<tbody><tr><td>1<td>2<tr><td>3<td>4</table>"
    assert markdown(rows) == "| A | B |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n"
    assert markdown("<dl><dt>T<dd>one<dt>U<dd>two</dl>") == "T\n:   one\n\nU\n:   two\n"
    assert markdown("<ul><li><p>a<p>b<li>c</ul>") == "- a\n\n  b\n- c\n"


def test_code_that_holds_fences_gets_a_longer_one() -> None:
    assert markdown("<p>a<pre>```\nx\n```</pre><p>b") == "a\n\n````\n```\nx\n```\n````\n\nb\n"
    assert markdown('<pre class="highlight lang-c++">\n  a;\n\n  b;\n</pre>') == "```c++\n  a;\n\n  b;\n```\n"
    assert markdown("<p>a<pre> </pre><p>b") == "a\n\nb\n"


def test_what_readers_do_not_see_is_left_out() -> None:
    page = """<p>seen</p><div hidden>one</div><div style="color: red; DISPLAY: none">two</div>
    <i aria-hidden="true">three</i><ul role="menu"><li>four</li></ul><button>five</button>"""
    assert markdown(page) == "seen\n"


def test_the_main_element_is_the_page_where_it_holds_most_of_it() -> None:
    page = "<header><p>Site</p></header><main><h1>T</h1><p>The words of the page.</p></main><aside>x</aside>"
    assert markdown(page) == "# T\n\nThe words of the page.\n"
    page = "<main><p>Short.</p></main><p>The words of the page are elsewhere.</p>"
    assert markdown(page) == "Short.\n\nThe words of the page are elsewhere.\n"


def test_thousands_of_unclosed_paragraphs_are_not_nested() -> None:
    assert markdown("<p>word" * 5000) == "\n\n".join(["word"] * 5000) + "\n"


def test_a_page_is_read_as_html_with_its_declared_encoding(tmp_path: Path) -> None:
    path = tmp_path / "some_page.HTM"
    path.write_bytes('<meta charset="koi8-r"><p>Да'.encode("koi8-r"))
    (document,) = read_file(path)
    assert (document.title, document.text) == ("some page", "Да\n")
    assert (document.media_type, document.meta) == ("text/html", {"encoding": "koi8-r"})


def test_xhtml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xhtml"
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
        "<head><title>T</title></head><body><p>a<br/>b</p></body></html>"
    )
    (document,) = read_file(path)
    assert (document.title, document.text, document.media_type) == ("T", "a\nb\n", "application/xhtml+xml")


def test_references_to_impossible_characters_leave_storable_text(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<p>a&#0;b&#xD800;c&#13;d</p>")
    text = read_file(path)[0].text
    text.encode("utf-8")
    assert "\0" not in text
    assert "\r" not in text
    assert text.startswith("a")


def test_elements_nested_by_the_hundred_are_read_and_by_the_thousand_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<div>" * 800 + "deep" + "</div>" * 800)
    assert read_file(path)[0].text == "deep\n"
    path.write_text("<div>" * 100_000 + "deep")
    with pytest.raises(FileDamaged, match="nests its parts too deeply"):
        read_file(path)


def test_a_page_that_takes_too_long_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    hostile, honest = tmp_path / "a.html", tmp_path / "b.html"
    hostile.write_text("<a " * 1_000_000)  # time grows with the square of the length
    honest.write_text("<p>fine")
    with pytest.raises(FileDamaged, match=r"takes more than 0.5 seconds") as caught:
        read_file(hostile, max_seconds=0.5)
    assert caught.value.path == str(hostile)
    assert read_file(honest)[0].text == "fine\n"
