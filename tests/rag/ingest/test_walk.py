import os
from pathlib import Path

import pytest
from tersus.rag.ingest.readers import FileUnreadable, read_file
from tersus.rag.ingest.readers_names import display_name, external_id, title_from_name
from tersus.rag.ingest.walk import FoundFile, PathNotFound, Refusal, find_files


def write(path: Path, text: str = "words") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def found(*paths: Path) -> list[str]:
    items = list(find_files(paths))
    assert all(isinstance(item, FoundFile) for item in items)
    return [item.external_id for item in items]


def test_folders_are_searched_recursively_in_sorted_order(tmp_path: Path) -> None:
    names = ["b.txt", "a/z.md", "a/b/c.txt", "c/d.txt", "B.txt"]
    for name in names:
        write(tmp_path / name)
    expected = ["B.txt", "a/b/c.txt", "a/z.md", "b.txt", "c/d.txt"]
    assert found(tmp_path) == [str(tmp_path / name) for name in expected]


def test_hidden_names_and_tool_folders_are_passed_over(tmp_path: Path) -> None:
    for folder in (".git", "node_modules", "__pycache__", ".venv", "sub/.cache"):
        write(tmp_path / folder / "x.txt")
    write(tmp_path / ".hidden.txt")
    write(tmp_path / "sub" / "node_modules.txt")
    assert found(tmp_path) == [str(tmp_path / "sub/node_modules.txt")]


def test_a_hidden_path_that_is_given_itself_is_read(tmp_path: Path) -> None:
    inside = write(tmp_path / ".notes" / "x.txt")
    assert found(tmp_path / ".notes") == [str(inside)]
    hidden = write(tmp_path / ".one.txt")
    assert found(hidden) == [str(hidden)]


def test_the_same_file_given_in_many_ways_is_found_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.txt")
    (tmp_path / "link.txt").symlink_to(file)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    ways = [file, Path("a.txt"), tmp_path / "folder" / ".." / "a.txt", tmp_path / "link.txt", tmp_path]
    assert found(*ways) == [str(file)]


def test_every_missing_path_is_named_before_anything_starts(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    missing = [
        tmp_path / "no\n1",
        tmp_path / "a.txt" / "under a file",
        tmp_path / "dangling",
        tmp_path / "loop",
    ]
    with pytest.raises(PathNotFound) as caught:  # on the call, not on the first item
        find_files([tmp_path, *missing, Path("nul\0")])
    assert caught.value.paths == [*missing, Path("nul\0")]
    assert caught.value.code == "path_not_found"
    assert "no\\n1" in str(caught.value)
    assert "dangling" in str(caught.value)


def test_links_between_folders_that_form_loops_end(tmp_path: Path) -> None:
    file = write(tmp_path / "a" / "x.txt")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    outside = write(tmp_path / "elsewhere" / "y.txt")
    (tmp_path / "a" / "out").symlink_to(tmp_path / "elsewhere")
    assert sorted(found(tmp_path / "a")) == sorted([str(file), str(outside)])


def test_broken_links_and_pipes_in_a_folder_are_refused_and_the_rest_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "b.txt")
    (tmp_path / "c.txt").symlink_to(tmp_path / "c.txt")
    file = write(tmp_path / "d.txt")
    items = list(find_files([tmp_path]))
    assert [type(item) for item in items] == [Refusal, Refusal, Refusal, FoundFile]
    assert items[3] == FoundFile(file, str(file))
    for item, name in zip(items, "abc", strict=False):
        assert isinstance(item, Refusal)
        assert isinstance(item.error, FileUnreadable)
        assert item.error.code == "file_unreadable"
        assert str(item.error).startswith(str(tmp_path / f"{name}.txt") + ":")


def test_folders_nested_more_deeply_than_functions_can_be_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    last = write(tmp_path / "e.txt")
    depth = 1500
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    try:
        items = list(find_files([tmp_path]))
    finally:
        for _ in range(depth):
            os.chdir("..")
            Path("d").rmdir()
    assert items == [FoundFile(last, str(last))]


@pytest.mark.parametrize("name", ["a\nb.txt", "🦊 ü.txt", " lead.txt", "per%FFcent.txt", "back\\slash.txt"])
def test_odd_names_keep_their_path_as_identity(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name)
    assert found(tmp_path) == [str(file)]
    assert read_file(file)[0].external_id == str(file)
    assert display_name(file).isprintable()
    assert title_from_name(file).isprintable()


def test_a_name_that_is_not_utf8_gets_a_storable_identity_of_its_own(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 1.txt"))
    write(odd)
    literal = write(tmp_path / "caf%E9 1.txt")
    identities = found(tmp_path)
    assert sorted(identities) == sorted([f"file://{tmp_path}/caf%E9%201.txt", str(literal)])
    document = read_file(odd)[0]
    assert document.external_id == f"file://{tmp_path}/caf%E9%201.txt"
    assert document.title == "caf\ufffd 1"
    assert "\\xe9" in display_name(odd)


def test_identity_resolves_links(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt")
    (tmp_path / "l").symlink_to("a.txt")
    assert external_id(tmp_path / "l") == str(file)


@pytest.mark.parametrize(
    ("name", "title"),
    [("annual_report-2024.final.pdf", "annual report 2024.final"), ("README", "README"), ("_.txt", "_.txt")],
)
def test_titles_from_names_have_blanks_for_underscores_and_hyphens(name: str, title: str) -> None:
    assert title_from_name(Path("/x") / name) == title
