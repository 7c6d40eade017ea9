"""All kinds and peers at all counts, each in a process of its own; a run in the same folder goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import TersusError
from .apart import ApartFailed, apart
from .kind import Disagrees, Measured, Speed, measure
from .material import Material
from .memory import load_alone
from .peer import PeerMeasured, PeerSpeed, measure_peer

__all__ = ["Report", "Row", "Settings", "run", "run_kind", "run_peer"]

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is measured. batch: queries asked at once; rounds: over all batches, at most; seconds: after
    which no more turns are begun; limit: seconds after which a process is ended."""

    batch: int = 32
    threads: tuple[int, ...] = (1, 2)
    rounds: int = 5
    seconds: float = 20.0
    limit: float = 3600.0

    def given(self) -> tuple[Any, ...]:
        """As the processes take them."""
        return self.batch, self.threads, self.rounds, self.seconds


@dataclass(frozen=True, slots=True)
class Row:
    """A kind's figures, and those of its snapshot in a fresh process: seconds to load, bytes grown."""

    measured: Measured
    load_seconds: float
    grown: int | None

    @property
    def bytes_a_vector(self) -> float:
        """By what the process grew, else by the sum of the parts."""
        whole = self.grown if self.grown is not None else sum(self.measured.bytes_by_part.values())
        return whole / self.measured.count

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**self.measured.as_dict(), "load_seconds": self.load_seconds, "grown": self.grown}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Row:
        """From :meth:`as_dict`."""
        fields = dict(values)
        load, grown = fields.pop("load_seconds"), fields.pop("grown")
        fields["speeds"] = [Speed(**speed) for speed in fields["speeds"]]
        return cls(Measured(**fields), load, grown)


@dataclass(slots=True)
class Report:
    """What was measured, and what could not be, by name and with the reason."""

    rows: list[Row]
    peers: list[PeerMeasured]
    skipped: list[tuple[str, str]]


def run_kind(
    spec: tuple[str, str, Mapping[str, Any]], material: Material, settings: Settings, say: Say
) -> Row:
    """One kind: measured, loaded in another process, and kept in the material's folder.

    Raises:
        ApartFailed: a process failed or took too long.
        Disagrees: the loaded index finds other neighbours than the saved one.
    """
    kept = material.folder / f"{_name('kind', spec, settings)}.json"
    if kept.is_file():
        return Row.of(json.loads(kept.read_text(encoding="utf-8")))
    snapshot = _snapshot(spec, material)
    measured, found = apart(
        measure, spec, material, snapshot, *settings.given(), tell=say, limit=settings.limit
    )
    asked = np.asarray(material.load("asked"))
    loaded = apart(load_alone, snapshot, asked, material.k, tell=say, limit=settings.limit)
    if not np.array_equal(loaded.found, found):
        raise Disagrees(
            f"{spec[0]}: loaded from its snapshot it finds other neighbours", hint="a bug of Tersus"
        )
    row = Row(measured, loaded.seconds, loaded.grown)
    kept.write_text(json.dumps(row.as_dict()), encoding="utf-8")
    if measured.kind != "hnsw":  # that one is what peers are compared with
        snapshot.unlink()
    return row


def run_peer(
    name: str, ours: tuple[str, str, Mapping[str, Any]], material: Material, settings: Settings, say: Say
) -> PeerMeasured:
    """One peer beside our ``hnsw`` of the spec ``ours``, which must have been measured before; kept likewise.

    Raises:
        ApartFailed: the process failed or took too long, or the library is missing.
    """
    kept = material.folder / f"{_name(name, ours, settings)}.json"
    if kept.is_file():
        values = json.loads(kept.read_text(encoding="utf-8"))
        return PeerMeasured(**{**values, "speeds": [PeerSpeed(**speed) for speed in values["speeds"]]})
    found: PeerMeasured = apart(
        measure_peer,
        name,
        material,
        _snapshot(ours, material),
        *settings.given(),
        tell=say,
        limit=settings.limit,
    )
    kept.write_text(json.dumps(found.as_dict()), encoding="utf-8")
    return found


def run(
    specs: Sequence[tuple[str, str, Mapping[str, Any]]],
    peers: Sequence[str],
    materials: Sequence[Material],
    settings: Settings,
    say: Say,
    done: Callable[[], None],
) -> Report:
    """Everything; what fails is told in the report and costs nothing else its figures."""
    report = Report([], [], [])
    graph = next((spec for spec in specs if spec[1] == "hnsw"), None)
    for material in materials:
        for spec in specs:
            with _told(report, f"{spec[0]}, {material.folder.name}"):
                report.rows.append(run_kind(spec, material, settings, _named(spec[0], say)))
            done()
        for name in peers:
            with _told(report, f"{name}, {material.folder.name}"):
                if graph is None:
                    raise ApartFailed("peers are compared with hnsw", hint="add hnsw to --kinds")
                report.peers.append(run_peer(name, graph, material, settings, _named(name, say)))
            done()
    return report


@contextmanager
def _told(report: Report, what: str) -> Iterator[None]:
    """Errors go into the report."""
    try:
        yield
    except TersusError as error:
        report.skipped.append((what, str(error)))


def _named(name: str, say: Say) -> Say:
    return lambda stage: say(f"{name}: {stage}")


def _snapshot(spec: tuple[str, str, Mapping[str, Any]], material: Material) -> Path:
    return material.folder / f"{spec[1]}-{_digest(spec[0])}.tersus"


def _name(who: str, spec: tuple[str, str, Mapping[str, Any]], settings: Settings) -> str:
    return f"{who}-{spec[1]}-{_digest(spec[0], *settings.given())}"


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
