"""The linear probe: the last layer fitted to a frozen network's features."""

import copy
import logging
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ecg_ccta.errors import StudyError
from ecg_ccta.training.criterion import Criterion, masked_loss
from ecg_ccta.training.inner_validation import macro_auc

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


class Probe(NamedTuple):
    """A last layer, and what it reached on the inner-validation ECGs.

    weight, bias : (outputs, channels) and (outputs,), of features as they are
    found : the penalty, and loss and macro AUC named as an epoch's are
    """

    weight: np.ndarray
    bias: np.ndarray
    found: dict[str, float | None]


def choose_probe(
    features: np.ndarray,
    labels: np.ndarray,
    learnt: np.ndarray,
    count: int,
    criterion: Criterion,
    minimum_events: int,
) -> Probe:
    """Fit a probe with each of PENALTIES and take the one with the smallest inner-validation loss.

    The criterion's own parameters become those of the probe.

    Parameters
    ----------
    features, labels, learnt : as `fit_probe`, but features as they are; training ECGs first, then those of the inner
        validation
    count : training ECGs
    minimum_events : inner-validation events that an output needs to enter the macro AUC

    Raises
    ------
    StudyError
        Where no inner-validation patient has a finding.
    """
    mean, deviation = features[:count].mean(0), features[:count].std(0) + 1e-6
    features = (features - mean) / deviation
    best, smallest = None, np.inf
    for penalty in PENALTIES:
        fitted = copy.deepcopy(criterion)
        weight, bias = fit_probe(features[:count], labels[:count], learnt[:count], fitted, penalty)
        logits = features[count:] @ weight.T + bias + fitted.offset.numpy()
        loss = float(masked_loss(torch.from_numpy(logits), torch.from_numpy(labels[count:])))
        if loss < smallest:
            smallest = loss
            auc = macro_auc(labels[count:], logits, minimum_events)
            criterion.load_state_dict(fitted.state_dict())
            best = Probe(
                weight / deviation,
                bias - (weight / deviation) @ mean,
                {"penalty": penalty, "validation_loss": loss, "validation_auc": auc},
            )
    if best is None:
        raise StudyError(
            "the linear probe has no finite inner-validation loss: no inner-validation patient has a finding"
        )
    log.info("linear probe: inner-validation loss %.4f, penalty %g", smallest, best.found["penalty"])
    return best
