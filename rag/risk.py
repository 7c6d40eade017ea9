"""From a risk to a threshold: the one place where ``Budget(risk=0.05)`` meets a calibration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..compressors import Budget, Calibration, CalibrationMissing, Compressor, ExtractiveCompressor
from .failopen import Context

if TYPE_CHECKING:
    from .ledger import Database, StoredCalibration
    from .settings import Settings

__all__ = ["Resolved", "resolve_budget"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A budget that a compressor can keep, and in words which calibration it rests on."""

    budget: Budget
    note: str | None = None

    def noted(self, context: Context) -> Context:
        """The context with the calibration named in its reason."""
        if self.note is None:
            return context
        return replace(context, reason="; ".join(part for part in (context.reason, self.note) if part))


def resolve_budget(
    budget: Budget,
    compressor: Compressor,
    settings: Settings,
    *,
    database: Database | None = None,
    collection: str | None = None,
) -> Resolved:
    """Put a :class:`Calibration` in the place of a risk that is a number; other budgets stay as they are.

    Looked for in this order, each time for this very compressor and its weights, and with the largest
    risk up to the one asked for: those stored for ``collection``, those stored for any collection, those
    shipped with the compressor.

    Args:
        database: where they are stored; the settings' one, if it is there, where None (nothing is made).

    Raises:
        CalibrationMissing: there is none, or the one given was made for another compressor.
        UnknownCollection: no collection has that name.
    """
    risk = budget.risk
    if risk is None or not isinstance(compressor, ExtractiveCompressor):
        return Resolved(budget)  # a compressor without scores has no threshold, and answers for itself
    if isinstance(risk, Calibration):
        if risk.fingerprint != compressor.fingerprint:
            raise CalibrationMissing(
                f"the calibration was made for {risk.fingerprint!r}, this is {compressor.fingerprint!r}",
                hint=_command(compressor, risk.risk, collection),
            )
        return Resolved(budget)
    from .ledger import CalibrationRepository, CollectionRepository

    fingerprint = compressor.fingerprint
    others: list[StoredCalibration] = []
    with _stored_in(database, settings) as source:
        if source is not None:
            with source.session() as session:
                repository = CalibrationRepository(session)
                found = None
                if collection is not None:
                    found = repository.find(
                        fingerprint, risk, CollectionRepository(session).require(collection)
                    )
                found = found or repository.find(fingerprint, risk)
                if found is not None:
                    return Resolved(Budget(risk=found.calibration), _note(found, risk))
                others = [one for one in repository.list() if one.compressor == compressor.name]
    ours = [one for one in compressor.shipped_calibrations if one.fingerprint == fingerprint]
    if able := [one for one in ours if one.risk <= risk]:
        best = max(able, key=lambda one: (one.risk, one.date))
        return Resolved(
            Budget(risk=best), _words(f"the calibration shipped with {compressor.name}", best, risk)
        )
    raise _missing(compressor, risk, collection, ours, others)


@contextmanager
def _stored_in(database: Database | None, settings: Settings) -> Iterator[Database | None]:
    """The database given; else the settings' one, unless it is a file that is not there yet."""
    if database is not None:
        yield database
        return
    from .ledger import Database, schema
    from .ledger.address import parse_address, sqlite_path

    address = settings.resolved_database_url
    file = sqlite_path(parse_address(address))
    if file is not None and not file.exists():
        yield None
        return
    opened = Database(address)
    try:
        schema.ready(opened, embedded=settings.embedded)
        yield opened
    finally:
        opened.close()


def _note(found: StoredCalibration, asked: float) -> str:
    whose = "any collection" if found.collection is None else f"collection {found.collection}"
    return _words(f"the calibration for {whose} on {found.data}", found.calibration, asked)


def _words(which: str, used: Calibration, asked: float) -> str:
    stricter = f", which promises risk={used.risk:g}" if used.risk != asked else ""
    return (
        f"risk={asked:g} by {which}{stricter}: threshold {used.threshold:.4g}, "
        f"{used.size} questions, {used.date.isoformat()}"
    )


def _missing(
    compressor: ExtractiveCompressor,
    risk: float,
    collection: str | None,
    shipped: list[Calibration],
    stored: list[StoredCalibration],
) -> CalibrationMissing:
    """Say what there is instead: a larger risk, or one for other weights."""
    fitting = [one for one in stored if one.calibration.fingerprint == compressor.fingerprint]
    risks = [one.risk for one in shipped]
    risks += [one.calibration.risk for one in fitting if one.collection in (None, collection)]
    why = ""
    if risks:
        why = f"; the smallest that is promised is {min(risks):g}"
    elif fitting:
        names = sorted({one.collection for one in fitting if one.collection is not None})
        why = f"; there is one for {', '.join(names)} only"
    elif stored:
        why = (
            f"; those stored were made for {stored[0].calibration.fingerprint!r}, not for its present weights"
        )
    return CalibrationMissing(
        f"no calibration of {compressor.name} promises a risk of {risk:g}{why}",
        hint=_command(compressor, risk, collection),
    )


def _command(compressor: Compressor, risk: float, collection: str | None) -> str:
    place = f" --collection {collection}" if collection else ""
    return f"make one: tersus calibrate --data FILE --risk {risk:g} --compressor {compressor.name}{place}"
