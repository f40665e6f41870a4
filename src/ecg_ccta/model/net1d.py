"""Net1D, the one-dimensional convolutional network of ECGFounder.

Architecture: Hong et al., "HOLMES", KDD 2020 (Net1D); its 12-lead, 30.7 M-parameter form is ECGFounder (Li et al.,
NEJM AI 2025). Names and order of all parameters equal those of the published checkpoints, so that they load strictly.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def _pad_same(x: Tensor, total: int) -> Tensor:
    """`x` with `total` zeros along time, the odd one on the right."""
    return functional.pad(x, (total // 2, total - total // 2))


class SameConv1d(nn.Module):
    """Convolution whose output has ceil(samples / stride) samples, whatever the kernel."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        self.conv = nn.Conv1d(in_channels, out_channels, kernel_size, stride=stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        samples = x.shape[-1]
        steps = -(-samples // self.stride)
        return self.conv(_pad_same(x, max(0, (steps - 1) * self.stride + self.kernel_size - samples)))


class Block(nn.Module):
    """Bottleneck of 1 x 1, grouped k x 1 and 1 x 1 convolutions with squeeze-and-excitation and a residual path.

    The batch norms exist even where `use_bn` is false: ECGFounder's checkpoint carries them unused.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ratio: float,
        kernel_size: int,
        stride: int,
        groups: int,
        *,
        activate_input: bool,
        use_bn: bool,
        use_do: bool,
    ):
        super().__init__()
        self.stride = stride
        self.activate_input, self.use_bn = activate_input, use_bn
        self.extra_channels = out_channels - in_channels
        middle = int(out_channels * ratio)
        self.bn1 = nn.BatchNorm1d(in_channels)
        self.conv1 = SameConv1d(in_channels, middle, 1)
        self.bn2 = nn.BatchNorm1d(middle)
        self.conv2 = SameConv1d(middle, middle, kernel_size, stride, groups)
        self.bn3 = nn.BatchNorm1d(middle)
        self.conv3 = SameConv1d(middle, out_channels, 1)
        self.se_fc1 = nn.Linear(out_channels, out_channels // 2)
        self.se_fc2 = nn.Linear(out_channels // 2, out_channels)
        self.dropout = nn.Dropout(0.5 if use_do else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        out = self._activated(x, self.bn1) if self.activate_input else x
        out = self.conv1(out)
        out = self.conv2(self._activated(out, self.bn2))
        out = self.conv3(self._activated(out, self.bn3))
        gate = torch.sigmoid(self.se_fc2(functional.silu(self.se_fc1(out.mean(-1)))))
        return out * gate.unsqueeze(-1) + self._shortcut(x)

    def _activated(self, x: Tensor, norm: nn.BatchNorm1d) -> Tensor:
        return self.dropout(functional.silu(norm(x) if self.use_bn else x))

    def _shortcut(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            # Zero padding takes part in the maximum, as in the published network.
            x = functional.max_pool1d(_pad_same(x, self.stride - 1), self.stride)
        if self.extra_channels:
            left = self.extra_channels // 2
            x = functional.pad(x, (0, 0, left, self.extra_channels - left))
        return x


class Stage(nn.Module):
    """Blocks of equal width, of which the first halves the time axis (at stride 2)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        blocks: int,
        ratio: float,
        kernel_size: int,
        stride: int,
        groups: int,
        *,
        first: bool,
        use_bn: bool,
        use_do: bool,
    ):
        super().__init__()
        self.block_list = nn.ModuleList(
            Block(
                in_channels if i == 0 else out_channels,
                out_channels,
                ratio,
                kernel_size,
                stride if i == 0 else 1,
                groups,
                activate_input=not (first and i == 0),
                use_bn=use_bn,
                use_do=use_do,
            )
            for i in range(blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block_list:
            x = block(x)
        return x


class Net1D(nn.Module):
    """ECG to logits.

    Parameters
    ----------
    in_channels : leads
    base_filters : channels after the first convolution
    ratio : width of a block's bottleneck relative to its output
    filter_list, m_blocks_list : channels and number of blocks of each stage
    kernel_size, stride : of each stage's first grouped convolution; the first convolution always has stride 2
    groups_width : channels per group
    n_classes : outputs
    use_bn, use_do : whether batch norm and dropout (0.5) take part
    """

    def __init__(
        self,
        in_channels: int,
        base_filters: int,
        ratio: float,
        filter_list: Sequence[int],
        m_blocks_list: Sequence[int],
        kernel_size: int,
        stride: int,
        groups_width: int,
        n_classes: int,
        use_bn: bool = True,
        use_do: bool = True,
    ):
        super().__init__()
        if len(filter_list) != len(m_blocks_list):
            raise ValueError(
                f"filter_list has {len(filter_list)} stages and m_blocks_list {len(m_blocks_list)}; give one per stage"
            )
        self.use_bn = use_bn
        self.first_conv = SameConv1d(in_channels, base_filters, kernel_size, stride=2)
        self.first_bn = nn.BatchNorm1d(base_filters)
        widths = [base_filters, *filter_list]
        self.stage_list = nn.ModuleList(
            Stage(
                widths[i],
                widths[i + 1],
                blocks,
                ratio,
                kernel_size,
                stride,
                widths[i + 1] // groups_width,
                first=i == 0,
                use_bn=use_bn,
                use_do=use_do,
            )
            for i, blocks in enumerate(m_blocks_list)
        )
        self.dense = nn.Linear(widths[-1], n_classes)

    def features(self, x: Tensor) -> Tensor:
        """Pooled features (ECGs, channels) of ECGs (ECGs, leads, samples)."""
        out = self.first_conv(x)
        if self.use_bn:
            out = self.first_bn(out)
        out = functional.silu(out)
        for stage in self.stage_list:
            out = stage(out)
        return out.mean(-1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (ECGs, n_classes) of ECGs (ECGs, leads, samples)."""
        return self.dense(self.features(x))
