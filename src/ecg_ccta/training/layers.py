"""Which layers learn, and how fast."""

from torch import nn

from ecg_ccta.config import Recipe
from ecg_ccta.model.net1d import Net1D


def layers_of(network: Net1D) -> list[list[nn.Module]]:
    """The network in order from the ECG to the logits: first convolution, each stage, last layer."""
    return [[network.first_conv, network.first_bn], *([stage] for stage in network.stage_list), [network.dense]]


def parameter_groups(network: Net1D, extra: list[nn.Parameter], settings: Recipe) -> list[dict]:
    """Groups for the optimiser, one per layer, each with the `factor` of its learning rate.

    The last layer learns at the full rate, each layer before it at `layer_decay` times the next one's (Howard and
    Ruder, ACL 2018). `extra` are the criterion's own parameters, which are not decayed to zero.
    """
    layers = layers_of(network)
    groups = [
        {
            "params": [parameter for module in layer for parameter in module.parameters()],
            "factor": settings.layer_decay ** (len(layers) - 1 - depth),
        }
        for depth, layer in enumerate(layers)
    ]
    return [*groups, {"params": extra, "factor": 1.0, "weight_decay": 0.0}]


def set_learning_layers(network: Net1D, epoch: int, settings: Recipe) -> None:
    """Put the layers that learn in this epoch into training mode and freeze the others.

    Gradual: the last layer alone at first, all from epoch `unfreeze_epochs` on. A frozen layer is in eval mode, so that
    its batch norm keeps the foundation's statistics.
    """
    layers = layers_of(network)
    network.train()
    if settings.method == "gradual":
        learning = 1 + int((len(layers) - 1) * min(1.0, epoch / settings.unfreeze_epochs))
    else:
        learning = len(layers)
    for depth, layer in enumerate(layers):
        for module in layer:
            learns = depth >= len(layers) - learning
            module.train(learns)
            module.requires_grad_(learns)
