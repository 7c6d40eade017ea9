"""Targets met or missed, and the tables, from figures made by hand."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from tersus.eval.index_bench.kind import Measured, Speed
from tersus.eval.index_bench.peer import PeerMeasured, PeerSpeed
from tersus.eval.index_bench.run import Report, Row
from tersus.eval.index_bench.show import kind_lines, peer_lines, print_report
from tersus.eval.index_bench.verdicts import verdicts


def row(kind: str, *, recall: float = 0.96, grown: int | None = 1000, ratio: float | None = 0.95, times: float = 31.0) -> Row:  # fmt: skip  # noqa: E501
    """A row of 10 vectors in 4 dimensions."""
    given: dict[str, Any] = {
        "spec": kind,
        "kind": kind,
        "count": 10,
        "dimension": 4,
        "options": {},
        "effort": None if kind == "flat" else 48,
        "build_seconds": {"prepare": 1.0, "add": 2.0, "finish": 0.5},
        "bytes_by_part": {"ids": 170, "vectors": 160},
        "recall": recall,
        "speeds": [Speed(1, 1234.0, 1300.0, ratio, 40.0, times), Speed(2, 2000.0, None, None, 80.0, 25.0)],
        "seconds_p50": 0.001,
        "seconds_p99": 0.002,
        "added_a_second": 5000.0,
        "removed_a_second": 70000.0,
        "save_seconds": 0.25,
        "snapshot_bytes": 3_000_000,
    }
    return Row(Measured(**given), 0.5, grown)


def met(rows: Iterable[Row]) -> list[tuple[str, bool]]:
    return [(verdict.value, verdict.met) for verdict in verdicts(list(rows), 32)]


def test_all_targets_met() -> None:
    assert met([row("flat", grown=1600), row("hnsw"), row("ivf-pq", grown=400, recall=0.90)]) == [
        ("31.0x (hnsw, recall 0.960, threads 1)", True),
        ("0.950 at least (flat, threads 1)", True),
        ("25.0% (40 bytes), recall 0.900", True),
    ]


@pytest.mark.parametrize(
    ("rows", "missed"),
    [
        ([row("hnsw", times=29.9)], 0),
        ([row("hnsw", recall=0.949)], 0),
        ([row("hnsw"), row("ivf-flat", ratio=0.899)], 1),
        ([row("hnsw"), row("flat", grown=1600), row("ivf-pq", grown=401)], 2),
        ([row("hnsw"), row("flat", grown=16_000), row("ivf-pq", grown=401, recall=0.899)], 2),
        ([row("hnsw"), row("ivf-pq", grown=None)], 2),  # by parts 330 of 160
    ],
)
def test_a_target_just_missed(rows: list[Row], missed: int) -> None:
    assert [number for number, (_, good) in enumerate(met(rows)) if not good] == [missed]


def test_a_flat_index_is_not_held_against_exact_search() -> None:
    assert [verdict.target for verdict in verdicts([row("flat", times=99.0)], 32)] == [
        "our QPS by bare FAISS's, same structure and parameters: ≥ 0.9"
    ]


def test_targets_are_for_batches_of_32_and_for_each_count() -> None:
    rows = [row("hnsw")]
    assert verdicts(rows, 8) == []
    assert len(verdicts(rows, 32)) == 2


def test_a_kind_of_others_has_no_bare_ratio() -> None:
    assert [value for value, _ in met([row("other", ratio=None)])] == [
        "31.0x (other, recall 0.960, threads 1)"
    ]


def test_rows_come_back_from_json() -> None:
    one = row("ivf-pq", grown=None)
    assert Row.of(one.as_dict()) == one


def test_lines_of_kinds() -> None:
    head, line = kind_lines([row("ivf-pq")])
    assert dict(zip(head, line, strict=False)) | {"÷ bare": "", "x exact": ""} == {
        "kind": "ivf-pq",
        "vectors": "10",
        "effort": "48",
        "recall": "0.960",
        "build s": "1.0 + 2.0 + 0.5",
        "bytes a vector": "33 / 100",
        "QPS, 1 thr.": "1,234",
        "÷ bare": "",
        "x exact": "",
        "QPS, 2 thr.": "2,000",
        "p50 / p99 ms": "1.00 / 2.00",
        "add /s": "5,000",
        "remove /s": "70,000",
        "snapshot": "3 MB, 0.2 / 0.5 s",
    }
    assert line[7:9] == ["0.950", "31.0"]
    assert line[10:12] == ["–", "25.0"]


def test_everything_is_printed() -> None:
    peer = PeerMeasured(
        "hnswlib", 10, 4, 16, 100, 3.5, 1760, 40, 0.95, 0.96, [PeerSpeed(1, 900.0, 1000.0, 1.11)]
    )
    assert peer_lines([peer])[1] == ["hnswlib", "10", "40", "0.950", "0.960", "3.5", "176", "900", "1.11"]
    out = StringIO()
    report = Report([row("hnsw", times=29.0)], [peer], [("usearch, 10x4", "[not_installed] it is not here")])
    print_report(Console(file=out, width=220), report, verdicts(report.rows, 32))
    shown = out.getvalue()
    for text in ("Index kinds", "hnswlib", "missed", "skipped usearch, 10x4: [not_installed] it is not here"):
        assert text in shown


def test_nothing_measured_is_no_table() -> None:
    out = StringIO()
    print_report(Console(file=out), Report([], [], []), [])
    assert out.getvalue() == ""
