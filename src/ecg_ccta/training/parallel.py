"""Training by several processes at once, as torchrun starts them: who this one is, and what they add up.

Gradients are summed by one explicit call after the backward pass rather than by DistributedDataParallel's hooks:
PCGrad needs the whole batch's gradient of each output before it projects, and a vessel's loss is a mean over the
known labels of the whole batch, which no process holds alone.
"""

import os
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from ecg_ccta.errors import StudyError
from ecg_ccta.model.net1d import Net1D


def join() -> None:
    """Join the group of processes that torchrun started; nothing to do in a process on its own."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        # The others wait while the first computes the probe's features of the whole training set.
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(hours=2))


def leave() -> None:
    """Leave the group, if any."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def processes() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def device_here() -> torch.device:
    """This process's GPU, or the CPU where there is none."""
    # cuBLAS is deterministic only with this setting, which must stand before CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def sum_over_processes(values: Tensor) -> Tensor:
    """`values` added up over all processes, in place."""
    if processes() > 1:
        dist.all_reduce(values)
    return values


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Add up the gradients of all processes, in one call for all parameters together."""
    if processes() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = sum_over_processes(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, summed in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(summed.view_as(gradient))


def copy_from_first(module: nn.Module) -> None:
    """Give all processes the first one's parameters and buffers."""
    if processes() > 1:
        for tensor in (*module.parameters(), *module.buffers()):
            dist.broadcast(tensor.data, 0)


def gather_rows(values: np.ndarray, total: int) -> np.ndarray:
    """Rows that the processes computed of `total`, the first of n processes having rows 0, n, 2n, ...; (total, ...)."""
    if processes() == 1:
        return values
    parts: list = [None] * processes()
    dist.all_gather_object(parts, values)
    gathered = np.empty((total, *values.shape[1:]), values.dtype)
    for number, part in enumerate(parts):
        gathered[number :: len(parts)] = part
    return gathered


def synchronised_batch_norm(network: Net1D) -> Net1D:
    """The network with batch statistics of the whole batch, where several processes share one.

    Raises
    ------
    StudyError
        For several processes without GPUs, for which torch has no synchronised batch norm.
    """
    if processes() == 1 or not getattr(network, "use_bn", False):
        return network
    if not torch.cuda.is_available():
        raise StudyError(
            "several processes on CPU cannot share batch norm; set architecture.use_bn: false or one process"
        )
    return nn.SyncBatchNorm.convert_sync_batchnorm(network)
