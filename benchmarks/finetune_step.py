"""Time of one fine-tuning step at ECGFounder's size: ecg_ccta, a plain step, and the released recipe.

    python benchmarks/finetune_step.py                       # two CPU threads: 8 ECGs a step
    python benchmarks/finetune_step.py --batch 64 --peak 989 # a GPU, with its peak bf16 TFLOP/s

All three see the same unique ECGs (12 x 5000) per step and update all 30.67 M weights with AdamW.

- plain (baseline): one loss, the mean over vessels, one backward pass; no augmentation, no weighting, no surgery.
- ecg_ccta: augmentation, uncertainty weighting, PCGrad on the pooled features, clipping.
- released recipe, as arXiv 2512.05136 and its code describe it: originals and augmented copies together (twice the
  batch), one backward pass per vessel through the whole network, PCGrad over all weights.

Steps take turns, and the table gives medians; on a GPU also ECGs/s, memory, and the share of the peak.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from ecg_ccta.config import Training
from ecg_ccta.model.inputs import standardise
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.training.augmentation import Draws, augment
from ecg_ccta.training.criterion import BinaryCriterion, TaskWeights
from ecg_ccta.training.layers import parameter_groups
from ecg_ccta.training.loop import training_step

VESSELS = 4


def settings(**more) -> Training:
    return Training(epochs=1, patience=1, batch_size=8, learning_rate=3e-5, weight_decay=5e-4, **more)


def ecgfounder(device: torch.device) -> Net1D:
    torch.manual_seed(0)
    return Net1D(
        12, 64, 1, [64, 160, 160, 400, 400, 1024, 1024], [2, 2, 2, 3, 3, 4, 4], 16, 2, 16, VESSELS, False, False
    ).to(device)


def plain(device: torch.device) -> Callable[[Tensor, Tensor], None]:
    network = ecgfounder(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-5, weight_decay=5e-4, fused=True)

    def step(microvolts: Tensor, labels: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        functional.binary_cross_entropy_with_logits(network(standardise(microvolts)), labels).backward()
        optimiser.step()

    return step


def ours(device: torch.device, surgery: str = "pcgrad-features", **more) -> Callable[[Tensor, Tensor], None]:
    network = ecgfounder(device)
    chosen = settings(task_weighting="uncertainty", gradient_surgery=surgery, **more)
    criterion = BinaryCriterion(torch.tensor([[0.0] * VESSELS, [1.0] * VESSELS]).numpy(), "none").to(device)
    weights = TaskWeights(VESSELS, "uncertainty").to(device)
    groups = parameter_groups(network, list(weights.parameters()), chosen)
    optimiser = torch.optim.AdamW(groups, lr=3e-5, weight_decay=5e-4, fused=True)
    features_of = torch.compile(network.features) if chosen.compile else network.features
    draws = Draws(device, 1)

    def step(microvolts: Tensor, labels: Tensor) -> None:
        x = augment(standardise(microvolts), chosen, 1.0, draws, len(microvolts))
        optimiser.zero_grad(set_to_none=True)
        training_step(network, features_of, criterion, weights, x, labels, chosen, 1)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    return step


def released_recipe(device: torch.device) -> Callable[[Tensor, Tensor], None]:
    network = ecgfounder(device)
    log_variance = nn.Parameter(torch.zeros(VESSELS, device=device))
    optimiser = torch.optim.AdamW([*network.parameters(), log_variance], lr=3e-5, weight_decay=5e-4)
    chosen, draws = settings(), Draws(device, 1)
    # The checkpoint's batch norms take no part in the network.
    parameters = [parameter for name, parameter in network.named_parameters() if "bn" not in name]

    def step(microvolts: Tensor, labels: Tensor) -> None:
        x = standardise(microvolts)
        x = torch.cat([x, augment(x, chosen, 1.0, draws, len(x))])
        y = torch.cat([labels, labels])
        logits = network(x)
        gradients = []
        for vessel in range(VESSELS):
            optimiser.zero_grad()
            loss = functional.binary_cross_entropy_with_logits(logits[:, vessel], y[:, vessel])
            loss = torch.exp(-log_variance[vessel]) * loss + log_variance[vessel]
            loss.backward(retain_graph=vessel + 1 < VESSELS)
            gradients.append(torch.cat([parameter.grad.flatten() for parameter in parameters]))
        for i, one in enumerate(gradients):
            for j, other in enumerate(gradients):
                inner = one @ other
                if i != j and inner < 0:
                    one -= inner / (other @ other) * other
        total, start = torch.stack(gradients).sum(0), 0
        for parameter in parameters:
            parameter.grad = total[start : start + parameter.numel()].view_as(parameter)
            start += parameter.numel()
        optimiser.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8, help="unique ECGs per step")
    parser.add_argument("--rounds", type=int, default=7, help="steps of each kind, in turns")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--peak", type=float, help="the GPU's peak dense bf16 TFLOP/s, to print the share of it")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(1)
    microvolts = torch.randint(-800, 800, (options.batch, 12, 5000), dtype=torch.int16, device=device)
    labels = (torch.rand(options.batch, VESSELS, device=device) < 0.3).float()

    methods = {
        "plain single-loss step (baseline)": plain(device),
        "ecg_ccta, pcgrad-features": ours(device),
        "ecg_ccta, pcgrad (exact)": ours(device, "pcgrad"),
        "released recipe": released_recipe(device),
    }
    if device.type == "cuda":
        methods["ecg_ccta, bf16"] = ours(device, precision="bfloat16")
        methods["ecg_ccta, bf16, compiled"] = ours(device, precision="bfloat16", compile=True)
    times: dict[str, list[float]] = {name: [] for name in methods}
    memory: dict[str, float] = {}
    for number in range(options.rounds + 1):
        for name, step in methods.items():
            if device.type == "cuda":
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            begun = time.perf_counter()
            step(microvolts, labels)
            if device.type == "cuda":
                torch.cuda.synchronize()
                memory[name] = torch.cuda.max_memory_allocated() / 2**30
            if number:  # the first round warms up
                times[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(values) for name, values in times.items()}
    with FlopCounterMode(display=False) as counter:
        plain(device)(microvolts, labels)
    flops = counter.get_total_flops()

    base, recipe = medians["plain single-loss step (baseline)"], medians["released recipe"]
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"{options.threads} CPU threads"
    title = f"One step of {options.batch} unique ECGs, 30.67 M weights, {where}, medians of {options.rounds}"
    table = Table("step", "s", "ECGs/s", "/ plain", "recipe /", "GiB", "of peak", title=title)
    for name, seconds in medians.items():
        share = f"{flops / seconds / 1e12 / options.peak:.1%}" if options.peak else "-"
        gib = f"{memory[name]:.1f}" if name in memory else "-"
        table.add_row(
            name,
            f"{seconds:.3f}",
            f"{options.batch / seconds:.1f}",
            f"{seconds / base:.2f}",
            f"{recipe / seconds:.2f}",
            gib,
            share,
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
