"""What is made of results: figures, pages, comparisons, the gate."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tersus.eval.report import read_results, summarise
from tersus.eval.report.compare import compare, read_scores
from tersus.eval.report.document import write_report
from tersus.eval.report.gate import gate
from tersus.eval.report.losses import pieces
from tersus.eval.report.recommend import recommend
from tersus.eval.runs import RunMismatch, RunMissing

from . import toys

BASELINE = toys.QUESTIONS.with_name("scores.json")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.run(
        tmp_path_factory.mktemp("report") / "run",
        toys.spec(
            compressors=("none", "bm25", "head", "similarity", "exit"),
            readers=("oracle",),
            name="A <b>run</b>",
        ),
    )


def test_the_gate_of_this_repository_holds(finished: Path) -> None:
    verdicts = gate(read_scores(finished), read_scores(BASELINE))
    assert [v for v in verdicts if not v.passed] == []
    assert {v.change.key.split("|")[1] for v in verdicts} == {"none", "bm25", "similarity", "head", "exit"}


def test_the_gate_fails_on_a_compressor_made_worse(finished: Path) -> None:
    new, old = read_scores(finished), read_scores(BASELINE)
    good, bad = "questions|bm25|0.25|oracle", "questions|head|0.25|oracle"
    new["cells"][good] = new["cells"][bad]
    (failed,) = [v for v in gate(new, old) if not v.passed]
    assert failed.change.key == good
    assert failed.reasons[0].startswith("f1 fell by 0.")


def test_the_gate_fails_where_more_is_kept_or_a_cell_is_gone(finished: Path) -> None:
    new, old = read_scores(finished), read_scores(BASELINE)
    cell = new["cells"]["questions|bm25|0.25|oracle"]
    cell["kept"] = [kept + 0.1 for kept in cell["kept"]]
    del new["cells"]["questions|similarity|adaptive|oracle"]
    failed = {v.change.key: v.reasons[0] for v in gate(new, old) if not v.passed}
    assert "tokens kept rose by 10.0%" in failed.pop("questions|bm25|0.25|oracle")
    assert failed == {"questions|similarity|adaptive|oracle": "it is in the baseline and not in the run"}


def test_figures_are_those_of_the_records(finished: Path) -> None:
    results = read_results(finished)
    cell = next(c for c in summarise(results).cells if (c.compressor, c.budget) == ("bm25", "0.25"))
    own = [r for r in results.records if (r["compressor"], r["budget"]) == ("bm25", "0.25")]
    scores = [r["readers"]["oracle"]["scores"]["f1"] for r in own]
    assert cell.estimates["f1"].mean == pytest.approx(sum(scores) / 30)
    assert cell.kept == sum(r["tokens_after"] for r in own) / sum(r["tokens_before"] for r in own)
    assert cell.against["f1"].mean == pytest.approx(sum(scores) / 30 - 1)
    before, after = cell.cost("gpt-5") or (0.0, 0.0)  # 1.25 dollars a million tokens
    assert before == pytest.approx(sum(r["tokens_before"] for r in own) / 30 * 1000 * 1.25e-6)
    assert after == pytest.approx(before * cell.kept)
    assert cell.cost("a model without a price") is None


def test_support_that_some_questions_lack_is_not_told_of_the_others(finished: Path) -> None:
    results = read_results(finished)
    base = [r for r in results.records if r["compressor"] == "none"]
    labelled = next(r["question"] for r in base if r["scores"]["support_recall"] is not None)
    for record in results.records:
        if (record["compressor"], record["budget"], record["question"]) == ("bm25", "0.25", labelled):
            record["scores"] = {**record["scores"], "support_recall": None}  # its passages were rewritten
    cells = {(c.compressor, c.budget): c for c in summarise(results).cells}
    assert cells["bm25", "0.25"].estimates["support_recall"].count == 0
    assert cells["bm25", "0.25"].estimates["support_f2"].count == 0
    assert cells["bm25", "0.25"].estimates["answer_recall"].count > 0
    assert cells["head", "0.25"].estimates["support_recall"].count > 0


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_is_whole_in_itself_and_escapes_what_it_is_given(finished: Path) -> None:
    page = write_report(read_results(finished)).read_text(encoding="utf-8")
    parser = _Tags()
    parser.feed(page)
    names = [tag for tag, _ in parser.tags]
    assert not {"script", "link", "img", "iframe"} & set(names)
    assert names.count("svg") == 2
    addresses = [
        v for _, attrs in parser.tags for k, v in attrs.items() if k in ("src", "href", "xlink:href")
    ]
    assert all((address or "").startswith("#") for address in addresses)
    assert "A &lt;b&gt;run&lt;/b&gt;" in page
    assert "<b>run" not in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert re.search(r"<del>[^<]*</del>", page)
    assert "nan" not in re.sub(r"<[^>]*>", "", page).lower().split()


def test_files_beside_the_page_say_the_same(finished: Path) -> None:
    write_report(read_results(finished))
    figures = json.loads((finished / "report.json").read_text(encoding="utf-8"))
    with (finished / "report.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(figures["cells"]) == 8
    for row, cell in zip(rows, figures["cells"], strict=True):
        assert float(row["kept"]) == cell["kept"]
        assert float(row["f1"]) == cell["metrics"]["f1"]["mean"]
    text = (finished / "report.md").read_text(encoding="utf-8")
    assert text.count("| `") == 8
    assert 0 <= figures["overhead"] <= 1


def test_a_run_compared_with_itself_has_not_changed(finished: Path) -> None:
    for change in compare(read_scores(finished), read_scores(finished)):
        assert (change.quality.mean, change.kept.mean, change.quality.p_value) == (0.0, 0.0, 1.0)


def test_runs_with_nothing_in_common_are_refused(finished: Path) -> None:
    new, old = read_scores(finished), read_scores(finished)
    with pytest.raises(RunMismatch, match="in common"):
        compare(new, old | {"cells": {"other|none|-|none": {}}})
    with pytest.raises(RunMismatch, match="f1 has another version"):
        compare(new, old | {"metrics": {"f1": "f1/0"}})
    strange = {key: cell | {"questions": ["x"] * 30} for key, cell in old["cells"].items()}
    with pytest.raises(RunMismatch, match="no question"):
        compare(new, old | {"cells": strange})


def test_what_is_recommended_is_the_cheapest_that_loses_nothing(tmp_path: Path) -> None:
    many = tmp_path / "questions.jsonl"
    lines = [json.loads(line) for line in toys.QUESTIONS.read_text(encoding="utf-8").splitlines()]
    again = [line | {"id": f"{line['id']}-{n}"} for line in lines for n in range(4)]
    many.write_text("".join(json.dumps(line) + "\n" for line in again), encoding="utf-8")
    description = toys.spec(datasets=(str(many),), compressors=("none", "bm25", "head"), batch=60)
    (found,) = recommend(summarise(read_results(toys.run(tmp_path / "run", description))))
    assert found.cell is not None
    assert found.cell.label == "bm25 0.25"
    assert (
        found.cell.against["answer_recall"].floor == -3 / 120
    )  # nothing lost in 120 questions is not nothing lost
    assert f"{1 - found.cell.kept:.0%} fewer tokens, no measurable loss in answer recall" in found.text


def test_too_few_questions_recommend_nothing(finished: Path, tmp_path: Path) -> None:
    folder = toys.run(tmp_path / "few", toys.spec(limit=4, compressors=("none", "bm25")))
    (found,) = recommend(summarise(read_results(folder)))
    assert found.cell is None
    assert "4 questions are too few" in found.text
    write_report(read_results(folder))


def test_a_folder_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunMissing, match=r"run\.json"):
        read_results(tmp_path)
    with pytest.raises(RunMissing, match="no"):
        read_scores(tmp_path / "no.json")


def test_pieces_make_up_the_passage() -> None:
    from tersus.eval.data import EvalPassage

    passage = EvalPassage("One. Two. Three.", sentence_spans=((0, 4), (5, 9), (10, 16)), supporting=(1,))
    found = pieces(passage, [[0, 4], [5, 9]])
    assert "".join(p.text for p in found) == passage.text
    assert [(p.text.strip(), p.kept, p.gold) for p in found if p.text.strip()] == [
        ("One.", True, False), ("Two.", True, True), ("Three.", False, False),
    ]  # fmt: skip


def test_a_headline_goes_between_its_marks(finished: Path, tmp_path: Path) -> None:
    from tersus.eval.report.publish import main

    readme = tmp_path / "README.md"
    readme.write_text(
        "before\n<!-- headline: out -->\nold\n<!-- end of headline -->\nafter\n", encoding="utf-8"
    )
    arguments = [str(finished), str(tmp_path / "out"), "--readme", str(readme), "--budgets", "0.25"]
    for _ in range(2):
        assert main(arguments) == 0
        text = readme.read_text(encoding="utf-8")
        assert text.startswith("before\n<!-- headline: out -->\n| compressor")
        assert text.endswith("<!-- end of headline -->\nafter\n")
        assert "old" not in text
        assert text.count("| `bm25` | 0.25 | 1.000 (1.000–1.000) at 0.24 |") == 1
        assert "adaptive" not in text
    assert (tmp_path / "out" / "report.html").exists()
    readme.write_text("no marks", encoding="utf-8")
    assert main(arguments) == 2
    assert main([str(tmp_path / "nothing"), str(tmp_path / "out")]) == 2
