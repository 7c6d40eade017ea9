"""Calibrations: stored for a collection or for any, found by compressor and risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...compressors import Calibration
from .tables import CalibrationRow, Collection

__all__ = ["CalibrationRepository", "StoredCalibration"]


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    """A calibration and where it came from; ``collection`` is a name, None where it holds for any."""

    calibration: Calibration
    compressor: str
    data: str
    collection: str | None
    created_at: datetime


class CalibrationRepository:
    """Calibrations within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self, calibration: Calibration, compressor: str, data: str, collection: Collection | None = None
    ) -> None:
        """Store a calibration; from now on it counts for its collection (None: any), compressor and risk.

        Raises `InvalidInput` for NaN and infinity, `DatabaseError` for a risk outside 0..1.
        """
        self._session.add(
            CalibrationRow(
                collection_id=None if collection is None else collection.id,
                compressor=compressor,
                fingerprint=calibration.fingerprint,
                threshold=calibration.threshold,
                risk=calibration.risk,
                size=calibration.size,
                calibrated_on=calibration.date,
                data=data,
            )
        )
        self._session.flush()

    def find(
        self, fingerprint: str, risk: float, collection: Collection | None = None
    ) -> StoredCalibration | None:
        """The newest calibration with the largest risk up to ``risk``: what promises less, promises it too.

        Only those made for ``collection``, or with None those that hold for any, and only those of the
        compressor that ``fingerprint`` names.
        """
        place = CalibrationRow.collection_id
        statement = (
            select(CalibrationRow)
            .where(CalibrationRow.fingerprint == fingerprint, CalibrationRow.risk <= risk)
            .where(place.is_(None) if collection is None else place == collection.id)
            .order_by(CalibrationRow.risk.desc(), CalibrationRow.id.desc())
            .limit(1)
        )
        row = self._session.scalar(statement)
        return None if row is None else _stored(row, collection.name if collection else None)

    def list(self) -> Sequence[StoredCalibration]:
        """Those that count, newest first; what a newer one replaced is left out."""
        statement = (
            select(CalibrationRow, Collection.name)
            .outerjoin(Collection, Collection.id == CalibrationRow.collection_id)
            .order_by(CalibrationRow.id.desc())
        )
        found: dict[tuple[object, ...], StoredCalibration] = {}
        for row, name in self._session.execute(statement):
            found.setdefault((row.collection_id, row.fingerprint, row.risk), _stored(row, name))
        return list(found.values())


def _stored(row: CalibrationRow, collection: str | None) -> StoredCalibration:
    calibration = Calibration(row.fingerprint, row.threshold, row.risk, row.size, row.calibrated_on)
    return StoredCalibration(calibration, row.compressor, row.data, collection, row.created_at)
