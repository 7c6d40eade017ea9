"""The head: what must hold whatever its weights are."""

from __future__ import annotations

import torch
from tersus.compressors.exit.lexical import EDGE_FEATURES, NODE_FEATURES
from tersus.compressors.exit.network import EvidenceHead, HeadShape, pool_sentences
from torch import Tensor

STATES = 16


def head() -> EvidenceHead:
    torch.manual_seed(0)
    return EvidenceHead(HeadShape(states=STATES, width=8, heads=2)).eval()


def inputs(n: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    nodes = torch.randn(1, n, 2 * STATES + NODE_FEATURES, generator=generator)
    edges = torch.rand(1, n, n, EDGE_FEATURES, generator=generator)
    edges[..., 0] = 0
    return nodes, edges, torch.ones(1, n, dtype=torch.bool)


def test_a_sentence_state_is_the_mean_over_its_own_tokens() -> None:
    states = torch.randn(3, 7, STATES, generator=torch.Generator().manual_seed(1))
    places = [(0, 0, 7), (2, 3, 4), (1, 2, 6)]
    found = pool_sentences(states, *torch.tensor(places).T)
    expected = torch.stack([states[w, a:b].mean(0) for w, a, b in places])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_padding_changes_no_score() -> None:
    nodes, edges, mask = inputs(5)
    alone = head()(nodes, edges, mask)
    wide = torch.nn.functional.pad(nodes, (0, 0, 0, 4), value=3.0)
    relations = torch.nn.functional.pad(edges, (0, 0, 0, 4, 0, 4), value=2.0)
    padded = head()(wide, relations, torch.nn.functional.pad(mask, (0, 4)))
    torch.testing.assert_close(padded.joint[:, :5], alone.joint, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(padded.local[:, :5], alone.local, atol=1e-5, rtol=1e-5)


def test_the_order_of_the_sentences_does_not_matter_to_their_scores() -> None:
    nodes, edges, mask = inputs(6)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    straight = head()(nodes, edges, mask).joint
    turned = head()(nodes[:, order], edges[:, order][:, :, order], mask).joint
    torch.testing.assert_close(turned, straight[:, order], atol=1e-5, rtol=1e-5)


def test_joint_scores_heed_the_other_sentences_and_local_ones_do_not() -> None:
    nodes, edges, mask = inputs(4)
    before = head()(nodes, edges, mask)
    nodes[0, 3] += 1
    after = head()(nodes, edges, mask)
    torch.testing.assert_close(after.local[:, :3], before.local[:, :3])
    assert not torch.allclose(after.joint[:, :3], before.joint[:, :3], atol=1e-6)
