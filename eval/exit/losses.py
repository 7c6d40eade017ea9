"""What training minimises."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from .batch import Judged
from .labels import NEEDED, UNKNOWN

__all__ = ["evidence_loss"]


def evidence_loss(judged: Judged) -> Tensor:
    """Mean over the questions of a batch, a scalar.

    Each sentence is judged on its own (binary cross-entropy, needed ones weighted twice), and each needed one
    against all of the question that are not needed (softmax); joint scores count in full, local ones
    and passages by half. Sentences of which nothing is known are left out.
    """
    known = judged.mask & (judged.labels != UNKNOWN)
    needed = known & (judged.labels == NEEDED)
    passages = binary_cross_entropy_with_logits(judged.windows, judged.useful)
    joint, local = (
        _sentences(logits, known, needed) for logits in (judged.sentences.joint, judged.sentences.local)
    )
    return joint + 0.5 * local + 0.5 * passages


def _sentences(logits: Tensor, known: Tensor, needed: Tensor) -> Tensor:
    weights = known.float() + needed.float()
    single = binary_cross_entropy_with_logits(logits, needed.float(), reduction="none")
    binary = ((single * weights).sum(1) / weights.sum(1).clamp(min=1)).mean()
    others = logits.masked_fill(~known | needed, -1e4).logsumexp(1, keepdim=True)
    against = softplus(others - logits)  # -log softmax of one against the others
    ranked = (against * needed).sum(1) / needed.sum(1).clamp(min=1)
    return binary + 0.5 * ranked.mean()
