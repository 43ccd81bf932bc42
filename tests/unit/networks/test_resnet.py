"""ResNet trunks: torchvision's counts, names and shapes; strides and dilations as stated."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch

from cellenhance.networks.blocks import InputConv2d
from cellenhance.networks.complexity import count_parameters
from cellenhance.networks.resnet import Depth, ResNet

FC_WEIGHTS = {34: 513_000, 50: 2_049_000, 101: 2_049_000}
TORCHVISION_TOTALS = {34: 21_797_672, 50: 25_557_032, 101: 44_549_160}


@pytest.mark.parametrize("depth", [34, 50, 101])
def test_counts_are_torchvisions_less_the_classifier(depth: Depth) -> None:
    with torch.device("meta"):
        trunk = ResNet(depth, 3)
    assert count_parameters(trunk) == TORCHVISION_TOTALS[depth] - FC_WEIGHTS[depth]


def test_the_first_convolution_takes_any_number_of_channels() -> None:
    with torch.device("meta"):
        assert count_parameters(ResNet(34, 1)) == 21_278_400
        assert isinstance(ResNet(34, 5).conv1, InputConv2d)


@pytest.mark.parametrize(
    ("depth", "key", "shape"),
    [
        (34, "conv1.weight", (64, 3, 7, 7)),
        (34, "bn1.running_mean", (64,)),
        (34, "layer1.0.conv1.weight", (64, 64, 3, 3)),
        (34, "layer2.0.downsample.0.weight", (128, 64, 1, 1)),
        (34, "layer4.2.bn2.num_batches_tracked", ()),
        (50, "layer1.0.downsample.1.running_var", (256,)),
        (50, "layer3.5.conv3.weight", (1024, 256, 1, 1)),
        (101, "layer3.22.conv2.weight", (256, 256, 3, 3)),
        (101, "layer4.0.downsample.0.weight", (2048, 1024, 1, 1)),
    ],
)
def test_parameters_have_torchvisions_names(depth: Depth, key: str, shape: tuple[int, ...]) -> None:
    with torch.device("meta"):
        state = ResNet(depth, 3).state_dict()
    assert tuple(state[key].shape) == shape


@pytest.mark.parametrize(("depth", "n_entries"), [(34, 216), (50, 318), (101, 624)])
def test_no_parameter_or_statistic_is_missing_or_too_many(depth: Depth, n_entries: int) -> None:
    # torchvision's state_dict has 218, 320 and 626 entries with fc.weight and fc.bias.
    with torch.device("meta"):
        assert len(ResNet(depth, 3).state_dict()) == n_entries


@pytest.mark.parametrize("stem_stride", [1, 2])
@pytest.mark.parametrize(("dilations", "last"), [(None, 16), ((2, 4, 8), 8)])
def test_maps_have_the_stated_resolutions(
    stem_stride: Literal[1, 2], dilations: tuple[int, ...] | None, last: int
) -> None:
    with torch.device("meta"):
        trunk = ResNet(50, 1, stem_stride=stem_stride, layer4_dilations=dilations).eval()
        maps = trunk(torch.empty(1, 1, 128, 64))
    sides = [tuple(layer.shape[-2:]) for layer in maps.layers]
    assert tuple(maps.stem.shape) == (1, 64, 128 // stem_stride, 64 // stem_stride)
    assert sides == [
        (128 // (step * stem_stride), 64 // (step * stem_stride)) for step in (2, 4, 8, last)
    ]
    assert [layer.shape[1] for layer in maps.layers] == list(trunk.widths)


def test_each_block_of_layer4_has_its_own_dilation() -> None:
    with torch.device("meta"):
        layer4: Any = ResNet(50, 1, layer4_dilations=(2, 4, 8)).layer4
    assert [block.conv2.dilation[0] for block in layer4] == [2, 4, 8]
    assert [block.conv2.stride[0] for block in layer4] == [1, 1, 1]


def test_the_stem_is_taken_before_its_relu() -> None:
    trunk = ResNet(34, 1).eval()
    with torch.no_grad():
        stem = trunk(torch.rand(1, 1, 32, 32)).stem
    assert float(stem.min()) < 0


@pytest.mark.parametrize("depth", [34, 50])
def test_the_trunk_computes_what_another_librarys_resnet_does(depth: Depth) -> None:
    from monai.networks.nets import resnet

    trunk = ResNet(depth, 1).eval()
    other = getattr(resnet, f"resnet{depth}")(
        spatial_dims=2, n_input_channels=1, bias_downsample=False, conv1_t_stride=2
    ).eval()
    report = other.load_state_dict(trunk.state_dict(), strict=False)
    assert (report.missing_keys, report.unexpected_keys) == (["fc.weight", "fc.bias"], [])
    seen: list[torch.Tensor] = []
    for number in range(1, 5):
        getattr(other, f"layer{number}").register_forward_hook(lambda *call: seen.append(call[-1]))
    image = torch.rand((2, 1, 64, 96), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        other(image)
        maps = trunk(image)
    for ours, theirs in zip(maps.layers, seen, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
