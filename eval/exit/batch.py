"""One training step's questions as tensors, and what the model says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from ...compressors.exit.lexical import EDGE_FEATURES, edge_features, node_features
from ...compressors.exit.network import Judgement
from ...compressors.exit.reading import Reading, read
from ...compressors.exit.scorer import ExitModel
from .labels import UNKNOWN, LabelledQuestion

__all__ = ["Judged", "Labelled", "batches", "judge"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with labels, tokenised."""

    question: LabelledQuestion
    reading: Reading

    @property
    def tokens(self) -> int:
        """What the encoder has to read."""
        return sum(len(window.ids) for window in self.reading.windows)


@dataclass(frozen=True, slots=True)
class Judged:
    """Logits and labels of a step: sentences [questions, n], windows likewise as one line."""

    sentences: Judgement
    mask: Tensor
    labels: Tensor
    windows: Tensor
    useful: Tensor


def batches(
    tokenizer: Tokenizer, questions: Iterable[LabelledQuestion], tokens: int
) -> Iterator[list[Labelled]]:
    """Questions in order, in batches of at least ``tokens`` tokens; without a sentence, one is left out."""
    batch: list[Labelled] = []
    for question in questions:
        passages = [p.passage for p in question.passages]
        reading = read(tokenizer, question.question, passages, [p.segments for p in question.passages])
        if not reading.sentences:
            continue
        batch.append(Labelled(question, reading))
        if sum(item.tokens for item in batch) >= tokens:
            yield batch
            batch = []
    if batch:
        yield batch


def judge(model: ExitModel, batch: Sequence[Labelled], *, half: bool) -> Judged:
    """Run encoder and head over a batch; ``half``: the encoder computes in bfloat16, the head never does."""
    readings = [item.reading for item in batch]
    device = model.device
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        sentences, windows = model.encode(readings)
    most = max(len(r.sentences) for r in readings)
    nodes, edges = [], torch.zeros(len(batch), most, most, EDGE_FEATURES)
    mask = torch.zeros(len(batch), most, dtype=torch.bool)
    labels = torch.full((len(batch), most), UNKNOWN)
    for row, (item, states) in enumerate(zip(batch, sentences, strict=True)):
        reading, size = item.reading, len(item.reading.sentences)
        features = torch.from_numpy(node_features(reading, model.weights)).to(device)
        padding = (0, 0, 0, most - size)
        nodes.append(torch.nn.functional.pad(torch.cat([states.float(), features], -1), padding))
        edges[row, :size, :size] = torch.from_numpy(edge_features(reading, range(size), model.weights))
        mask[row, :size] = True
        known = [int(item.question.passages[s.passage].labels[s.number]) for s in reading.sentences]
        labels[row, :size] = torch.tensor(known)
    useful = [float(item.question.passages[w.passage].useful) for item in batch for w in item.reading.windows]
    seen = model.head.passage(torch.cat(windows).float()).squeeze(-1)
    mask = mask.to(device)
    judged = model.head(torch.stack(nodes), edges.to(device), mask)
    return Judged(judged, mask, labels.to(device), seen, torch.tensor(useful, device=device))
