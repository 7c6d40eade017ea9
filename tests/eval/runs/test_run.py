"""Runs: what they leave, that they can be killed and taken up, that they are never mixed."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from tersus.errors import InvalidInput
from tersus.eval.runs import RunBusy, RunMismatch, read_spec
from tersus.eval.runs.journal import Journal
from tersus.eval.runs.run import open_run
from tersus.eval.runs.work import work

from . import toys


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.run(tmp_path_factory.mktemp("whole") / "run")


def test_a_run_leaves_every_question_of_every_cell_in_order(whole: Path) -> None:
    records = lines(whole / "results.jsonl")
    cells = [(r["compressor"], r["budget"]) for r in records]
    assert (
        cells.count(("none", "-")) == cells.count(("bm25", "adaptive")) == cells.count(("head", "0.25")) == 30
    )
    assert len(records) == len(lines(whole / "timings.jsonl")) == 4 * 30
    full = [r for r in records if r["compressor"] == "none"]
    assert all(r["tokens_before"] == r["tokens_after"] and r["scores"]["answer_recall"] == 1 for r in full)
    head = [r for r in records if r["compressor"] == "head"]
    assert all(r["tokens_after"] <= 0.25 * r["tokens_before"] for r in head)


def test_results_hold_no_times_and_say_on_what_they_were_made(whole: Path) -> None:
    assert "seconds" not in (whole / "results.jsonl").read_text(encoding="utf-8")
    state = json.loads((whole / "run.json").read_text(encoding="utf-8"))
    assert state["identity"]["spec"] == toys.spec().hash == toys.spec(name="another").hash
    assert state["identity"]["spec"] != toys.spec(seed=1).hash
    assert state["environment"]["torch"]
    assert state["environment"]["threads"] == 1
    assert set(state["identity"]["fingerprints"]) == {"none", "bm25", "head"}


def test_a_worker_is_killed_then_the_run_and_it_comes_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = toys.start(folder, workers=2)
    journal = folder / "journal.jsonl"

    def wait_for(units: int) -> None:
        while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < units):
            time.sleep(0.005)

    wait_for(1)
    workers = _workers(process.pid)
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    wait_for(9)  # more than were done: what the dead worker had is done again
    workers = _workers(process.pid)
    assert workers
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    while any(_lives(worker) for worker in workers):
        assert time.monotonic() < deadline, "the workers of a killed run live on"
        time.sleep(0.05)
    assert not (folder / "results.jsonl").exists()
    with journal.open("ab") as file:
        file.write(b'{"unit": "cut o')  # what a kill in the midst of a write leaves
    toys.run(folder)
    assert (folder / "results.jsonl").read_bytes() == (whole / "results.jsonl").read_bytes()


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _workers(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if int(stat[1]) == parent and b"spawn_main" in command:
                found.append(int(folder.name))
    return found


def test_another_description_is_not_mixed_in(whole: Path) -> None:
    with pytest.raises(RunMismatch, match="other spec"), open_run(whole, toys.spec(seed=7)):
        pass
    with pytest.raises(RunMismatch, match="threads"), open_run(whole, toys.spec(), threads=2):
        pass


def test_two_processes_do_not_work_on_one_folder(tmp_path: Path) -> None:
    with (
        FileLock(tmp_path / "run.lock"),
        pytest.raises(RunBusy, match="another process"),
        open_run(tmp_path, toys.spec()),
    ):
        pass


def test_what_cannot_be_run_is_said_before_it_starts(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no reader"), open_run(tmp_path, toys.spec(readers=("gpt",))):
        pass
    with pytest.raises(InvalidInput, match="no budget"):
        read_spec(None, datasets=["d"], compressors=["none"], budgets=["much"])
    twice = tmp_path / "twice.jsonl"
    line = toys.QUESTIONS.read_text(encoding="utf-8").splitlines()[0]
    twice.write_text(f"{line}\n{line}\n", encoding="utf-8")
    with (
        pytest.raises(InvalidInput, match="two questions"),
        open_run(tmp_path, toys.spec(datasets=(str(twice),))),
    ):
        pass


def test_a_compressor_that_fails_is_data_with_its_traceback(tmp_path: Path) -> None:
    description = toys.spec(compressors=('bm25:k1="x"',), budgets=("0.25",), readers=("oracle",), limit=2)
    with open_run(tmp_path, description) as opened:
        (unit,) = opened.units
        found = work(tmp_path, description, unit)
    for record in found["records"]:
        assert record["failure"]["error"].startswith("TypeError")
        assert "_bm25" in record["failure"]["traceback"]
        assert record["scores"]["answer_recall"] == record["scores"]["support_recall"] == 0.0
        assert record["readers"]["oracle"]["scores"]["f1"] == 0.0
        assert record["tokens_after"] == record["tokens_before"] > 100


def test_a_unit_whose_worker_dies_each_time_is_told_apart_from_the_others(tmp_path: Path) -> None:
    from tersus.eval.runs.plan import Unit
    from tersus.eval.runs.workers import WorkerLost, Workers

    units = [Unit("d", "c", start, start + 1) for start in range(3)]
    with Workers(tmp_path, toys.spec(), 2, 1) as workers:
        found = {unit.start: result for unit, result in workers.map(_die_on_one, units)}
    assert isinstance(found.pop(1), WorkerLost)
    assert found == {0: 0, 2: 2}


def test_a_pool_that_broke_before_the_next_unit_was_given_to_it_is_made_anew(tmp_path: Path) -> None:
    from tersus.eval.runs.plan import Unit
    from tersus.eval.runs.workers import Workers

    units = [Unit("d", "c", start, start + 1) for start in range(9)]
    with Workers(tmp_path, toys.spec(), 1, 1) as workers:
        found = []
        for unit, result in workers.map(_start_of, units):
            found.append((unit.start, result))
            if len(found) in (1, 9):  # with units under way, and with none left
                _break(workers)
    assert sorted(found) == [(start, start) for start in range(9)]


def _start_of(_folder: Path, _spec: Any, unit: Any) -> int:
    return int(unit.start)


def _break(workers: Any) -> None:
    """Kill every worker, and wait until the pool has seen it."""
    for process in list(workers._pool._processes.values()):
        process.kill()
    deadline = time.monotonic() + 30
    while not workers._pool._broken:
        assert time.monotonic() < deadline, "the pool does not see that its workers died"
        time.sleep(0.01)


def _die_on_one(_folder: Path, _spec: Any, unit: Any) -> int:
    if unit.start == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return int(unit.start)


def test_a_journal_forgets_nothing_but_a_line_cut_off(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append({"unit": "a", "records": ["\ud83d\ude00 \x00"]})
    journal.append({"unit": "b", "records": []})
    content = (tmp_path / "journal.jsonl").read_bytes()
    (tmp_path / "journal.jsonl").write_bytes(content[:-1])
    assert set(journal.read()) == {"a"}
    journal.append({"unit": "b", "records": []})
    assert set(journal.read()) == {"a", "b"}
    assert (tmp_path / "journal.jsonl").read_bytes() == content
