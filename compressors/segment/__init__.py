"""Segmentation of text into units that are kept or dropped whole.

>>> [segment.kind for segment in split("# Pi\\n\\nIt is 3.14. So Mr. Jones said.")]
['heading', 'sentence', 'sentence']
"""

from __future__ import annotations

from .split import split
from .types import Segment

__all__ = ["Segment", "split"]
