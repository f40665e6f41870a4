"""What training minimises: one loss per output, from binary labels or from stenosis grades, missing ones left out."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ecg_ccta.config import Recipe
from ecg_ccta.vessels import EVENT_GRADES, GRADES

EVENT = GRADES.index(EVENT_GRADES[0])
"""The lowest grade that is an event, where nothing else is asked for."""


def masked_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over outputs of the binary cross-entropy over that output's known labels.

    `labels` (ECGs, outputs) holds 0, 1 or NaN for missing; a missing label has no part in the loss, and an output
    without any known label in the batch none in the mean.
    """
    known = ~torch.isnan(labels)
    each = functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
    count = known.sum(0)
    per_output = (each * known).sum(0) / count.clamp(min=1)
    return per_output.sum() / (count > 0).sum().clamp(min=1)


class BinaryCriterion(nn.Module):
    """Binary cross-entropy per output, with the weight that `class_balance` gives to rare findings.

    Positive weighting multiplies an event's loss by (others / events); logit adjustment (Menon et al., ICLR 2021) adds
    the log odds of the prevalence to the logit in the loss. Under both a network's raw logit answers for a balanced
    population; `offset` (outputs,) brings it back to the prevalence of the training ECGs.

    Parameters
    ----------
    labels : (ECGs, outputs) of the training ECGs, 0, 1 or NaN
    """

    offset: Tensor
    added: Tensor
    event_weight: Tensor

    def __init__(self, labels: np.ndarray, class_balance: str):
        super().__init__()
        known = ~np.isnan(labels)
        events = np.nansum(labels, axis=0) + 0.5
        log_odds = torch.from_numpy(np.log(events / (known.sum(0) + 1 - events))).float()
        none = torch.zeros_like(log_odds)
        self.register_buffer("offset", none if class_balance == "none" else log_odds)
        self.register_buffer("added", log_odds if class_balance == "logit-adjustment" else none)
        self.register_buffer("event_weight", torch.exp(-log_odds if class_balance == "positive-weight" else none))

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Loss of every label (ECGs, outputs), 0 where it is missing."""
        each = functional.binary_cross_entropy_with_logits(
            logits + self.added, labels.nan_to_num(), reduction="none", pos_weight=self.event_weight
        )
        return each * ~torch.isnan(labels)


class OrdinalCriterion(nn.Module):
    """Proportional-odds likelihood of the five stenosis grades (McCullagh, J R Stat Soc B 42:109-142, 1980).

    P(grade >= k) = logistic(logit + c_k), with c = 0 at the lowest event grade: an output's logit is that of an event,
    as with binary labels, and learns from all five grades. The other cut points are learnt and stay in order; they
    are needed for training alone.

    Parameters
    ----------
    grades : (ECGs, outputs) of the training ECGs, 0 none to 4 complete, NaN where missing; gives the first cut points
    lowest : of each output the lowest grade that is an event; default `EVENT` for all
    """

    offset: Tensor
    lowest: Tensor

    def __init__(self, grades: np.ndarray, lowest: Sequence[int] | None = None):
        super().__init__()
        lowest = [EVENT] * grades.shape[1] if lowest is None else list(lowest)
        self.register_buffer("lowest", torch.tensor(lowest)[:, None], persistent=False)
        known = (~np.isnan(grades)).sum(0)
        reached = np.stack([(grades >= k).sum(0) + 0.5 for k in range(1, len(GRADES))], axis=1)
        log_odds = np.log(reached / (known[:, None] + 1 - reached))
        gaps = np.clip(-np.diff(log_odds, axis=1), 0.05, None)
        # softplus(raw) is the distance of neighbouring cut points, so that no step of the optimiser can cross them.
        self.raw = nn.Parameter(torch.from_numpy(np.log(np.expm1(gaps))).float())
        self.register_buffer("offset", torch.zeros(grades.shape[1]))

    def cut_points(self) -> Tensor:
        """c_1 to c_4, (outputs, 4), falling."""
        below = functional.pad(-functional.softplus(self.raw).cumsum(1), (1, 0))
        return below - below.gather(1, self.lowest - 1)

    def forward(self, logits: Tensor, grades: Tensor) -> Tensor:
        """Negative log-likelihood of every grade (ECGs, outputs), 0 where it is missing."""
        cuts = self.cut_points()
        known = ~torch.isnan(grades)
        grade = grades.nan_to_num().long()
        infinite = cuts.new_full((len(cuts), 1), torch.inf)
        bounds = torch.cat([infinite, cuts, -infinite], dim=1)
        output = torch.arange(len(cuts), device=grades.device)
        upper, lower = bounds[output, grade], bounds[output, grade + 1]
        # logistic(a) - logistic(b) = logistic(a) logistic(-b) (1 - exp(b - a)), which does not cancel.
        width = torch.where(torch.isfinite(upper) & torch.isfinite(lower), lower - upper, -1.0)
        between = torch.log(-torch.expm1(width)) * (torch.isfinite(upper) & torch.isfinite(lower))
        each = -functional.logsigmoid(logits + upper) - functional.logsigmoid(-(logits + lower)) - between
        return each * known


Criterion = BinaryCriterion | OrdinalCriterion


def make_criterion(learnt: np.ndarray, settings: Recipe, lowest: Sequence[int] | None = None) -> Criterion:
    """The configured criterion for the training ECGs' binary labels or grades (ECGs, outputs).

    `lowest` is for grades: of each output the lowest one that is an event.
    """
    if settings.labels == "ordinal":
        return OrdinalCriterion(learnt, lowest)
    return BinaryCriterion(learnt, settings.class_balance)


class TaskWeights(nn.Module):
    """Weights of the outputs' losses: all alike, or learnt as the paper does (Kendall et al., CVPR 2018).

    With uncertainty weighting output v's loss L becomes exp(-s) L + s, s learnt from 0 on.
    """

    def __init__(self, outputs: int, weighting: str):
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(outputs), requires_grad=weighting == "uncertainty")

    def forward(self, losses: Tensor, share: float = 1.0) -> Tensor:
        """Weighted losses (outputs,); `share` of the second term, where several processes add their losses up."""
        return torch.exp(-self.log_variance) * losses + share * self.log_variance
