"""Grad-CAM (Selvaraju et al., ICCV 2017; captum): when in the recording a network sees what raises a logit.

A layer's channels mix all leads, so the map has one value per time, none per lead. It says where features that raise
the logit are active; it does not sum to anything.
"""

import numpy as np
import torch
from torch import Tensor, nn

from ecg_ccta.attribution.integrated_gradients import BATCH_SIZE, device_of
from ecg_ccta.vessels import SAMPLING_RATE, VESSELS

COARSEST_STEP_S = 0.05
"""Time step of a layer that still tells the waves of a beat apart: half the length of the ST segment. The last stage,
which Grad-CAM takes in images, has a step of 0.5 s in ECGFounder, about a beat."""


def grad_cam(
    network: nn.Module, inputs: Tensor, vessel: str, layer: nn.Module | None = None, batch_size: int = BATCH_SIZE
) -> np.ndarray:
    """Class activation over time.

    Parameters
    ----------
    network : input (n, 12, samples), output (n, 4) logits in the order of VESSELS; in eval mode.
    inputs : (n, 12, samples) float32 as `model.inputs.standardise` gives them.
    vessel : one of VESSELS.
    layer : whose channels are weighted, output (n, channels, steps); `beat_layer` of the network where None.
    batch_size : ECGs on the device at once.

    Returns
    -------
    (n, samples) float32, not negative, interpolated linearly from the layer's steps.
    """
    # captum costs a second to import.
    from captum.attr import LayerAttribution, LayerGradCam

    method = LayerGradCam(network, beat_layer(network, inputs[:1]) if layer is None else layer)
    maps = []
    for ecgs in inputs.split(batch_size):
        steps = method.attribute(
            ecgs.to(device_of(network)), target=VESSELS.index(vessel), relu_attributions=True
        ).detach()
        maps.append(LayerAttribution.interpolate(steps, ecgs.shape[-1], "linear")[:, 0].float().cpu().numpy())
    return np.concatenate(maps)


def beat_layer(network: nn.Module, inputs: Tensor) -> nn.Module:
    """The deepest of the network's stages (`stage_list`) whose time step is at most COARSEST_STEP_S, or the first.

    `inputs` (1, 12, samples) passes through the network once, to see the length of each stage's output.
    """
    stages = list(network.get_submodule("stage_list").children())
    fine = [stages[0]]

    def keep_if_fine(stage: nn.Module, _: object, output: Tensor) -> None:
        if inputs.shape[-1] / output.shape[-1] <= COARSEST_STEP_S * SAMPLING_RATE:
            fine.append(stage)

    hooks = [stage.register_forward_hook(keep_if_fine) for stage in stages]
    try:
        with torch.no_grad():
            network(inputs.to(device_of(network)))
    finally:
        for hook in hooks:
            hook.remove()
    return fine[-1]
