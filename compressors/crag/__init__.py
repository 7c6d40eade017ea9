"""Clustered retrieval-augmented generation: like sentences together, each group said once."""

from __future__ import annotations

from .cluster import Clusterer, Clusters, cluster
from .compressor import CragCompressor
from .summary import CragSummaryCompressor

__all__ = ["Clusterer", "Clusters", "CragCompressor", "CragSummaryCompressor", "cluster"]
