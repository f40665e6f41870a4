"""Gradients of several vessels' losses, with or without PCGrad (Yu et al., NeurIPS 2020).

PCGrad takes from each task's gradient its part against another task's, the other tasks in random order, always the
unmodified other gradient, and sums. It needs no more of the gradients than their inner products: torchjd turns the
matrix of these into one weight per task.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchjd.aggregation import PCGradWeighting

from ecg_ccta.training.parallel import sum_over_processes

_pcgrad = PCGradWeighting()


def backward(
    losses: Tensor,
    present: Tensor,
    features: Tensor,
    own: Sequence[nn.Parameter],
    trunk: Sequence[nn.Parameter],
    surgery: str,
    seed: int,
) -> None:
    """Fill `.grad` of all parameters, of this process's proportion of the batch.

    Parameters
    ----------
    losses : (outputs,) as this process contributes to them
    present : (outputs,) bool, outputs with a known label somewhere in the batch; the gradient is their mean
    features : (ECGs, channels), what the last layer saw
    own, trunk : parameters after the features and before them
    surgery : `none`; `pcgrad`, exact, over all parameters, one backward pass per output; or `pcgrad-features`, over
        the gradients of the pooled features, one backward pass through the trunk. There what comes after the features
        keeps its gradient, because no two outputs share it.
    seed : of PCGrad's random order; the same in all processes
    """
    losses = losses * present / present.sum().clamp(min=1)
    own = [parameter for parameter in own if parameter.requires_grad]
    trunk = [parameter for parameter in trunk if parameter.requires_grad]
    if surgery == "none" or not features.requires_grad:
        losses.sum().backward()
    elif surgery == "pcgrad-features":
        _by_features(losses, features, own, seed)
    else:
        _by_all_parameters(losses, [*own, *trunk], seed)


def _weights(gramian: Tensor, seed: int) -> Tensor:
    """One weight per output from the inner products of their gradients, (outputs, outputs)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _pcgrad(gramian.float())


def _by_features(losses: Tensor, features: Tensor, own: list[nn.Parameter], seed: int) -> None:
    gradients = torch.stack([torch.autograd.grad(loss, features, retain_graph=True)[0] for loss in losses])
    flat = gradients.flatten(1).float()
    weights = _weights(sum_over_processes(flat @ flat.T), seed)
    for parameter, gradient in zip(own, torch.autograd.grad(losses.sum(), own), strict=True):
        parameter.grad = gradient
    features.backward(torch.einsum("v,vbc->bc", weights.to(gradients.dtype), gradients))


def _by_all_parameters(losses: Tensor, parameters: list[nn.Parameter], seed: int) -> None:
    rows, used = [], set()
    for number, loss in enumerate(losses):
        gradients = torch.autograd.grad(loss, parameters, retain_graph=number + 1 < len(losses), allow_unused=True)
        used |= {index for index, gradient in enumerate(gradients) if gradient is not None}
        rows.append(
            torch.cat(
                [
                    (torch.zeros_like(parameter) if gradient is None else gradient).flatten()
                    for parameter, gradient in zip(parameters, gradients, strict=True)
                ]
            )
        )
    # Summed over processes, these are the gradients that one process would have of the whole batch.
    jacobian = sum_over_processes(torch.stack(rows))
    combined = _weights(jacobian @ jacobian.T, seed) @ jacobian
    start = 0
    for index, parameter in enumerate(parameters):
        end = start + parameter.numel()
        # A parameter that no loss knows (ECGFounder's batch norms) stays without a gradient, and so without decay.
        parameter.grad = combined[start:end].view_as(parameter).clone() if index in used else None
        start = end
