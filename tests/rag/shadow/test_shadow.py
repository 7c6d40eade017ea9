"""Shadow checks: what is compared, what follows from it, and that no query is harmed by it."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tersus.compressors import Budget
from tersus.rag import Settings
from tersus.rag.ledger import Database
from tersus.rag.pipeline import Pipeline
from tersus.rag.shadow import (
    Agreement,
    Backoff,
    ShadowedPipeline,
    ShadowKey,
    ShadowRepository,
    ladder,
    lower_bound,
)
from tersus.rag.shadow.watcher import chosen

from tests.rag.fakes import FirstSentence, HashedEmbedding, ScriptedLLM, fill, rows, usage
from tests.rag.fakes import pipeline as plain

KEY = ShadowKey("corpus", "first_sentence", "ratio=0.5")
RULE: Any = {"least": 10, "limit": 0.7, "confidence": 0.95}


def test_each_step_is_safer_than_the_one_before() -> None:
    assert [str(step) for step in ladder(Budget())] == ["adaptive", "ratio=0.5", "ratio=0.75", "None"]
    assert [str(step) for step in ladder(Budget(ratio=0.6))] == ["ratio=0.6", "ratio=0.75", "None"]
    assert [str(step) for step in ladder(Budget(ratio=0.9))] == ["ratio=0.9", "None"]


def test_agreement_is_the_mean_of_f1_and_cosine() -> None:
    embedding = HashedEmbedding()
    same = Agreement.of("The moon.", "the Moon", embedding)
    assert same.f1 == 1.0
    assert same.cosine == pytest.approx(1.0)
    assert same.value == pytest.approx(1.0)
    half = Agreement.of("the moon pulls", "the moon", embedding)
    assert half.f1 == pytest.approx(2 / 3)
    # three words and two, two of them the same: 2 / sqrt(3 * 2)
    assert half.cosine == pytest.approx(2 / math.sqrt(6), abs=1e-6)
    assert Agreement(0.5, -0.5).value == 0.25


def test_the_lower_bound_is_that_of_the_normal_approximation() -> None:
    values = [0.0, 1.0] * 20
    # mean 0.5, sample variance 10 / 39, z of 95% 1.6449
    assert lower_bound(values, 0.95) == pytest.approx(0.5 - 1.644854 * math.sqrt(10 / 39 / 40), abs=1e-6)
    assert lower_bound([0.8] * 5, 0.99) == pytest.approx(0.8)


def add(repository: ShadowRepository, value: float, count: int, step: int) -> None:
    for _ in range(count):
        repository.add(uuid.uuid4().hex, KEY, step, Agreement(value, value), 100)


def test_it_backs_off_and_recovers_by_the_same_rule(database: Database) -> None:
    with database.session(write=True) as session:
        repository = ShadowRepository(session)
        add(repository, 0.2, 9, 0)
        assert repository.decide(KEY, 3, **RULE) is None  # too few
        add(repository, 0.2, 1, 0)
        moved = repository.decide(KEY, 3, **RULE)
        assert moved is not None
        assert moved[0] == 1
        assert "0.20 over 10 checks" in moved[1]
        assert repository.step(KEY) == moved
        # What was before the change does not count again.
        assert repository.decide(KEY, 3, **RULE) is None
        add(repository, 0.9, 10, 1)
        assert repository.decide(KEY, 3, **RULE) is None  # it holds here; of the step before nothing is known
        add(repository, 0.9, 10, 0)
        moved = repository.decide(KEY, 3, **RULE)
        assert moved is not None
        assert moved[0] == 0
        add(repository, 0.9, 20, 0)
        assert repository.decide(KEY, 3, **RULE) is None
        (standing,) = repository.standings(0.95)
        assert (standing.key, standing.step, standing.checks) == (KEY, 0, 20)
        assert standing.mean == pytest.approx(0.9)
        assert repository.standings(0.95, ["other"]) == []


def test_it_never_goes_beyond_no_compression(database: Database) -> None:
    with database.session(write=True) as session:
        repository = ShadowRepository(session)
        for step in (0, 1):
            add(repository, 0.0, 10, step)
            assert repository.decide(KEY, 3, **RULE) is not None
        add(repository, 0.0, 10, 2)
        assert repository.decide(KEY, 3, **RULE) is None
        assert repository.step(KEY)[0] == 2


def test_the_share_is_that_of_the_ids_and_can_be_told_again() -> None:
    ids = [uuid.UUID(int=n).hex for n in range(4000)]
    taken = [one for one in ids if chosen(one, 0.25)]
    assert 900 < len(taken) < 1100
    assert set(taken) <= {one for one in ids if chosen(one, 0.5)}
    assert all(chosen(one, 1.0) for one in ids)
    assert not any(chosen(one, 0.0) for one in ids)


@pytest.fixture
def shadowed(database: Database, tmp_path: Path) -> Callable[..., tuple[ShadowedPipeline, ScriptedLLM]]:
    fill(database)

    def make(**values: Any) -> tuple[ShadowedPipeline, ScriptedLLM]:
        settings = Settings(
            home=tmp_path / "home", tokenizer="cl100k", shadow_least=10, **{"shadow_share": 1, **values}
        )
        llm = ScriptedLLM(raw=usage(50, completion=5))
        simple = plain(database, tmp_path, llm)
        made = ShadowedPipeline(
            settings, database, simple._retriever, llm, compressors=lambda _: FirstSentence(),
            backoff=Backoff(settings, database, HashedEmbedding),
        )  # fmt: skip
        return made, llm

    return make


def ask(pipeline: Pipeline, **options: Any) -> Any:
    return pipeline.query(
        "What pulls the sea?",
        "corpus",
        compressor=FirstSentence(),
        budget=Budget(ratio=0.5),
        top_k=3,
        **options,
    )


def by_context(llm: ScriptedLLM) -> None:
    """The full context (which has the second sentences) is answered otherwise than the compressed one."""

    def before() -> None:
        text = str(llm.asked[-1][-1].content)
        whole = any(
            second in text for second in ("The oven must", "Tides follow", "Zinc keeps", "Neap tides")
        )
        llm.answer = "Twice a day, says the table." if whole else "No idea."

    llm.before = before


def test_answers_are_compared_behind_the_query(shadowed: Any, database: Database) -> None:
    pipeline, llm = shadowed()
    result = ask(pipeline)
    pipeline._backoff.settle()
    pipeline._backoff.close()
    assert result.answer == "The moon."
    assert len(llm.asked) == 2
    kinds = {row.kind: row for row in rows(database)}
    assert kinds["query"].id == result.id
    assert (kinds["shadow"].outcome, kinds["shadow"].provider_prompt_tokens) == ("bypassed", 50)
    with database.session() as session:
        (standing,) = ShadowRepository(session).standings(0.95)
    assert standing.checks == 1
    assert standing.mean == pytest.approx(1.0)


def test_disagreement_backs_off_until_nothing_is_compressed_and_says_so(
    shadowed: Any, database: Database
) -> None:
    pipeline, llm = shadowed()
    by_context(llm)
    backoff = pipeline._backoff
    watcher = backoff._watcher  # the comparisons are made here, one by one
    outcomes = []
    seen: list[Any] = []
    backoff._watcher = type("Here", (), {"look": lambda _, *found: seen.append(found)})()
    for _ in range(60):
        seen.clear()
        result = ask(pipeline)
        outcomes.append((result.outcome, result.reason))
        watcher.compare(*seen[0])
        backoff._steps.clear()
    assert outcomes[0][0] == "compressed"
    last = outcomes[-1]
    assert last[0] == "bypassed"
    assert "backed off from ratio=0.5: agreement with the full context is" in str(last[1])
    assert sum(1 for outcome, _ in outcomes if outcome == "compressed") in (20, 30)


def test_the_days_tokens_are_a_limit(shadowed: Any, database: Database) -> None:
    pipeline, _ = shadowed(shadow_tokens=100)
    for _ in range(4):
        ask(pipeline)
    pipeline._backoff.settle()
    pipeline._backoff.close()
    # 55 tokens a check: the second one still begins below 100, the third does not.
    assert sum(1 for row in rows(database) if row.kind == "shadow") == 2


def test_what_fails_behind_a_query_does_not_reach_it(shadowed: Any, database: Database) -> None:
    pipeline, llm = shadowed()
    calls = []

    def before() -> None:
        calls.append(1)
        llm.error = ConnectionError() if len(calls) > 1 else None

    llm.before = before
    assert ask(pipeline).answer == "The moon."
    pipeline._backoff.settle()
    pipeline._backoff.close()
    assert {row.kind: row.outcome for row in rows(database)} == {"query": "compressed", "shadow": "failed"}
    with database.session() as session:
        assert ShadowRepository(session).standings(0.95) == []


def test_without_compression_or_model_nothing_is_compared(shadowed: Any, database: Database) -> None:
    pipeline, _ = shadowed()
    ask(pipeline, compress=False)
    ask(pipeline, context_only=True)
    ask(pipeline, kind="evaluation")
    pipeline._backoff.settle()
    pipeline._backoff.close()
    assert [row.kind for row in rows(database) if row.kind == "shadow"] == []
