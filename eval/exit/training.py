"""The training loop of ``exit``: deterministic in its recipe, saved as it goes, resumed where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...compressors.exit.lexical import inverse_frequencies
from ...compressors.exit.scorer import ExitModel
from ...compressors.exit.weights import new_exit_model
from ...errors import TersusError
from .batch import Labelled, batches, judge
from .contexts import Contexts
from .labels import LabelledQuestion
from .losses import evidence_loss
from .recipe import Recipe

__all__ = ["CheckpointUnusable", "Progress", "train"]

CHECKPOINT = "checkpoint.pt"


class CheckpointUnusable(TersusError):
    """A checkpoint is damaged or belongs to another recipe."""

    code = "checkpoint_unusable"


@dataclass(frozen=True, slots=True)
class Progress:
    """After a step: ``loss`` is a running mean, ``seconds`` of this process."""

    step: int
    steps: int
    loss: float
    tokens: int
    seconds: float


def train(
    questions: Sequence[LabelledQuestion],
    recipe: Recipe,
    out: Path,
    *,
    device: str = "cpu",
    half: bool = True,
    resume: bool = False,
    save_every: int = 200,
    report: Callable[[Progress], None] | None = None,
) -> ExitModel:
    """Train a new model; a checkpoint is written to ``out`` every ``save_every`` steps and at the end.

    Args:
        questions: labelled, of the sets in the recipe's plan.
        half: let the encoder compute in bfloat16.
        resume: go on from the checkpoint in ``out`` where there is one.
        report: called after every step.

    Raises:
        CheckpointUnusable: the checkpoint is damaged or was made with another recipe.
        ModelMissing, ModelUnusable: the encoder cannot be loaded.
    """
    torch.manual_seed(recipe.seed)
    contexts = Contexts([q for q in questions if q.source in recipe.plan], dict(recipe.plan), recipe.seed)
    model = new_exit_model(recipe.encoder, dropout=recipe.dropout)
    model.weights = _piece_weights(model, contexts)
    model.encoder.to(device).train()
    model.head.to(device).train()
    run = _Run(model, recipe, contexts)
    path = out / CHECKPOINT
    if resume and path.exists():
        run.load(path)
    out.mkdir(parents=True, exist_ok=True)
    started, seen = time.perf_counter(), 0
    while run.step < run.steps:
        for batch in run.rest_of_epoch():
            seen += sum(item.tokens for item in batch)
            run.advance(batch, half=half)
            if report is not None:
                report(Progress(run.step, run.steps, run.loss, seen, time.perf_counter() - started))
            if run.step % save_every == 0 or run.step == run.steps:
                run.save(path)
            if run.step == run.steps:
                break
    model.encoder.eval()
    model.head.eval()
    return model


class _Run:
    """What changes while training, and what of it must be saved to go on."""

    def __init__(self, model: ExitModel, recipe: Recipe, contexts: Contexts) -> None:
        self.model, self.recipe, self.contexts = model, recipe, contexts
        self.step = self.epoch = self.within = 0
        self.loss = 0.0
        self.steps = self._count()
        trained = [p for p in model.encoder.parameters() if p.requires_grad]
        self.parameters = [*trained, *model.head.parameters()]
        groups = [
            {"params": trained, "lr": recipe.learning_rate},
            {"params": list(model.head.parameters()), "lr": recipe.head_learning_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)

    def rest_of_epoch(self) -> Iterator[list[Labelled]]:
        """The batches of this epoch that are still to be done; ends by turning to the next epoch."""
        questions = self.contexts.epoch(self.epoch)
        for number, batch in enumerate(batches(self.model.tokenizer, questions, self.recipe.step_tokens)):
            if number >= self.within:
                yield batch
        self.epoch, self.within = self.epoch + 1, 0

    def advance(self, batch: Sequence[Labelled], *, half: bool) -> None:
        """One step of the optimiser."""
        loss = evidence_loss(judge(self.model, batch, half=half))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        self.within += 1
        value = float(loss.detach())
        self.loss = value if self.step == 1 else 0.98 * self.loss + 0.02 * value

    def save(self, path: Path) -> None:
        """Write the checkpoint; a process killed meanwhile leaves the one before."""
        state = {
            "recipe": json.dumps(self.recipe.to_dict(), sort_keys=True),
            "place": [self.step, self.epoch, self.within, self.loss],
            "encoder": self.model.encoder.state_dict(),
            "head": self.model.head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def load(self, path: Path) -> None:
        """Go on where :meth:`save` stopped."""
        try:
            state = torch.load(path, map_location=self.model.device, weights_only=True)
            same = state["recipe"] == json.dumps(self.recipe.to_dict(), sort_keys=True)
        except Exception as error:
            raise CheckpointUnusable(
                f"{path} cannot be read: {error}", hint="delete it, or train without --resume"
            ) from error
        if not same:
            raise CheckpointUnusable(
                f"{path} was made with another recipe", hint="give the same options, or another folder"
            )
        self.step, self.epoch, self.within, self.loss = state["place"]
        self.model.encoder.load_state_dict(state["encoder"])
        self.model.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"].cpu())

    def _count(self) -> int:
        whole = sum(1 for _ in batches(self.model.tokenizer, self.contexts.epoch(0), self.recipe.step_tokens))
        return max(1, round(whole * self.recipe.epochs))

    def _rate(self, step: int) -> float:
        rising = (step + 1) / max(1.0, self.recipe.warmup * self.steps)
        return min(1.0, rising) * max(0.02, 1 - step / self.steps)


def _piece_weights(model: ExitModel, contexts: Contexts) -> np.ndarray[Any, np.dtype[np.float32]]:
    vocabulary = model.tokenizer.get_vocab()
    silent = [
        number
        for piece, number in vocabulary.items()
        if not any(character.isalnum() for character in piece) or (piece[0] == "[" and piece[-1] == "]")
    ]
    texts = [passage.passage.text for passage in contexts.pool]
    documents = [e.ids for e in model.tokenizer.encode_batch(texts, add_special_tokens=False)]
    return inverse_frequencies(documents, len(vocabulary), silent)
