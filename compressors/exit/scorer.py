"""Scores of every sentence of many queries: windows batched by length, then the head a query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from .lexical import edge_features, node_features
from .network import EvidenceHead, pool_sentences
from .reading import Reading, Window

__all__ = ["ExitModel", "Scores"]

JOINT_SENTENCES = 256
"""Sentences of one query that are judged together: the best by their local score."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities for one reading: of its sentences ``[n]``, and of its passages ``[passages]``."""

    sentences: NDArray[np.float32]
    passages: NDArray[np.float32]


@dataclass
class ExitModel:
    """Tokenizer, encoder and head with the weights of word pieces; runs on the encoder's device."""

    tokenizer: Tokenizer
    encoder: Any
    head: EvidenceHead
    weights: NDArray[np.float32]
    batch_tokens: int = 2048

    def score(self, readings: Sequence[Reading], *, hops: int = 2) -> list[Scores]:
        """Scores of every reading, in order; ``hops=1`` leaves out the judgement of all together."""
        with torch.inference_mode():
            sentences, passages = self.encode(readings)
            return [
                self._judge(reading, *found, joint=hops > 1)
                for reading, *found in zip(readings, sentences, passages, strict=True)
            ]

    def encode(self, readings: Sequence[Reading]) -> tuple[list[Tensor], list[Tensor]]:
        """States: a reading's sentences [n, 2 * states], and its windows' first states [windows, states]."""
        windows = [window for reading in readings for window in reading.windows]
        bases = np.cumsum([0, *(len(r.windows) for r in readings)])
        spans = [
            (base + s.window, s.start, s.end)
            for base, reading in zip(bases, readings, strict=False)
            for s in reading.sentences
        ]
        by_window: dict[int, list[int]] = {}
        for number, (window, _, _) in enumerate(spans):
            by_window.setdefault(int(window), []).append(number)
        order: list[int] = []
        firsts: list[Tensor] = []
        lines: list[int] = []
        pooled: list[Tensor] = []
        for rows in self._batches([len(w.ids) for w in windows]):
            states = self._states([windows[row] for row in rows])
            inside = [(local, number) for local, row in enumerate(rows) for number in by_window.get(row, ())]
            order += [number for _, number in inside]
            lines += rows
            firsts.append(states[:, 0].float())
            at = torch.tensor(
                [(local, spans[number][1], spans[number][2]) for local, number in inside],
                dtype=torch.long,
                device=states.device,
            ).view(-1, 3)
            pooled.append(pool_sentences(states, at[:, 0], at[:, 1], at[:, 2]))
        if not windows:
            empty = torch.zeros(0, self.head.passage.in_features, device=self.device)
            return [torch.cat([empty, empty], -1)] * len(readings), [empty] * len(readings)
        first = torch.cat(firsts)[_inverse(lines, self.device)]
        state = torch.cat(pooled)[_inverse(order, self.device)]
        owner = torch.tensor([span[0] for span in spans], dtype=torch.long, device=self.device)
        joined = torch.cat([state, first[owner]], -1)
        return (
            list(torch.split(joined, [len(r.sentences) for r in readings])),
            list(torch.split(first, [len(r.windows) for r in readings])),
        )

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.head.passage.weight.device

    def _judge(self, reading: Reading, sentences: Tensor, windows: Tensor, *, joint: bool) -> Scores:
        n = len(reading.sentences)
        passages = np.zeros(len(reading.titles), dtype=np.float32)
        if not n:
            return Scores(np.zeros(0, np.float32), passages)
        features = torch.from_numpy(node_features(reading, self.weights)).to(self.device)
        nodes = torch.cat([sentences, features], -1)
        logits = self.head.alone(nodes).squeeze(-1)
        if joint:
            chosen = logits.topk(min(n, JOINT_SENTENCES)).indices.sort().values
            edges = torch.from_numpy(edge_features(reading, chosen.tolist(), self.weights)).to(self.device)
            mask = torch.ones(1, len(chosen), dtype=torch.bool, device=self.device)
            logits[chosen] = self.head(nodes[chosen][None], edges[None], mask).joint[0]
        of_passage = torch.sigmoid(self.head.passage(windows).squeeze(-1)).cpu().numpy()
        np.maximum.at(passages, [w.passage for w in reading.windows], of_passage)
        return Scores(torch.sigmoid(logits).cpu().numpy(), passages)

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
        start = 0
        while start < len(order):
            size = max(1, self.batch_tokens // lengths[order[start]])
            yield order[start : start + size]
            start += size

    def _states(self, windows: Sequence[Window]) -> Tensor:
        width = max(len(window.ids) for window in windows)
        tokens, mask, kinds = torch.zeros(3, len(windows), width, dtype=torch.long)
        for row, window in enumerate(windows):
            size = len(window.ids)
            tokens[row, :size] = torch.tensor(window.ids)
            mask[row, :size] = 1
            kinds[row, window.text_start : size] = 1
        inputs = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": kinds}
        found = self.encoder(**{name: value.to(self.device) for name, value in inputs.items()})
        states: Tensor = found.last_hidden_state
        return states


def _inverse(order: Sequence[int], device: torch.device) -> Tensor:
    at = torch.empty(len(order), dtype=torch.long)
    at[torch.tensor(order, dtype=torch.long)] = torch.arange(len(order))
    return at.to(device)
