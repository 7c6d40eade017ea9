"""Summaries of a collection's clusters: stored, read and replaced group by group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ...errors import InvalidInput, TersusError
from .tables import (
    Chunk,
    Collection,
    Crag,
    CragCluster,
    CragGroup,
    CragMember,
    CragSentence,
    Document,
    Vector,
)

__all__ = ["ChunkRow", "CragChanged", "CragRepository", "StoredCluster", "StoredGroup", "UnknownCrag"]


class UnknownCrag(InvalidInput):
    """The collection has no summaries, none by this field, or no group of this name."""

    code = "unknown_crag"


class CragChanged(TersusError):
    """Another build changed the group meanwhile; what it wrote stays."""

    code = "crag_changed"


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk as it is clustered; ``meta`` are its document's fields and its own, ``document`` (path or URI)
    and ``folder`` among them."""

    id: int
    title: str
    text: str
    vector: bytes
    meta: dict[str, object]


@dataclass(frozen=True, slots=True)
class StoredCluster:
    """``members`` map the ids of chunks that are still there to whether they were clustered from the start;
    ``sentences`` are pairs of text and the content hashes it came from."""

    centroid: bytes
    members: dict[int, bool]
    key: str | None
    tokens: int
    fallback: str | None
    sentences: tuple[tuple[str, tuple[str, ...]], ...]
    id: int = 0


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A group with its clusters. ``asked`` and ``size``: how many clusters were asked for when it was last
    clustered anew, and the chunks it had then."""

    label: str
    asked: int | None
    size: int
    silhouette: float | None
    revision: int
    clusters: tuple[StoredCluster, ...]


class CragRepository:
    """Corpus-level CRAG within the caller's transaction; nothing here commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, collection: Collection, group_by: str) -> Crag | None:
        """The build by this field; None before the first."""
        found = select(Crag).where(Crag.collection_id == collection.id, Crag.group_by == group_by)
        return self._session.scalar(found)

    def require(self, collection: Collection, group_by: str | None = None) -> Crag:
        """The build by this field, or the only one.

        Raises:
            UnknownCrag: there is none, or several and no field says which.
        """
        found = select(Crag).where(Crag.collection_id == collection.id).order_by(Crag.group_by)
        crags = list(self._session.scalars(found))
        chosen = [crag for crag in crags if group_by is None or crag.group_by == group_by]
        if len(chosen) == 1:
            return chosen[0]
        if not chosen:
            by = f" by {group_by!r}" if group_by else ""
            raise UnknownCrag(
                f"collection {collection.name!r} has no summaries{by}",
                hint=f"tersus crag build --collection {collection.name}",
            )
        fields = ", ".join(repr(crag.group_by) for crag in crags)
        raise UnknownCrag(
            f"collection {collection.name!r} is summarised by several fields: {fields}",
            hint="say which with --group-by",
        )

    def add(self, crag: Crag) -> Crag:
        """Store a new build."""
        self._session.add(crag)
        self._session.flush()
        return crag

    def labels(self, crag: Crag) -> list[str]:
        """The groups' names in order."""
        return list(
            self._session.scalars(
                select(CragGroup.label).where(CragGroup.crag_id == crag.id).order_by("label")
            )
        )

    def group(self, crag: Crag, label: str) -> StoredGroup | None:
        """One group with everything in it."""
        row = self._group(crag, label)
        if row is None:
            return None
        clusters = self._session.scalars(
            select(CragCluster).where(CragCluster.group_id == row.id).order_by(CragCluster.id)
        )
        found = tuple(self._cluster(one) for one in clusters)
        return StoredGroup(row.label, row.clusters, row.size, row.silhouette, row.revision, found)

    def centroids(self, crag: Crag, label: str | None = None) -> list[tuple[int, str, bytes]]:
        """Id, group and centroid of every cluster that has a summary; of one group alone with ``label``."""
        found = (
            select(CragCluster.id, CragGroup.label, CragCluster.centroid)
            .join(CragGroup, CragGroup.id == CragCluster.group_id)
            .where(CragGroup.crag_id == crag.id, CragCluster.summary_tokens > 0)
            .order_by(CragGroup.label, CragCluster.id)
        )
        if label is not None:
            found = found.where(CragGroup.label_hash == _hash(label))
        return [(number, name, centroid) for number, name, centroid in self._session.execute(found)]

    def clusters(self, ids: Sequence[int]) -> dict[int, StoredCluster]:
        """Clusters by their ids; those that are gone are left out."""
        rows = self._session.scalars(select(CragCluster).where(CragCluster.id.in_(list(ids))))
        return {row.id: self._cluster(row) for row in rows}

    def texts(self, ids: Sequence[int]) -> list[tuple[int, str, str]]:
        """Id, title and text of chunks."""
        found = []
        for some in _parts(ids):
            rows = self._session.execute(select(Chunk.id, Chunk.title, Chunk.text).where(Chunk.id.in_(some)))
            found += [(number, title, text) for number, title, text in rows]
        return found

    def replace(self, crag: Crag, group: StoredGroup) -> None:
        """Put a group in the place of the one of its name. Members whose chunks are gone are left out.

        Raises:
            CragChanged: the stored revision is not ``group.revision``, so that somebody else was faster.
        """
        row = self._group(crag, group.label)
        if (row.revision if row else 0) != group.revision:
            raise CragChanged(f"another build changed the group {group.label!r}", hint="build again")
        if row is None:
            row = CragGroup(crag_id=crag.id, label=group.label, label_hash=_hash(group.label), size=1)
            self._session.add(row)
        row.clusters, row.size = group.asked, group.size
        row.silhouette, row.revision = group.silhouette, group.revision + 1
        self._session.flush()
        self._session.execute(delete(CragCluster).where(CragCluster.group_id == row.id))
        for cluster in group.clusters:
            self._insert(row.id, cluster)

    def drop_groups(self, crag: Crag, labels: Iterable[str]) -> None:
        """Forget groups that no document belongs to any more."""
        for label in labels:
            self._session.execute(
                delete(CragGroup).where(CragGroup.crag_id == crag.id, CragGroup.label_hash == _hash(label))
            )

    def chunks(self, collection: Collection) -> list[ChunkRow]:
        """All chunks of a collection with vectors and fields, by id."""
        found = (
            select(
                Chunk.id,
                Chunk.title,
                Chunk.text,
                Vector.data,
                Document.external_id,
                Document.meta,
                Chunk.meta,
            )
            .join(Vector, Vector.chunk_id == Chunk.id)
            .join(Document, Document.id == Chunk.document_id)
            .where(Chunk.collection_id == collection.id)
            .order_by(Chunk.id)
        )
        return [
            ChunkRow(number, title, text, data, {**_place(name), **(outer or {}), **(inner or {})})
            for number, title, text, data, name, outer, inner in self._session.execute(found)
        ]

    def _group(self, crag: Crag, label: str) -> CragGroup | None:
        found = select(CragGroup).where(CragGroup.crag_id == crag.id, CragGroup.label_hash == _hash(label))
        return self._session.scalar(found)

    def _cluster(self, row: CragCluster) -> StoredCluster:
        members = self._session.execute(
            select(CragMember.chunk_id, CragMember.founder).where(CragMember.cluster_id == row.id)
        )
        sentences = self._session.scalars(
            select(CragSentence).where(CragSentence.cluster_id == row.id).order_by(CragSentence.position)
        )
        return StoredCluster(
            row.centroid,
            {member.chunk_id: member.founder for member in members},
            row.summary_key,
            row.summary_tokens or 0,
            row.fallback,
            tuple((s.text, tuple(s.sources)) for s in sentences),
            row.id,
        )

    def _insert(self, group_id: int, cluster: StoredCluster) -> None:
        there = self._there(list(cluster.members))
        row = CragCluster(
            group_id=group_id,
            centroid=cluster.centroid,
            summary_key=cluster.key,
            summary_tokens=cluster.tokens,
            fallback=cluster.fallback,
        )
        self._session.add(row)
        self._session.flush()
        self._session.add_all(
            CragMember(cluster_id=row.id, chunk_id=chunk_id, founder=founder)
            for chunk_id, founder in cluster.members.items()
            if chunk_id in there
        )
        self._session.add_all(
            CragSentence(cluster_id=row.id, position=number, text=text, sources=list(sources))
            for number, (text, sources) in enumerate(cluster.sentences)
        )
        self._session.flush()

    def _there(self, ids: Sequence[int]) -> set[int]:
        found: set[int] = set()
        for some in _parts(ids):
            found.update(self._session.scalars(select(Chunk.id).where(Chunk.id.in_(some))))
        return found


def _hash(label: str) -> str:
    return hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    # Databases take so many parameters in a statement and no more.
    for start in range(0, len(ids), 500):
        yield ids[start : start + 500]


def _place(external_id: str) -> dict[str, object]:
    return {"document": external_id, "folder": external_id.rpartition("/")[0]}
