"""A run from its description to its results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...errors import InvalidInput, NotInstalled
from ..bench_options import load
from ..sources import load_questions
from .environment import environment
from .errors import RunBusy, RunMismatch
from .journal import Journal, write_whole
from .plan import Unit, plan
from .questions import write_questions
from .readers import load_reader
from .scoring import METRICS
from .spec import RunSpec
from .work import lost, pilot, work
from .workers import WorkerLost, Workers

__all__ = ["Progress", "Run", "open_run"]

Progress = Callable[[int, int], None]
"""Told how many questions are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder, ready to work. ``sizes``: questions a data set; ``skipped``: what cannot take part."""

    folder: Path
    spec: RunSpec
    sizes: dict[str, int]
    skipped: dict[str, str]
    workers: int
    threads: int

    @property
    def units(self) -> list[Unit]:
        """All units in their order."""
        return plan(self.spec, self.sizes)

    def waiting(self) -> list[Unit]:
        """The units that are not done yet."""
        done = Journal(self.folder / "journal.jsonl").read()
        return [unit for unit in self.units if unit.key not in done]

    def estimate(self) -> dict[str, float]:
        """Seconds that what is left of each compressor will take, from one question of each data set."""
        left = self.waiting()
        firsts = {(unit.dataset, unit.compressor): unit for unit in reversed(left)}
        found: dict[str, float] = {}
        with Workers(self.folder, self.spec, self.workers, self.threads) as workers:
            for unit, seconds in workers.map(pilot, list(firsts.values())):
                if isinstance(seconds, BaseException):
                    continue  # it will be said, and recorded, when it is its turn
                questions = sum(
                    u.stop - u.start
                    for u in left
                    if (u.dataset, u.compressor) == (unit.dataset, unit.compressor)
                )
                found[unit.compressor] = found.get(unit.compressor, 0.0) + seconds * questions / self.workers
        return found

    def execute(self, progress: Progress = lambda _done, _total: None) -> None:
        """Do what is left, each unit on disk as it comes, then write ``results.jsonl`` and ``timings.jsonl``.

        Raises:
            NotInstalled: a model or package is missing.
        """
        journal = Journal(self.folder / "journal.jsonl")
        total = sum(unit.stop - unit.start for unit in self.units)
        left = self.waiting()
        done = total - sum(unit.stop - unit.start for unit in left)
        progress(done, total)
        started, busy = time.perf_counter(), 0.0
        with Workers(self.folder, self.spec, self.workers, self.threads) as workers:
            for unit, found in workers.map(work, left):
                if isinstance(found, WorkerLost):
                    found = lost(self.folder, self.spec, unit, str(found))
                elif isinstance(found, BaseException):
                    raise found
                journal.append(found)
                busy += found["busy"]
                done += unit.stop - unit.start
                progress(done, total)
        self._finish(journal, time.perf_counter() - started, busy if left else None)

    def _finish(self, journal: Journal, seconds: float, busy: float | None) -> None:
        entries = journal.read()
        ordered = [entries[unit.key] for unit in self.units]
        write_whole(self.folder / "results.jsonl", (r for entry in ordered for r in entry["records"]))
        write_whole(self.folder / "timings.jsonl", (t for entry in ordered for t in entry["timings"]))
        if busy is not None:
            state = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
            state["sittings"].append(
                {"seconds": round(seconds, 3), "busy": round(busy, 3), "workers": self.workers}
            )
            write_whole(self.folder / "run.json", [state])


@contextmanager
def open_run(
    folder: Path,
    spec: RunSpec,
    *,
    workers: int = 1,
    threads: int = 1,
    data_dir: Path | None = None,
) -> Iterator[Run]:
    """The run in ``folder``: a new one, or the one that is there, if it is this one.

    Raises:
        RunMismatch: the folder's run has another description, data, weights or scoring code.
        RunBusy: another process works on it.
        DataMissing, DataDamaged, InvalidInput: what a data set or the description lacks.
    """
    for reader in spec.reading:
        load_reader(reader)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "run.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunBusy(f"another process works on {folder}", hint="wait for it, or take --output") from error
    try:
        usable, skipped, prints = _usable(spec)
        found = {
            name: part
            for source in spec.datasets
            for name, part in load_questions(source, spec, data_dir=data_dir).items()
        }
        (folder / "questions").mkdir(exist_ok=True)
        hashes = {
            name: write_questions(folder / "questions" / f"{name}.jsonl.gz", part)
            for name, part in found.items()
        }
        about = environment()
        identity = {
            "spec": spec.hash, "questions": hashes, "fingerprints": prints, "code": about["code"],
            "threads": threads,
        }  # fmt: skip
        sizes = {name: len(part) for name, part in found.items()}
        _identify(folder, identity, spec, about, skipped, sizes)
        yield Run(folder, usable, sizes, skipped, workers, threads)
    finally:
        lock.release()


def _usable(spec: RunSpec) -> tuple[RunSpec, dict[str, str], dict[str, str]]:
    """The description less what is not installed here, why, and the fingerprints of the rest."""
    skipped, prints = {}, {}
    for name in spec.compressors:
        try:
            compressor = load(name)
            prints[name] = str(getattr(compressor, "fingerprint", compressor.name))
        except NotInstalled as missing:
            skipped[name] = str(missing)
    if not prints:
        raise InvalidInput("no compressor can be used", hint="; ".join(skipped.values()))
    left = tuple(name for name in spec.compressors if name in prints)
    return spec.model_copy(update={"compressors": left}), skipped, prints


def _identify(
    folder: Path,
    identity: dict[str, Any],
    spec: RunSpec,
    about: dict[str, Any],
    skipped: dict[str, str],
    sizes: dict[str, int],
) -> None:
    path = folder / "run.json"
    if path.exists():
        there = json.loads(path.read_text(encoding="utf-8"))["identity"]
        if unlike := [key for key, value in identity.items() if there.get(key) != value]:
            raise RunMismatch(
                f"{folder} holds a run with other {', '.join(unlike)}: its scores are not mixed with these",
                hint="take another --output, or remove the folder",
            )
        return
    state = {
        "format": 1,
        "name": spec.name,
        "identity": identity,
        "spec": spec.model_dump(mode="json"),
        "metrics": dict(METRICS),
        "environment": {**about, "threads": identity["threads"]},
        "skipped": skipped,
        "sizes": sizes,
        "sittings": [],
    }
    write_whole(path, [state])
