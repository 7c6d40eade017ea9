"""The loss against its formula, and a run that stops and goes on."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tersus.compressors.exit.network import Judgement
from tersus.eval.exit.batch import Judged
from tersus.eval.exit.contexts import Sampling
from tersus.eval.exit.losses import evidence_loss
from tersus.eval.exit.recipe import Recipe
from tersus.eval.exit.training import CheckpointUnusable, Progress, train

from .test_contexts import questions

RECIPE = Recipe(epochs=2, step_tokens=200, plan={"farm": Sampling(1.0, own=(1, 2))})


def test_the_loss_is_that_of_its_formula() -> None:
    joint, local, window = [0.7, -1.2, 0.4, 9.0], [0.1, 0.2, -0.3, 5.0], 0.6
    labels = [1, 0, 0, -1]
    judged = Judged(
        Judgement(torch.tensor([local]), torch.tensor([joint])),
        torch.tensor([[True, True, True, True]]),
        torch.tensor([labels]),
        torch.tensor([window]),
        torch.tensor([1.0]),
    )

    def nll(logit: float, needed: int) -> float:
        return math.log1p(math.exp(-logit if needed else logit))

    def part(logits: list[float]) -> float:
        binary = (2 * nll(logits[0], 1) + nll(logits[1], 0) + nll(logits[2], 0)) / 4
        total = sum(math.exp(x) for x in logits[:3])
        return binary + 0.5 * -math.log(math.exp(logits[0]) / total)

    expected = part(joint) + 0.5 * part(local) + 0.5 * nll(window, 1)
    assert float(evidence_loss(judged)) == pytest.approx(expected, rel=1e-5)


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.step == 3:
            raise Stopped

    whole = train(questions(), RECIPE, tmp_path / "whole", half=False)
    with pytest.raises(Stopped):
        train(questions(), RECIPE, tmp_path / "parts", half=False, save_every=2, report=stop)
    steps: list[int] = []
    again = train(
        questions(),
        RECIPE,
        tmp_path / "parts",
        half=False,
        resume=True,
        report=lambda p: steps.append(p.step),
    )
    assert steps[0] == 3
    for name, tensor in whole.head.state_dict().items():
        torch.testing.assert_close(again.head.state_dict()[name], tensor, atol=1e-5, rtol=1e-4)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    short = Recipe(epochs=0.5, step_tokens=200, plan=RECIPE.plan)
    train(questions(), short, tmp_path, half=False)
    with pytest.raises(CheckpointUnusable, match="another recipe"):
        train(questions(), RECIPE, tmp_path, half=False, resume=True)
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(CheckpointUnusable, match="cannot be read"):
        train(questions(), RECIPE, tmp_path, half=False, resume=True)
