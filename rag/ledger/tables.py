"""All tables in one place; importing this module fills ``metadata`` completely."""

from __future__ import annotations

from .base import Base
from .calibration_table import CalibrationRow
from .chat_table import ChatSent
from .cluster_table import ChunkCluster, Cluster, Clustering
from .corpus_tables import Chunk, Collection, Document, Vector
from .crag_table import Crag, CragCluster, CragGroup, CragMember, CragSentence
from .evaluation_table import EvaluationRun
from .idempotency_table import IdempotencyRow
from .job_table import JOB_STATES, JobRow, JobState
from .key_table import ApiKeyRow, KeyReservation, KeyUsage
from .node_table import NodeRow
from .query_table import KINDS, OUTCOMES, Kind, Outcome, Query
from .shadow_table import ShadowCheck, ShadowState

__all__ = [
    "JOB_STATES",
    "KINDS",
    "OUTCOMES",
    "ApiKeyRow",
    "Base",
    "CalibrationRow",
    "ChatSent",
    "Chunk",
    "ChunkCluster",
    "Cluster",
    "Clustering",
    "Collection",
    "Crag",
    "CragCluster",
    "CragGroup",
    "CragMember",
    "CragSentence",
    "Document",
    "EvaluationRun",
    "IdempotencyRow",
    "JobRow",
    "JobState",
    "KeyReservation",
    "KeyUsage",
    "Kind",
    "NodeRow",
    "Outcome",
    "Query",
    "ShadowCheck",
    "ShadowState",
    "Vector",
    "metadata",
]

metadata = Base.metadata
