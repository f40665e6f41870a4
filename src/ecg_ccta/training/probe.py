"""The linear probe: the last layer fitted to a frozen network's features."""

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ecg_ccta.errors import StudyError
from ecg_ccta.training.criterion import Criterion, masked_loss
from ecg_ccta.training.inner_validation import macro_auc

PENALTIES = (1.0, 1e1, 1e2, 1e3, 1e4)
"""L2 penalties, on standardised features."""

ITERATIONS = 200


class Probe(NamedTuple):
    """A last layer: weights (outputs, channels), intercepts (outputs,), and what the inner validation said of it."""

    weight: np.ndarray
    bias: np.ndarray
    told: dict[str, float | None]


def choose_probe(
    features: np.ndarray,
    labels: np.ndarray,
    learnt: np.ndarray,
    inner_features: np.ndarray,
    inner_labels: np.ndarray,
    criterion: Criterion,
    minimum_events: int,
) -> Probe:
    """Fit the last layer with each of PENALTIES and keep the one of the smallest inner-validation loss.

    Parameters
    ----------
    features : (ECGs, channels) of the training patients
    labels, learnt : (ECGs, outputs) theirs, as `fit_probe` takes them
    inner_features, inner_labels : of the inner-validation patients
    criterion : fresh; its own parameters are left as fitted at the penalty that is kept
    minimum_events : of an output to enter the macro AUC

    Returns
    -------
    Weights and intercepts for features as they are, without the criterion's offset; penalty, validation_loss,
    validation_auc.

    Raises
    ------
    StudyError
        Where no penalty has a finite loss.
    """
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    features, inner_features = (features - mean) / deviation, (inner_features - mean) / deviation
    best: Probe | None = None
    smallest = np.inf
    for penalty in PENALTIES:
        fitted = copy.deepcopy(criterion)
        weight, bias = fit_probe(features, labels, learnt, fitted, penalty)
        logits = inner_features @ weight.T + bias + fitted.offset.numpy()
        loss = float(masked_loss(torch.from_numpy(logits), torch.from_numpy(inner_labels)))
        if loss < smallest:
            smallest = loss
            auc = macro_auc(inner_labels, logits, minimum_events)
            told = {"penalty": penalty, "validation_loss": loss, "validation_auc": auc}
            best, kept = Probe(weight / deviation, bias - (weight / deviation) @ mean, told), fitted
    if best is None:
        raise StudyError(
            "the linear probe has no finite inner-validation loss: no inner-validation patient has a finding"
        )
    criterion.load_state_dict(kept.state_dict())
    return best


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
