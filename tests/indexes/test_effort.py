"""An effort that reaches what can be reached, and no more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tersus.indexes.effort import least_effort

TRUE = np.arange(1000).reshape(100, 10)


def test_where_codes_lose_neighbours_the_effort_does_not_run_to_its_end() -> None:
    asked: list[int] = []

    def search(effort: int) -> NDArray[np.int64]:
        """Nine of ten from an effort of 8 on; of one query the ninth only by 900."""
        asked.append(effort)
        found = np.where(np.arange(10) < min(effort, 9), TRUE, -1)
        found[0, 8] = TRUE[0, 8] if effort >= 900 else -1
        return found

    efforts = [2, 4, 8, 16, 100, 500, 900, 1000]
    assert least_effort(search, TRUE, efforts, 0.99) == 16  # recall 0.899; at 1000 it is 0.9
    assert len(asked) <= 8
    assert least_effort(search, TRUE, efforts, 0.9) == 900  # it can be reached, so it is
    assert least_effort(search, TRUE, [3], 0.9) == 3
