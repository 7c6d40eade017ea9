"""Weights on disk: what is written is read again, and what does not fit is refused by name."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest
import torch
from tersus.compressors import Calibration, Passage
from tersus.compressors.calibration_json import calibration_dict
from tersus.compressors.exit import ExitCompressor
from tersus.compressors.exit.settings import read_settings, set_threshold
from tersus.compressors.exit.weights import new_exit_model, save_exit_model
from tersus.compressors.models.store import ModelUnusable
from tersus.errors import InvalidInput

TEXT = "The tower was built in 1887. It is white. Gulls nest on it."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model; what is tested here holds whatever the weights are."""
    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("weights")
    save_exit_model(new_exit_model(), made, encoder="minilm", threshold=0.25, trained="not at all")
    return made


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "copy"))


def scores(compressor: ExitCompressor) -> list[float]:
    return [span.score for spans in compressor.score("Who built it?", [Passage(text=TEXT)]) for span in spans]


def test_what_was_saved_scores_as_before_within_half_precision(tmp_path: Path) -> None:
    from tersus.compressors.exit.reading import read

    torch.manual_seed(1)
    model = new_exit_model()
    model.encoder.eval()
    model.head.eval()
    reading = read(model.tokenizer, "Who built it?", [Passage(text=TEXT)])
    before = model.score([reading])[0].sentences
    save_exit_model(model, tmp_path, encoder="minilm", threshold=0.25, trained="no")
    after = scores(ExitCompressor(tmp_path, precision="float32"))
    assert after == pytest.approx(before.tolist(), abs=2e-3)
    assert len(set(after)) == 3


def test_a_query_scores_alike_alone_and_beside_others(folder: Path) -> None:
    compressor = ExitCompressor(folder, precision="float32")
    queries = ["Who built it?", "What nests there, and since when has it been nesting there?"]
    passages = [
        [Passage(text=TEXT), Passage(text="A ferry calls. " * 60)],
        [Passage(text=TEXT, title="Tower")],
    ]
    together = compressor.score_batch(queries, passages)
    for query, given, found in zip(queries, passages, together, strict=True):
        alone = compressor.score(query, given)
        assert [s.score for p in found for s in p] == pytest.approx(
            [s.score for p in alone for s in p], abs=1e-5
        )


def test_the_second_hop_changes_scores_and_not_their_places(folder: Path) -> None:
    given = [Passage(text=TEXT), Passage(text="A ferry calls on Tuesdays. It is red.")]
    one, two = (ExitCompressor(folder, hops=h).score("Who built it?", given) for h in (1, 2))
    places = [[(s.start, s.end) for s in spans] for spans in one]
    assert places == [[(s.start, s.end) for s in spans] for spans in two]
    assert [s.score for spans in one for s in spans] != [s.score for spans in two for s in spans]


def test_reranking_gives_each_passage_a_probability(folder: Path) -> None:
    given = [Passage(text=TEXT), Passage(text=""), Passage(text="A ferry calls.")]
    found = ExitCompressor(folder).rerank("Who built it?", given)
    assert len(found) == 3
    assert all(0 <= score <= 1 for score in found)
    assert found[1] == 0


def test_the_threshold_can_change_without_the_fingerprint(folder: Path, tmp_path: Path) -> None:
    mine = copy(folder, tmp_path)
    before = ExitCompressor(mine)
    assert before.threshold == 0.25
    set_threshold(mine, 0.5)
    after = ExitCompressor(mine)
    assert after.threshold == 0.5
    assert ExitCompressor(mine, threshold=0.75).threshold == 0.75
    assert after.fingerprint == before.fingerprint
    assert ExitCompressor(mine, hops=1).fingerprint != after.fingerprint


def test_calibrations_beside_the_weights_are_found_and_damage_is_named(folder: Path, tmp_path: Path) -> None:
    mine = copy(folder, tmp_path)
    assert list(ExitCompressor(mine).shipped_calibrations) == []
    one = Calibration("exit:x", 0.125, 0.05, 100, date(2026, 1, 2))
    (mine / "calibrations.json").write_text(json.dumps({"calibrations": [calibration_dict(one)]}))
    assert list(ExitCompressor(mine).shipped_calibrations) == [one]
    (mine / "calibrations.json").write_text("{")
    with pytest.raises(ModelUnusable, match=r"calibrations\.json"):
        _ = ExitCompressor(mine).shipped_calibrations


def test_folders_that_hold_no_usable_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="holds no weights of exit"):
        scores(ExitCompressor(tmp_path))
    mine = copy(folder, tmp_path)
    (mine / "exit.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelUnusable, match="cannot be used"):
        scores(ExitCompressor(mine))


def test_weights_of_another_encoder_are_refused(folder: Path, tmp_path: Path) -> None:
    mine = copy(folder, tmp_path)
    values = json.loads((mine / "exit.json").read_text())
    (mine / "exit.json").write_text(json.dumps(values | {"embeddings": "0" * 16}))
    with pytest.raises(ModelUnusable, match="not the one"):
        scores(ExitCompressor(mine))
    (mine / "exit.json").write_text(json.dumps(values | {"head": {"unknown": 1}}))
    with pytest.raises(ModelUnusable, match="describes no head"):
        scores(ExitCompressor(mine))
    (mine / "exit.json").write_text(json.dumps(values | {"threshold": "high"}))
    with pytest.raises(ModelUnusable, match="could not convert"):
        read_settings(mine)


def test_impossible_options_are_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="hops must be 1 or 2"):
        ExitCompressor(folder, hops=3)
    with pytest.raises(InvalidInput, match="no number format"):
        scores(ExitCompressor(folder, precision="int3"))
    with pytest.raises(InvalidInput, match="no device"):
        scores(ExitCompressor(folder, device="abacus"))
