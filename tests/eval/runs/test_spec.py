"""Descriptions of runs, and the plan that follows from one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tersus.errors import InvalidInput
from tersus.eval.runs import read_spec
from tersus.eval.runs.plan import plan

from . import toys


def test_a_file_describes_a_run_and_the_command_line_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('datasets = ["a", "b"]\ncompressors = ["none"]\nlimit = 5\nprices = ["gpt-5"]\n')
    spec = read_spec(file, limit=3, datasets=None)
    assert (spec.datasets, spec.limit, spec.prices) == (("a", "b"), 3, ("gpt-5",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("datasets = [", "run.toml"),
        ("dataset = ['a']", "dataset"),
        ("datasets = []", "datasets"),
        ("limit = 0", "limit"),
    ],
)
def test_a_file_that_describes_nothing_is_refused_with_what_is_wrong(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_spec(
            tmp_path / "run.toml", compressors=["none"], **({} if "data" in text else {"datasets": ["a"]})
        )


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no\.toml"):
        read_spec(tmp_path / "no.toml")


def test_budgets_that_say_nothing_to_a_compressor_are_not_planned() -> None:
    spec = toys.spec(compressors=("none", "head", "exit"), budgets=("adaptive", "0.5", "max_tokens=9"))
    assert spec.budgets_of("none") == ("-",)
    assert spec.budgets_of("head") == ("0.5", "max_tokens=9")
    assert spec.budgets_of("exit:hops=1") == ("adaptive", "0.5", "max_tokens=9")
    assert [u.key for u in plan(toys.spec(compressors=("head",), budgets=("adaptive",)), {"d": 9})] == []


def test_units_cover_each_question_once() -> None:
    units = plan(toys.spec(batch=4), {"d": 9, "e": 1})
    covered = [(u.dataset, u.compressor, n) for u in units for n in range(u.start, u.stop)]
    assert len(covered) == len(set(covered)) == 3 * 10
