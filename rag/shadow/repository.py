"""Comparisons and back-offs in SQL; all processes see the same."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..ledger.shadow_table import ShadowCheck, ShadowState
from ..ledger.types import utc_now
from .agreement import Agreement, lower_bound

__all__ = ["ShadowKey", "ShadowRepository", "Standing"]

_WINDOW = 500  # the newest comparisons: what was long ago need not hold today


@dataclass(frozen=True, slots=True)
class ShadowKey:
    """What comparisons are gathered for; ``asked`` is the budget's text form."""

    collection: str
    compressor: str
    asked: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands: ``step`` 0 is the budget asked for; ``mean`` and ``bound`` None with too few checks."""

    key: ShadowKey
    step: int
    since: datetime | None
    reason: str | None
    checks: int
    mean: float | None
    bound: float | None


class ShadowRepository:
    """Within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def step(self, key: ShadowKey) -> tuple[int, str | None]:
        """How far this has backed off, and why."""
        state = self._state(key)
        return (state.step, state.reason) if state else (0, None)

    def spent(self, since: datetime) -> int:
        """Tokens of the comparisons since then."""
        statement = select(func.sum(ShadowCheck.tokens)).where(ShadowCheck.created_at >= since)
        return int(self._session.scalar(statement) or 0)

    def add(self, query_id: str, key: ShadowKey, step: int, found: Agreement, tokens: int) -> None:
        """Record a comparison of an answer that was given ``step`` steps from what was asked."""
        self._session.add(
            ShadowCheck(
                id=uuid.uuid4().hex, query_id=query_id, collection=key.collection, compressor=key.compressor,
                asked=key.asked, step=step, f1=found.f1, cosine=found.cosine, tokens=tokens,
            )
        )  # fmt: skip
        self._session.flush()

    def decide(
        self, key: ShadowKey, steps: int, *, least: int, limit: float, confidence: float
    ) -> tuple[int, str] | None:
        """Back off, recover, or neither (None); the new step and the reason.

        Back off where ``least`` comparisons at the present step say, with ``confidence``, no more than
        that agreement might be below ``limit``: their lower bound is. Recover where the lower bound of
        those at the step before is not. Only comparisons since the last change count.
        """
        state = self._state(key, lock=True)
        step = state.step if state else 0
        since = state.since if state else None
        now = self._values(key, step, since)
        if step < steps - 1 and len(now) >= least:
            bound = lower_bound(now, confidence)
            if bound < limit:
                return self._move(key, state, step + 1, now, bound, f"below {limit:g}")
        tighter = self._values(key, step - 1, since) if step else []
        if len(tighter) >= least:
            bound = lower_bound(tighter, confidence)
            if bound >= limit:
                return self._move(key, state, step - 1, tighter, bound, f"not below {limit:g}")
        return None

    def standings(self, confidence: float, collections: Sequence[str] | None = None) -> list[Standing]:
        """Everything that was ever compared or changed, by collection, compressor and budget."""
        columns = (ShadowCheck.collection, ShadowCheck.compressor, ShadowCheck.asked)
        keys = {ShadowKey(*row) for row in self._session.execute(select(*columns).distinct())}
        states = {
            ShadowKey(state.collection, state.compressor, state.asked): state
            for state in self._session.scalars(select(ShadowState))
        }
        found = []
        for key in sorted(keys | states.keys(), key=lambda k: (k.collection, k.compressor, k.asked)):
            if collections is not None and key.collection not in collections:
                continue
            state = states.get(key)
            step = state.step if state else 0
            values = self._values(key, step, state.since if state else None)
            enough = len(values) > 1
            found.append(
                Standing(
                    key, step, state.since if state else None, state.reason if state else None, len(values),
                    fmean(values) if values else None, lower_bound(values, confidence) if enough else None,
                )
            )  # fmt: skip
        return found

    def _state(self, key: ShadowKey, *, lock: bool = False) -> ShadowState | None:
        statement = select(ShadowState).where(
            ShadowState.collection == key.collection,
            ShadowState.compressor == key.compressor,
            ShadowState.asked == key.asked,
        )
        if lock:
            statement = statement.with_for_update()
        return self._session.scalar(statement.execution_options(populate_existing=True))

    def _values(self, key: ShadowKey, step: int, since: datetime | None) -> list[float]:
        statement = select(ShadowCheck.f1, ShadowCheck.cosine).where(
            ShadowCheck.collection == key.collection,
            ShadowCheck.compressor == key.compressor,
            ShadowCheck.asked == key.asked,
            ShadowCheck.step == step,
        )
        if since is not None:
            statement = statement.where(ShadowCheck.created_at >= since)
        newest = statement.order_by(ShadowCheck.created_at.desc()).limit(_WINDOW)
        return [Agreement(row.f1, row.cosine).value for row in self._session.execute(newest)]

    def _move(
        self,
        key: ShadowKey,
        state: ShadowState | None,
        step: int,
        values: Sequence[float],
        bound: float,
        how: str,
    ) -> tuple[int, str]:
        reason = (
            f"agreement with the full context is {fmean(values):.2f} over {len(values)} checks, "
            f"its lower bound {bound:.2f} is {how}"
        )
        if state is None:
            state = ShadowState(collection=key.collection, compressor=key.compressor, asked=key.asked)
            self._session.add(state)
        state.step, state.since, state.reason = step, utc_now(), reason
        self._session.flush()
        return step, reason
