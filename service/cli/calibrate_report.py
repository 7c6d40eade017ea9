"""What a calibration came to, and which are stored: as JSON-ready values, and for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .figures import share
from .output import dot, one_line, stderr, stdout
from .tables import print_table

if TYPE_CHECKING:
    from ...compressors import Calibration
    from ...eval.calibrate import CalibrationSet
    from ...rag.ledger import StoredCalibration

__all__ = ["describe", "print_report", "print_stored", "progress_bar", "stored_dict"]

_BASIS = {"marked": "marked answer", "string": "answer's words", "supporting": "supporting sentence"}
_LEFT_OUT = {"unanswerable": "unanswerable", "not_in_passages": "without an answer in their passages"}


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, where that is a terminal; what is yielded advances it by one."""
    console = stderr()
    if not console.is_terminal:
        yield lambda: None
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=None),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def describe(scored: CalibrationSet, calibrations: Sequence[Calibration], *, check: bool) -> dict[str, Any]:
    """The calibrations, what they were found on, and with ``check`` the resampled losses."""
    from ...compressors.calibration_json import calibration_dict

    return {
        "compressor": scored.compressor,
        "fingerprint": scored.fingerprint,
        "questions": scored.size,
        "basis": dict(scored.basis),
        "left_out": dict(scored.left_out),
        "calibrations": [
            {
                **calibration_dict(one),
                "kept_text": scored.kept_text(one.threshold),
                "check": _check(scored, one.risk) if check else None,
            }
            for one in calibrations
        ],
    }


def _check(scored: CalibrationSet, risk: float) -> dict[str, Any]:
    from ...eval.conformal import RiskTooSmall
    from ...eval.resample import resample

    try:
        result = resample(scored.critical, risk)
    except RiskTooSmall as error:
        return {"verdict": "not possible", "problem": str(error)}
    return {**asdict(result), "verdict": result.verdict}


def print_report(report: Mapping[str, Any]) -> None:
    """Thresholds, what the promise rests on, and where it is stored."""
    console = stdout()
    checked = any(one["check"] for one in report["calibrations"])
    numbers = ["Risk", "Threshold", "Text kept", *(["Mean loss", "\u00b1"] if checked else [])]
    rows = []
    for one in report["calibrations"]:
        row = [f"{one['risk']:g}", f"{one['threshold']:.6g}", share(one["kept_text"])]
        if checked:
            known = "mean" in one["check"]
            row += [f"{one['check'][key]:.4f}" if known else "" for key in ("mean", "standard_error")]
            row.append(one["check"]["verdict"])
        rows.append(row)
    print_table(console, [*numbers, *(["Check"] if checked else [])], rows, numbers=numbers)
    counts = [f"{count:,} by {_BASIS[key]}" for key, count in report["basis"].items()]
    console.print(
        f"{one_line(report['compressor'])} on {one_line(report['data'])}: {report['questions']:,} questions "
        f"({', '.join(counts)})",
        style="dim",
        soft_wrap=True,
    )
    for key, count in report["left_out"].items():
        if count:
            console.print(f"{count:,} left out: {_LEFT_OUT[key]}", style="dim")
    for one in report["calibrations"]:
        if checked and "problem" in one["check"]:
            console.print(f"no check of risk {one['risk']:g}: {one['check']['problem']}", style="dim")
    if report["out"]:
        console.print(f"written to {one_line(report['out'])}", soft_wrap=True)
        return
    place = report["collection"]
    whose = "any collection" if place is None else f"collection {one_line(place)}"
    use = f"tersus query '...' --collection {place or 'NAME'} --risk {report['calibrations'][0]['risk']:g}"
    console.print(f"stored for {whose}{dot(console)}{one_line(use)}", soft_wrap=True)


def stored_dict(stored: StoredCalibration) -> dict[str, Any]:
    """A stored calibration as JSON-ready values; ``collection`` is null where it holds for any."""
    from ...compressors.calibration_json import calibration_dict

    return {
        "collection": stored.collection,
        "compressor": stored.compressor,
        "data": stored.data,
        **calibration_dict(stored.calibration),
        "created_at": stored.created_at.isoformat(),
    }


def print_stored(found: Sequence[Mapping[str, Any]]) -> None:
    """The stored calibrations as a table."""
    console = stdout()
    if not found:
        console.print("No calibrations are stored.")
        console.print("Make one: tersus calibrate --data FILE --risk 0.05", style="dim")
        return
    rows = [
        [
            "(any)" if one["collection"] is None else one_line(one["collection"]),
            one_line(one["fingerprint"]),
            f"{one['risk']:g}",
            f"{one['threshold']:.6g}",
            f"{one['size']:,}",
            one_line(one["data"]),
            one["date"],
        ]
        for one in found
    ]
    columns = ["Collection", "Compressor", "Risk", "Threshold", "Questions", "Data", "Date"]
    print_table(
        console, columns, rows,
        numbers=["Risk", "Threshold", "Questions"], fold=["Collection", "Compressor", "Data"],
    )  # fmt: skip
