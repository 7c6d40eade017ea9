"""The figures as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .peer import PeerMeasured
from .run import Report, Row
from .verdicts import Verdict

__all__ = ["kind_lines", "peer_lines", "print_report"]

_NONE = "–"
_CAPTION = (
    "build: seconds to prepare (k-means, codebooks), add, finish. bytes a vector: parts added up / grown in\n"
    "a fresh process by loading. ÷ bare: our QPS by that of FAISS alone, same structure and parameters;\n"
    "x exact: by that of FAISS through all vectors; arms in turns, medians. p50, p99: one query\n"
    "alone, one thread. add, remove: vectors a second after the build, 500 at a time. snapshot: MB, seconds\n"
    "to save / load."
)


def print_report(console: Console, report: Report, judged: Sequence[Verdict]) -> None:
    """Tables of kinds, peers and targets, and what was skipped."""
    for title, lines, caption in (
        ("Index kinds", kind_lines(report.rows), _CAPTION),
        ("Peers at the same recall as hnsw, with as many neighbours and the same build effort",
         peer_lines(report.peers), "ours ÷ peer: queries a second, in turns in one process, medians"),
        ("Targets", _target_lines(judged), ""),
    ):  # fmt: skip
        if len(lines) == 1:
            continue
        table = Table(title=title, caption=caption, caption_justify="left")
        for number, name in enumerate(lines[0]):
            table.add_column(escape(name), justify="right" if number else "left")
        for line in lines[1:]:
            table.add_row(*map(escape, line))
        console.print(table)
    for what, why in report.skipped:
        console.print(f"skipped {escape(what)}: {escape(why)}", highlight=False, soft_wrap=True)


def kind_lines(rows: Sequence[Row]) -> list[list[str]]:
    """A line a kind and count; the first is the header."""
    numbers = list(dict.fromkeys(speed.threads for row in rows for speed in row.measured.speeds))
    head = ["kind", "vectors", "effort", "recall", "build s", "bytes a vector"]
    for number in numbers:
        head += [f"QPS, {number} thr.", "÷ bare", "x exact"]
    lines = [[*head, "p50 / p99 ms", "add /s", "remove /s", "snapshot"]]
    for row in rows:
        it = row.measured
        parts = sum(it.bytes_by_part.values()) / it.count
        grown = _NONE if row.grown is None else f"{row.grown / it.count:,.0f}"
        line = [
            it.spec,
            f"{it.count:,}",
            _NONE if it.effort is None else str(it.effort),
            f"{it.recall:.3f}",
            " + ".join(f"{seconds:.1f}" for seconds in it.build_seconds.values()),
            f"{parts:,.0f} / {grown}",
        ]
        by_threads = {speed.threads: speed for speed in it.speeds}
        for number in numbers:
            speed = by_threads[number]
            ratio = _NONE if speed.ratio is None else f"{speed.ratio:.3f}"
            line += [f"{speed.queries_a_second:,.0f}", ratio, f"{speed.times_exact:.1f}"]
        line += [
            f"{1000 * it.seconds_p50:.2f} / {1000 * it.seconds_p99:.2f}",
            f"{it.added_a_second:,.0f}",
            f"{it.removed_a_second:,.0f}",
            f"{it.snapshot_bytes / 1e6:,.0f} MB, {it.save_seconds:.1f} / {row.load_seconds:.1f} s",
        ]
        lines.append(line)
    return lines


def peer_lines(peers: Sequence[PeerMeasured]) -> list[list[str]]:
    """A line a peer and count; the first is the header."""
    numbers = list(dict.fromkeys(speed.threads for peer in peers for speed in peer.speeds))
    head = ["peer", "vectors", "effort", "recall", "ours", "build s", "bytes a vector"]
    lines = [head + [name for number in numbers for name in (f"QPS, {number} thr.", "ours ÷ peer")]]
    for peer in peers:
        by_threads = {speed.threads: speed for speed in peer.speeds}
        speeds = [
            cell
            for number in numbers
            for cell in (f"{by_threads[number].queries_a_second:,.0f}", f"{by_threads[number].ratio:.2f}")
        ]
        lines.append(
            [
                peer.name,
                f"{peer.count:,}",
                str(peer.effort),
                f"{peer.recall:.3f}",
                f"{peer.our_recall:.3f}",
                f"{peer.build_seconds:.1f}",
                _NONE if peer.grown is None else f"{peer.grown / peer.count:,.0f}",
                *speeds,
            ]
        )
    return lines


def _target_lines(judged: Sequence[Verdict]) -> list[list[str]]:
    lines = [["target", "vectors", "measured", "met"]]
    return lines + [[v.target, f"{v.count:,}", v.value, "met" if v.met else "missed"] for v in judged]
