"""What every model of the catalogue promises, whatever its architecture."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.normalize import Normalization
from cellenhance.engine.checkpoints import LoadedModel, load_model, save_model
from cellenhance.engine.device import choose_compute
from cellenhance.engine.inference import Predictor
from cellenhance.engine.windows import choose_window
from cellenhance.losses.objective import compute_objective
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.complexity import count_parameters
from cellenhance.networks.registry import build_network
from cellenhance.runs.header import ModelHeader

CATALOG = load_catalog()
UNIT = Normalization(
    method="unit", low=(0.0,), high=(1.0,), observed_low=(0.0,), observed_high=(1.0,)
)
every_model = pytest.mark.parametrize("name", CATALOG.entries)


def states_a_receptive_field(name: str) -> bool:
    with torch.device("meta"):
        network = build_network(CATALOG.resolve(name), 1, 2)
    return network.receptive_field_px is not None


with_a_field = [name for name in CATALOG.entries if states_a_receptive_field(name)]
MEASURED_THIN = {
    "unet",
    "unetpp",
    "attention_unet",
    "xception_unet",
    "segnet",
    "fcn",
    "hrnet",
}
"""Architectures whose field is measured in tests/unit/networks/test_receptive_field.py."""
single_with_a_field = [
    name
    for name in with_a_field
    if not CATALOG.entry(name).components and CATALOG.entry(name).architecture not in MEASURED_THIN
]


def build(name: str, channels: int, classes: int) -> SegmentationNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return build_network(CATALOG.resolve(name), channels, classes)


@functools.cache
def shared(name: str) -> SegmentationNetwork:
    """A network of 1 channel and 2 classes in eval mode; only run it."""
    network = build(name, 1, 2).eval()
    rng = torch.Generator().manual_seed(5)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=rng)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5, generator=rng)  # type: ignore[union-attr]
    return network


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@every_model
@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (3, 2), (1, 4), (3, 4)])
def test_outputs_have_the_size_of_the_input(name: str, channels: int, classes: int) -> None:
    network = build(name, channels, classes).eval()
    height, width = network.min_size, network.min_size + network.stride
    with torch.no_grad():
        output = network(noise(2, channels, height, width))
    shape = (2, classes, height, width)
    assert output.logits.shape == shape
    assert output.features.shape[:2] == (2, network.feature_channels)
    assert len(output.branch_logits) == len(network.branch_names)
    assert all(logits.shape == shape for logits in output.branch_logits)
    if output.filters is not None:
        n_filters = output.filters.shape[1]
        assert n_filters == (CATALOG.entry(name).settings.get("n_filters") or classes)
        assert output.filters.shape == (2, n_filters, height, width)
        assert output.translations.shape == (2, n_filters, channels, height, width)


@every_model
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    network = build(name, 1, 2).train()
    side = network.min_size
    output = network(noise(2, 1, side, side))
    mask = torch.arange(2 * side * side).view(2, side, side) % 2
    objective = compute_objective(
        output, mask, network.branch_names, trains_result=network.trains_result
    )
    objective.total.backward()
    gradients = {key: parameter.grad for key, parameter in network.named_parameters()}
    assert [key for key, gradient in gradients.items() if gradient is None] == []
    found = {key: gradient for key, gradient in gradients.items() if gradient is not None}
    assert [key for key, gradient in found.items() if not torch.isfinite(gradient).all()] == []
    assert any(gradient.abs().sum() > 0 for gradient in found.values())


@every_model
def test_a_side_off_the_stride_is_refused_with_one_that_works(name: str) -> None:
    network = shared(name)
    stride, least = network.stride, network.min_size
    fits = max(2 * stride, least)
    with pytest.raises(ValueError, match=f"pad to {fits} x {least}$"):
        network(noise(1, 1, stride + 1, least))
    with torch.no_grad():
        network(noise(1, 1, fits, least))


@every_model
def test_saved_and_loaded_gives_equal_outputs(name: str, tmp_path: Path) -> None:
    network = shared(name)
    header = ModelHeader(
        entry=CATALOG.resolve(name),
        in_channels=1,
        classes=tuple(
            SegmentationClass(index=i, name=f"class {i}", color="#000000") for i in range(2)
        ),
        normalization=Normalization(method="unit", low=(0.0,), high=(255.0,)),
    )
    path = tmp_path / "best.safetensors"
    save_model(path, network, header)
    loaded = load_model(path)
    assert loaded.header == header
    assert not loaded.network.training
    image = noise(1, 1, network.min_size, network.min_size)
    with torch.no_grad():
        assert torch.equal(loaded.network(image).logits, network(image).logits)


@every_model
def test_a_batch_equals_its_images_one_by_one(name: str) -> None:
    network = shared(name)
    images = noise(3, 1, network.min_size, 2 * network.min_size)
    with torch.no_grad():
        batch = network(images).logits
        singles = torch.cat([network(images[i : i + 1]).logits for i in range(3)])
    torch.testing.assert_close(batch, singles, rtol=1e-5, atol=1e-5)


@every_model
def test_bfloat16_inside_stays_close_to_float32(name: str) -> None:
    network = shared(name)
    image = noise(1, 1, 2 * network.min_size, 2 * network.min_size)
    with torch.no_grad():
        exact = network(image)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = network(image)
    spread = float(exact.logits.std())
    assert float((rounded.logits.float() - exact.logits).abs().max()) < 0.1 * max(spread, 0.1)
    if rounded.translations is not None:
        assert rounded.translations.dtype == torch.float32
        torch.testing.assert_close(rounded.translations, exact.translations, rtol=0, atol=0.02)


def make_positive(network: SegmentationNetwork) -> None:
    """Let every input reach every output it is wired to: positive weights, nothing cut by ReLU."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.fill_(1 / module.weight[0].numel())
            elif isinstance(module, torch.nn.ConvTranspose2d):
                taps = (module.kernel_size[0] // module.stride[0]) ** 2
                module.weight.fill_(1 / (module.in_channels * taps))
            if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d) and (
                module.bias is not None
            ):
                module.bias.zero_()


def reaches(network: SegmentationNetwork, rows: list[int], height: int, sign: int) -> list[int]:
    """How far up (sign -1) or down (+1) the input can change the output rows, in pixels.

    The input falls away from the side looked at, so that max-pooling passes that side's gradient.
    """
    ramp = torch.linspace(0, 1, height) * sign + (sign < 0)
    width = network.min_size
    image = ramp[None, None, :, None].repeat(len(rows), 1, 1, width).requires_grad_()
    logits = network(image).logits
    picked = torch.stack([logits[i, 0, row, width // 2] for i, row in enumerate(rows)])
    (gradient,) = torch.autograd.grad(picked.sum(), image)
    found = []
    for index, row in enumerate(rows):
        touched = torch.nonzero(gradient[index, 0].abs().sum(dim=1)).flatten()
        found.append(int(row - touched.min()) if sign < 0 else int(touched.max() - row))
    return found


def reach_of(network: SegmentationNetwork) -> int:
    """Return by how many pixels the receptive field reaches beyond its middle."""
    assert network.receptive_field_px is not None
    return (network.receptive_field_px - 1) // 2


@pytest.mark.parametrize("name", single_with_a_field)
def test_the_receptive_field_is_stated_exactly(name: str) -> None:
    network = build(name, 1, 2).eval()
    make_positive(network)
    reach = reach_of(network)
    height = -(-(reach + 5 * network.stride) // network.stride) * network.stride
    above = [height - 3 * network.stride + phase for phase in range(network.stride)]
    below = [2 * network.stride + phase for phase in range(network.stride)]
    found = [*reaches(network, above, height, -1), *reaches(network, below, height, +1)]
    assert max(found) == reach


# hrnet-w32-small has the widest field and would take as long as all others together.
@pytest.mark.parametrize("name", [name for name in with_a_field if name != "hrnet-w32-small"])
def test_nothing_beyond_the_receptive_field_changes_a_pixel(name: str) -> None:
    network = build(name, 1, 2).eval()
    reach = reach_of(network)
    stride = network.stride
    height = -(-(2 * reach + 3 * stride) // stride) * stride
    middle = height // 2 // stride * stride
    rows = [middle, middle + stride - 1]
    for sign in (-1, 1):
        found = reaches(network, rows, height, sign)
        assert 0 < max(found) <= reach


PARAMETERS = [
    ("light-unet", 1, 2, {}, 853_826),
    ("light-unet", 1, 3, {}, 853_843),
    ("light-unet", 1, 2, {"settings": {"n_features": 2}}, 851_740),
    ("aep-code", 1, 2, {}, 1_707_656),
    ("aep-code", 1, 3, {}, 1_707_691),
    ("aep", 1, 2, {}, 1_707_656),
    ("aep", 1, 2, {"settings": {"filter_source": "exact"}}, 1_705_570),
    ("unet", 1, 1, {}, 31_042_369),
    ("unet", 1, 2, {}, 31_042_434),
    ("unet", 1, 3, {}, 31_042_499),
    ("unet", 1, 2, {"settings": {"n_features": 2}}, 31_006_412),
    ("aep-paper", 1, 2, {}, 62_048_850),
    ("segnet", 1, 1, {}, 29_442_433),
    ("segnet-fusion", 1, 1, {}, 34_935_169),
    ("fcn-32s", 1, 1, {}, 18_642_561),
    ("fcn-add", 1, 1, {}, 18_642_561),
    ("fcn-cat", 1, 1, {}, 20_209_281),
    ("deeplabv3plus-r50", 1, 1, {}, 40_340_769),
    ("deeplabv3plus-r101", 1, 1, {}, 59_332_897),
    ("deeplabv3plus-r50-cat", 1, 1, {}, 43_048_129),
    ("deeplabv3plus-r101-cat", 1, 1, {}, 62_040_257),
    ("deeplabv3plus-r50-add", 1, 1, {}, 41_942_209),
    # Published with the stem's 1 x 1 convolution and normalisation, which are never called.
    ("deeplabv3plus-r50-no-stem", 1, 1, {}, 42_900_673 - (64 * 64 + 2 * 64)),
    ("hrnet-w32-small", 1, 1, {}, 9_983_105),
    ("hrnet-w32-small-full", 1, 1, {}, 9_983_105),
    ("ag-net", 1, 2, {}, 9_326_700),
]


@pytest.mark.parametrize(("name", "channels", "classes", "changes", "expected"), PARAMETERS)
def test_parameter_counts_are_the_published_ones(
    name: str, channels: int, classes: int, changes: dict[str, object], expected: int
) -> None:
    with torch.device("meta"):
        network = build_network(CATALOG.resolve(name, changes), channels, classes)
    assert count_parameters(network) == expected


@pytest.mark.parametrize("source", ["first_k", "exact"])
def test_the_number_of_filters_is_independent_of_the_classes(source: str) -> None:
    changes = {"settings": {"n_filters": 5, "filter_source": source}}
    network = build_network(CATALOG.resolve("aep", changes), 1, 2).eval()
    with torch.no_grad():
        output = network(noise(1, 1, 16, 16))
    assert output.filters is not None
    assert output.filters.shape[1] == 5
    assert output.features.shape[1] == (5 if source == "exact" else 16)
    assert network.branch_names == ("network 1", *(f"branch {k}" for k in range(1, 6)))
    assert [logits.shape[1] for logits in output.branch_logits] == [2] * 6


@every_model
def test_odd_sizes_are_padded_and_come_back(name: str) -> None:
    network = shared(name)
    window = choose_window(network, network.min_size)
    header = ModelHeader(
        entry=CATALOG.resolve(name),
        in_channels=1,
        classes=tuple(SegmentationClass(index=i, name="ab"[i], color="#000000") for i in range(2)),
        normalization=UNIT,
        window_px=window,
    )
    predictor = Predictor(
        [LoadedModel(network, header, Path("model.safetensors"))], choose_compute("cpu", "fp32")
    )
    image = noise(1, 1, 13, 37)[0].permute(1, 2, 0).numpy()
    prediction = predictor.predict(image)
    assert prediction.mask.shape == (13, 37)
    np.testing.assert_allclose(prediction.probabilities.sum(axis=0), 1, atol=1e-5)
    assert np.array_equal(prediction.mask, prediction.probabilities.argmax(axis=0))
