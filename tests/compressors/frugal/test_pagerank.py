"""PageRank on graphs small enough to do by hand."""

from __future__ import annotations

import pytest
import torch
from tersus.compressors.frugal.pagerank import graph_ranks, pagerank
from tersus.compressors.frugal.trace import trace
from tersus.errors import InvalidInput

from .encoders import IDS, encoder


def test_ranks_of_a_graph_done_by_hand() -> None:
    # r = r G:  r0 = r1/2 + r2,  r1 = r0/2 + r1/2,  r2 = r0/2  =>  r = (2, 2, 1) / 5
    graph = torch.tensor([[0.0, 0.5, 0.5], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    ranks = graph_ranks(graph, torch.ones(3))
    assert torch.allclose(ranks, torch.tensor([0.4, 0.4, 0.2]), atol=1e-5)


def test_ranks_are_the_left_eigenvector_of_the_attention_for_every_head() -> None:
    done = trace(encoder("roberta"), [IDS])
    attention = done.layers[1].attention[0].double()
    heads = []
    for head in attention:
        values, vectors = torch.linalg.eig(head.T)
        found = vectors[:, (values.real - 1).abs().argmin()].real
        heads.append(found / found.sum())
    expected = torch.stack(heads).square().mean(0).sqrt()
    assert torch.allclose(pagerank(done, 1)[0].double(), expected, atol=1e-4)


def test_padding_has_no_rank() -> None:
    short = [2, 31, 5, 3]
    both = pagerank(trace(encoder("bert"), [IDS, short]))
    alone = pagerank(trace(encoder("bert"), [short]))
    assert torch.allclose(both[1, : len(short)], alone[0], atol=1e-5)
    assert not both[1, len(short) :].any()


def test_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput, match="3 layers"):
        pagerank(trace(encoder("bert"), [IDS]), 3)
