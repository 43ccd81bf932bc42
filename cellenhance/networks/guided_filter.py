"""The guided filter with attention: a coarse map refined by a guide of twice its resolution.

Source: Zhang et al., AG-Net, arXiv 1907.12930, after He et al.'s guided filter; the formulas are
those of its public code, but for the sum of the attention, which is taken per image.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cellenhance.networks.blocks import full_precision

RADIUS = 2
EPSILON = 1e-2
ATTENTION_FLOOR = 1e-12


def guided_filter(guide: Tensor, coarse: Tensor, fine_guide: Tensor, attention: Tensor) -> Tensor:
    """Return `coarse` at the size of `fine_guide`, with its structure, as float32.

    Parameters
    ----------
    guide : (B, F, h, w), g: the fine guide at the size of the coarse map
    coarse : (B, F, h, w), y
    fine_guide : (B, F, H, W), G
    attention : (B, 1, h, w), a: the weight of each pixel

    Notes
    -----
    With M the mean over a window of 5 x 5 pixels (at the border over the N that are inside),
    a <- |a| + 1e-12 and t = a / sum(a) over the pixels of one image::

        A = (M[a^2 g y] - N M[t a g] M[a y]) / (|M[a^2 g^2] - N M[t a g] M[a g]| + 0.01)
        b = (M[a y] - A M[a g]) / M[a]
        result = M[A] G + M[b], M[A] and M[b] resized bilinearly to G

    The differences cancel, so everything is computed in float64 (float32 on devices without it). In
    the public code the sum runs over the batch, so each image's result depends on the others.
    """
    with full_precision(guide.device):
        precise = torch.float32 if guide.device.type == "mps" else torch.float64
        g, y, big = guide.to(precise), coarse.to(precise), fine_guide.to(precise)
        a = attention.to(precise).abs() + ATTENTION_FLOOR
        count = window_count(a)
        weighted_guide, weighted_coarse = a * g, a * y
        mean_g, mean_y = window_mean(weighted_guide), window_mean(weighted_coarse)
        centre = count * window_mean(weighted_guide * (a / a.sum(dim=(1, 2, 3), keepdim=True)))
        covariance = window_mean(weighted_guide * weighted_coarse) - centre * mean_y
        variance = window_mean(weighted_guide.square()) - centre * mean_g
        slope = covariance / (variance.abs() + EPSILON)
        offset = (mean_y - slope * mean_g) / window_mean(a)
        size = (big.shape[-2], big.shape[-1])
        slope, offset = (_resize(window_mean(x), size) for x in (slope, offset))
        return (slope * big + offset).float()


def window_mean(x: Tensor) -> Tensor:
    """Return the mean of (B, F, H, W) over each pixel's window, as far as it is inside."""
    return functional.avg_pool2d(
        x, 2 * RADIUS + 1, stride=1, padding=RADIUS, count_include_pad=False
    )


def window_count(x: Tensor) -> Tensor:
    """Return the number of pixels in each window, (1, 1, H, W) for `x`, (B, F, H, W)."""
    ones = torch.ones_like(x[:1, :1])
    side = 2 * RADIUS + 1
    return functional.avg_pool2d(ones, side, stride=1, padding=RADIUS) * side**2


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
