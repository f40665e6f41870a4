"""The linear probe: the last layer fitted to a frozen network's features."""

import logging

import numpy as np
import torch
from torch import Tensor

from ecg_ccta.training.criterion import Criterion

log = logging.getLogger(__name__)

PENALTIES = (1.0, 1e1, 1e2, 1e3, 1e4)
"""L2 penalties, on standardised features."""

ITERATIONS = 200


def fit_probe(
    features: np.ndarray, labels: np.ndarray, learnt: np.ndarray, criterion: Criterion, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (outputs, channels) and intercepts (outputs,) that minimise the criterion's sum plus an L2 penalty.

    With binary labels this is scikit-learn's LogisticRegression(C=1 / penalty) for each output. The criterion's own
    parameters (an ordinal one's cut points) are fitted along with them. L-BFGS, in float64. An output without an
    event, or with nothing else, has no finite optimum: it gets no weights and the intercept of its prevalence.

    Parameters
    ----------
    features : (ECGs, channels), standardised
    labels : (ECGs, outputs), 0, 1 or NaN
    learnt : (ECGs, outputs), what the criterion takes
    """
    known = (~np.isnan(labels)).sum(0)
    events = np.nansum(labels, axis=0)
    one_sided = (events == 0) | (events == known)
    x, y = torch.from_numpy(features).double(), torch.from_numpy(np.where(one_sided, np.nan, learnt)).double()
    criterion = criterion.double()
    weight = torch.zeros(y.shape[1], x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(y.shape[1], dtype=torch.float64, requires_grad=True)
    parameters = [weight, bias, *criterion.parameters()]
    optimiser = torch.optim.LBFGS(
        parameters, max_iter=ITERATIONS, tolerance_grad=1e-4, tolerance_change=1e-10, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        optimiser.zero_grad()
        loss = criterion(x @ weight.T + bias, y).sum() + 0.5 * penalty * weight.square().sum()
        loss.backward()
        return loss

    if not one_sided.all():
        optimiser.step(objective)
    criterion.float()
    log_odds = np.log((events + 0.5) / (known - events + 0.5)) - criterion.offset.numpy()
    return weight.detach().numpy(), np.where(one_sided, log_odds, bias.detach().numpy())
