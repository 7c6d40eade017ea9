"""What a vector store cannot do, or cannot take."""

from __future__ import annotations

from ...errors import InvalidInput

__all__ = ["InvalidNode", "UnsupportedQuery"]


class InvalidNode(InvalidInput):
    """A node that cannot be stored as it is. Nothing of its batch was stored."""

    code = "invalid_node"


class UnsupportedQuery(InvalidInput):
    """A kind of query or of filter that this vector store does not know."""

    code = "unsupported_query"
