"""What summaries there are, for people and machines."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from ..ledger import ClusteringRepository, CollectionRepository, Database
from ..ledger.crags import CragRepository, StoredCluster, UnknownCrag
from ..ledger.tables import Collection, Crag
from .groups import CLUSTER
from .plan import content_hash

__all__ = ["describe_crag"]


def describe_crag(
    database: Database, collection: str, group_by: str | None = None, label: str | None = None
) -> dict[str, Any]:
    """The build by a field and its groups, JSON-ready; with ``label`` that group alone, summaries in full.

    ``stale``: documents, or the clusters it groups by, have changed since the newest finished build. A
    sentence's ``sources`` are ids of chunks; one that is gone is left out.

    Raises:
        UnknownCollection, UnknownCrag: there is no such build or group.
    """
    with database.session() as session:
        row = CollectionRepository(session).require(collection)
        repository = CragRepository(session)
        crag = repository.require(row, group_by)
        labels = repository.labels(crag) if label is None else [label]
        groups = [(name, repository.group(crag, name)) for name in labels]
        if label is not None and groups[0][1] is None:
            raise UnknownCrag(f"there is no group {label!r}", hint="tersus crag show lists them")
        ids: dict[str, int] = {}
        if label is not None:
            members = [i for _, group in groups if group for one in group.clusters for i in one.members]
            ids = {content_hash(title, text): number for number, title, text in repository.texts(members)}
        return {
            "collection": collection,
            "group_by": crag.group_by,
            "summariser": crag.summariser,
            "clusters_asked": crag.clusters,
            "max_tokens": crag.max_tokens,
            "stale": crag.sequence != row.sequence or _regrouped(session, row, crag),
            "overhead_tokens": crag.overhead_tokens,
            "groups": [
                {
                    "group": name,
                    "passages": sum(len(one.members) for one in group.clusters),
                    "clusters": len(group.clusters),
                    "tokens": sum(one.tokens for one in group.clusters),
                    "silhouette": group.silhouette,
                    **(
                        {"summaries": [_cluster(one, ids) for one in group.clusters]}
                        if label is not None
                        else {}
                    ),
                }
                for name, group in groups
                if group is not None
            ],
        }


def _regrouped(session: Session, collection: Collection, crag: Crag) -> bool:
    """Whether the clusters that a build groups by were themselves built anew since."""
    clustering = ClusteringRepository(session).get(collection) if crag.group_by == CLUSTER else None
    return clustering is not None and clustering.created_at > crag.updated_at


def _cluster(cluster: StoredCluster, ids: dict[str, int]) -> dict[str, Any]:
    return {
        "id": cluster.id,
        "passages": len(cluster.members),
        "tokens": cluster.tokens,
        "fallback": cluster.fallback,
        "sentences": [
            {"text": text, "sources": [ids[source] for source in sources if source in ids]}
            for text, sources in cluster.sentences
        ],
    }
