import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tersus.compressors import Budget, CalibrationMissing, Compressor, Passage, load_compressor
from tersus.compressors.auto import AutoCompressor
from tersus.compressors.auto.features import FEATURES, features
from tersus.compressors.auto.policy import Choice, Policy, PolicyDamaged, read_policy

RAIN = [
    Passage("Ulm lies on the Danube. It rained in Ulm for forty days in 1405, says a chronicle. " * 3),
    Passage("Bees dance. They show each other the way to flowers that way, as Karl von Frisch found. " * 3),
]
QUESTION = "How long did it rain in Ulm?"


def policy(price: float = 0.0, first: float = 0.0) -> Policy:
    """Two choices: exit at ratio 0.5 keeps half, none keeps all; none wins with many tokens."""
    success = np.zeros((2, len(FEATURES) + 1))
    success[1, 0] = 1.0
    success[0, -1] = first
    kept = np.zeros((2, len(FEATURES) + 1))
    kept[:, -1] = (0.5, 1.0)
    means = np.full(len(FEATURES), 3.0)
    return Policy((Choice("exit", 0.5), Choice("none")), means, np.ones(len(FEATURES)), success, kept, price)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=50), st.lists(st.text(max_size=80), max_size=4))
def test_features_are_finite_for_any_text(query: str, texts: list[str]) -> None:
    found = features(query, [Passage(text) for text in texts], 7)
    assert found.shape == (len(FEATURES),)
    assert np.isfinite(found).all()


def test_features_say_what_their_names_say() -> None:
    found = dict(zip(FEATURES, features("Is Ulm older than Rome?", RAIN, 100), strict=True))
    assert found["log tokens"] == pytest.approx(math.log(101))
    assert found["log passages"] == pytest.approx(math.log(3))
    assert found["log sentences"] == pytest.approx(math.log(13))
    assert found["capitalised query words"] == pytest.approx(2 / 5)
    assert found["comparing words"] == 2  # older, than
    assert found["overlapping passages"] == 0.5
    assert found["redundancy"] == pytest.approx(1)  # every sentence stands there three times
    assert found["structured share"] == 0
    plain = dict(zip(FEATURES, features("Ulm?", [Passage("Ulm is old.\n\n```\nx = 1\n```")], 9), strict=True))
    assert plain["structured share"] == 0.5
    assert plain["redundancy"] == 0


def test_a_policy_weighs_success_against_what_is_kept() -> None:
    x = np.full(len(FEATURES), 3.0)
    assert policy().worth(x).tolist() == [0.5, 0.5]
    assert policy(price=1.0).worth(x).tolist() == [0.0, -0.5]
    x[0] = 4.0  # one scale above the mean
    assert policy().worth(x).tolist() == [0.5, pytest.approx(1 / (1 + math.exp(-1)))]
    assert policy().choose(x) == Choice("none")
    assert policy(price=1.0).choose(x) == Choice("exit", 0.5)


def test_a_policy_file_gives_the_same_choices(tmp_path: Path) -> None:
    written = policy(0.3, first=0.7)
    written.write(tmp_path / "policy.json")
    x = np.random.default_rng(1).normal(size=(20, len(FEATURES)))
    assert np.array_equal(read_policy(tmp_path / "policy.json").worth(x), written.worth(x))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 9},
        {"features": ["other"]},
        {"price": math.nan},
        {"scales": [0.0] * len(FEATURES)},
        {"success": [[0.0]]},
        {"choices": [{"compressor": "exit", "ratio": 7}, {"compressor": "none", "ratio": None}]},
        {"choices": 3},
    ],
)
def test_a_damaged_policy_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "policy.json"
    policy().write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(PolicyDamaged, match=r"policy\.json"):
        AutoCompressor(policy=path).compress(QUESTION, RAIN)


def test_a_policy_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyDamaged):
        AutoCompressor(policy=tmp_path / "none.json").compress(QUESTION, RAIN)


@pytest.mark.parametrize(
    ("query", "passages", "budget", "chosen"),
    [
        (QUESTION, RAIN, Budget(), "exit"),
        (QUESTION, RAIN, Budget(ratio=0.3), "exit"),
        (QUESTION, [Passage("It rained.")], Budget(), "none"),
    ],
)
def test_what_the_rules_choose_does_what_the_choice_does_alone(
    query: str, passages: list[Passage], budget: Budget, chosen: str
) -> None:
    found = AutoCompressor().compress(query, passages, budget)
    alone = load_compressor(chosen).compress(query, passages, budget)
    assert found.text == alone.text
    assert found.passages == alone.passages
    assert found.reason is not None
    assert found.reason.startswith(f"auto chose {chosen} ({budget})")
    assert found.compressor == "auto"


def test_a_policy_chooses_the_budget_of_each_question_unless_one_is_given(tmp_path: Path) -> None:
    policy(price=1.0).write(tmp_path / "policy.json")
    auto: Compressor = AutoCompressor(policy=tmp_path / "policy.json")
    both = auto.compress_batch([QUESTION, QUESTION], [RAIN, RAIN[:1]])
    assert [one.text for one in both] == [
        load_compressor("exit").compress(QUESTION, given, Budget(ratio=0.5)).text
        for given in (RAIN, RAIN[:1])
    ]
    held = auto.compress(QUESTION, RAIN, Budget(max_tokens=30))
    assert held.tokens_after <= 30
    assert held.reason is not None
    assert "exit (max_tokens=30)" in held.reason


def test_without_a_question_what_is_said_stays() -> None:
    found = AutoCompressor().compress("", RAIN, Budget(ratio=1))
    assert found.kept == 1


def test_a_risk_is_refused() -> None:
    with pytest.raises(CalibrationMissing):
        AutoCompressor().compress(QUESTION, RAIN, Budget(risk=0.05))
