"""Build and keep up to date the summaries of a collection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from ...compressors import TokenCounter, load_counter
from ...compressors.summarise import Summariser, Summary, SummaryJob, load_summariser
from ...errors import InvalidInput
from ..clusters import clusters_of, ensure_clusters
from ..ledger import ClusteringRepository, CollectionRepository, Database
from ..ledger.crags import ChunkRow, CragRepository, StoredCluster, StoredGroup
from ..ledger.tables import Collection, Crag
from ..ledger.types import utc_now
from ..retrieve import EmptyCollection
from .groups import CLUSTER, by_cluster, grouped
from .plan import Planned, content_hash, plan_clusters, summary_key

__all__ = ["BuildReport", "build_crag"]


@dataclass(slots=True)
class BuildReport:
    """What a build did. ``summarised`` clusters were summarised now, ``reused`` had not changed;
    ``fallbacks`` of the former got the extractive summary. ``tokens_used``: of a language model.
    """

    collection: str
    group_by: str
    groups: int = 0
    clusters: int = 0
    passages: int = 0
    summarised: int = 0
    reused: int = 0
    fallbacks: int = 0
    groups_removed: int = 0
    tokens_used: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def build_crag(
    database: Database,
    collection: str,
    group_by: str = "",
    *,
    clusters: int | None = None,
    max_tokens: int = 96,
    summariser: str | Summariser = "extractive",
    counter: TokenCounter | None = None,
    seed: int = 0,
    advance: Callable[[int, int], None] = lambda _done, _total: None,
) -> BuildReport:
    """Group a collection's passages by a field, cluster every group and summarise every cluster.

    CRAG (Akesson & Santos, 2024, arXiv:2406.00029), its summaries stored with the passages they come
    from. A cluster whose passages, summariser and size are what they were keeps its summary. Every
    group is written in a transaction of its own: a build that is killed leaves each as it was or as it
    should be, and the next one goes on.

    Args:
        database: the ledger.
        collection: whose passages.
        group_by: a field of the documents; one group of all where empty; ``cluster``: the collection's
            clusters, which are built where there are none and else brought up to date.
        clusters: in each group; None lets the silhouette choose, but leaves a collection's clusters whole.
        max_tokens: most tokens of one cluster's summary.
        summariser: a name (see ``load_summariser``) or an instance.
        counter: counts the tokens; cl100k by default.
        seed: of k-means.
        advance: told after each group how many are done, and of how many.

    Raises:
        UnknownCollection, EmptyCollection, UnknownField: there is nothing to group.
        InvalidInput: a number below 1.
        CragChanged: another build changed a group meanwhile.
    """
    for name, value in (("clusters", clusters), ("max_tokens", max_tokens)):
        if value is not None and value < 1:
            raise InvalidInput(f"{name} must be at least 1, not {value}")
    started = time.perf_counter()
    writer = load_summariser(summariser)
    report = BuildReport(collection, group_by)
    if group_by == CLUSTER:
        ensure_clusters(database, collection, seed=seed)
        clusters = clusters or 1
    with database.session() as session:
        row = CollectionRepository(session).require(collection)
        chunks = CragRepository(session).chunks(row)
        dimension, sequence = row.dimension, row.sequence
        numbers, clustering = None, None
        if group_by == CLUSTER:
            numbers = clusters_of(session, row, [one.id for one in chunks])
            clustering = ClusteringRepository(session).require(row).id
    if not chunks:
        raise EmptyCollection(
            f"collection {collection!r} is empty", hint=f"tersus ingest PATH --collection {collection}"
        )
    groups = grouped(chunks, group_by) if numbers is None else by_cluster(chunks, numbers)
    _begin(database, collection, group_by, clusters, max_tokens, writer)
    for number, (label, members) in enumerate(groups.items(), start=1):
        with database.session() as session:
            repository = CragRepository(session)
            crag = repository.require(CollectionRepository(session).require(collection), group_by)
            stored = repository.group(crag, label)
        planned, size, silhouette = plan_clusters(
            members, stored, clusters=clusters, dimension=dimension, seed=seed
        )
        spent = report.tokens_used
        made = _summarised(planned, stored, writer, max_tokens, counter or load_counter(), report)
        revision = stored.revision if stored else 0
        group = StoredGroup(label, clusters, size, silhouette, revision, tuple(made))
        if stored is None or not _same(stored, group):
            with database.session(write=True) as session:
                repository = CragRepository(session)
                row = _locked(session, collection)
                crag = repository.require(row, group_by)
                repository.replace(crag, group)
                crag.overhead_tokens += report.tokens_used - spent
        report.groups += 1
        report.clusters += len(made)
        report.passages += len(members)
        advance(number, len(groups))
    _end(database, collection, group_by, set(groups), sequence, clustering, report)
    report.seconds = time.perf_counter() - started
    return report


def _locked(session: Session, collection: str) -> Collection:
    """The collection, until the transaction ends for this build alone."""
    repository = CollectionRepository(session)
    return repository.lock(repository.require(collection))


def _begin(
    database: Database,
    collection: str,
    group_by: str,
    clusters: int | None,
    max_tokens: int,
    writer: Summariser,
) -> None:
    """Note the settings."""
    with database.session(write=True) as session:
        row = _locked(session, collection)
        repository = CragRepository(session)
        crag = repository.get(row, group_by)
        if crag is None:
            crag = Crag(collection_id=row.id, group_by=group_by, max_tokens=1, summariser="", fingerprint="")
            crag.overhead_tokens = 0
            repository.add(crag)
        crag.clusters, crag.max_tokens = clusters, max_tokens
        crag.summariser, crag.fingerprint = writer.name, writer.fingerprint


def _end(
    database: Database,
    collection: str,
    group_by: str,
    labels: set[str],
    sequence: int,
    clustering: int | None,
    report: BuildReport,
) -> None:
    with database.session(write=True) as session:
        repository, row = CragRepository(session), _locked(session, collection)
        crag = repository.require(row, group_by)
        gone = set(repository.labels(crag)) - labels
        repository.drop_groups(crag, gone)
        report.groups_removed = len(gone)
        now = ClusteringRepository(session).get(row)
        # Grouped by clusters that are no more: it was stale before it was finished.
        crag.sequence = sequence if clustering in (None, now and now.id) else None
        crag.updated_at = utc_now()


def _summarised(
    planned: list[Planned],
    stored: StoredGroup | None,
    writer: Summariser,
    max_tokens: int,
    counter: TokenCounter,
    report: BuildReport,
) -> list[StoredCluster]:
    known = {one.key: one for one in stored.clusters if one.key} if stored else {}
    keys = [summary_key(one.chunks, writer.fingerprint, max_tokens) for one in planned]
    todo = [one for one, key in zip(planned, keys, strict=True) if key not in known]
    jobs = [SummaryJob([c.text for c in one.chunks], "", max_tokens, counter) for one in todo]
    written = iter(writer.summarise(jobs) if jobs else [])
    made = []
    for one, key in zip(planned, keys, strict=True):
        members = {chunk.id: chunk.id in one.founders for chunk in one.chunks}
        if before := known.get(key):
            report.reused += 1
            made.append(
                StoredCluster(one.centroid, members, key, before.tokens, before.fallback, before.sentences)
            )
            continue
        summary = next(written)
        report.summarised += 1
        report.tokens_used += summary.tokens_used
        report.fallbacks += summary.fallback is not None
        made.append(
            StoredCluster(
                one.centroid,
                members,
                key,
                counter(summary.text),
                summary.fallback,
                _sentences(summary, one.chunks),
            )
        )
    return made


def _sentences(summary: Summary, chunks: tuple[ChunkRow, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (s.text, tuple(content_hash(chunks[n].title, chunks[n].text) for n in s.sources))
        for s in summary.sentences
    )


def _same(stored: StoredGroup, group: StoredGroup) -> bool:
    def facts(one: StoredGroup) -> object:
        return one.asked, one.size, [(c.centroid, c.members, c.key) for c in one.clusters]

    return facts(stored) == facts(group)
