"""Weights from files: what matched, what starts at random, what is left over."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.normalize import Normalization
from cellenhance.engine.checkpoints import save_model
from cellenhance.engine.training.initialisation import initialise_from
from cellenhance.errors import CheckpointError
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.registry import build_network
from cellenhance.networks.resnet import ResNet
from cellenhance.runs.header import ModelHeader

CATALOG = load_catalog()


def build(name: str, classes: int = 2, seed: int = 0, *, channels: int = 1) -> SegmentationNetwork:
    torch.manual_seed(seed)
    return build_network(CATALOG.resolve(name), channels, classes)


def saved(network: SegmentationNetwork, name: str, path: Path) -> Path:
    classes = tuple(
        SegmentationClass(index=i, name=str(i), color="#000000") for i in range(network.n_classes)
    )
    header = ModelHeader(
        entry=CATALOG.resolve(name),
        in_channels=network.in_channels,
        classes=classes,
        normalization=Normalization(method="unit", low=(0.0,), high=(1.0,)),
    )
    save_model(path, network, header)
    return path


def test_a_checkpoint_of_the_same_model_is_taken_over_whole(tmp_path: Path) -> None:
    source, target = build("light-unet", seed=1), build("light-unet", seed=2)
    report = initialise_from(target, saved(source, "light-unet", tmp_path / "a.safetensors"))
    assert set(report.matched) == set(target.state_dict())
    assert (report.reinitialised, report.left_over) == ((), ())
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor), name


def test_other_classes_start_the_classifier_at_random_and_say_so(tmp_path: Path) -> None:
    source, target = build("light-unet", classes=2), build("light-unet", classes=5, seed=3)
    before = target.classifier.weight.detach().clone()
    report = initialise_from(target, saved(source, "light-unet", tmp_path / "a.safetensors"))
    assert set(report.misfits) == {"classifier.weight", "classifier.bias"}
    assert set(report.reinitialised) == set(report.misfits)
    assert torch.equal(target.classifier.weight, before)
    assert "2 start at random, 2 of them of another shape, 0 of the file left over" in (
        report.summary()
    )


def test_a_single_network_starts_both_networks_of_aep(tmp_path: Path) -> None:
    source, target = build("light-unet", seed=1), build("aep", seed=2)
    report = initialise_from(target, saved(source, "light-unet", tmp_path / "a.safetensors"))
    expected = source.state_dict()["down_a.0.weight"]
    assert torch.equal(target.state_dict()["translator.down_a.0.weight"], expected)
    assert torch.equal(target.state_dict()["segmenter.down_a.0.weight"], expected)
    assert set(report.reinitialised) == {"ensemble.weight", "ensemble.bias"}


def test_a_head_for_other_classes_is_left_over_even_where_it_fits(tmp_path: Path) -> None:
    source, target = build("fine-unet", classes=3, seed=1), build("fine-unet", classes=3, seed=2)
    path = saved(source, "fine-unet", tmp_path / "a.safetensors")  # classes 0, 1 and 2
    before = target.classifier.weight.detach().clone()
    report = initialise_from(target, path, ("ground", "cell", "nucleus"))
    assert set(report.reinitialised) == {"classifier.weight", "classifier.bias"}
    assert torch.equal(target.classifier.weight, before)
    assert initialise_from(target, path, ("0", "1", "2")).reinitialised == ()


def test_statistics_serve_every_translation(tmp_path: Path) -> None:
    source, target = build("fine-unet", seed=1), build("aep-fine", classes=3, seed=2)
    given = source.state_dict()  # shares its memory with the network
    given["down_a.1.running_mean"].copy_(torch.arange(64.0))
    given["down_a.1.num_batches_tracked"].fill_(7)
    report = initialise_from(target, saved(source, "fine-unet", tmp_path / "a.safetensors"))
    state = target.state_dict()
    assert torch.equal(state["segmenter.down_a.1.running_mean"], torch.arange(64.0).expand(3, 64))
    assert state["segmenter.down_a.1.num_batches_tracked"].tolist() == [7, 7, 7]
    assert torch.equal(state["translator.down_a.1.running_mean"], torch.arange(64.0))
    heads = {
        f"{part}.classifier.{kind}"
        for part in ("translator", "segmenter")
        for kind in ("weight", "bias")
    }
    assert set(report.reinitialised) == heads | {"ensemble.weight", "ensemble.bias"}


@pytest.mark.parametrize(("there", "here"), [(1, 3), (3, 1), (3, 2)])
def test_a_grey_image_gives_the_same_maps_whatever_the_channels(
    there: int, here: int, tmp_path: Path
) -> None:
    source = build("fine-unet", channels=there, seed=1).eval()
    target = build("fine-unet", channels=here, seed=2).eval()
    initialise_from(target, saved(source, "fine-unet", tmp_path / "a.safetensors"))
    grey = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = source(grey.expand(-1, there, -1, -1)).logits
        found = target(grey.expand(-1, here, -1, -1)).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_an_encoder_with_torchvisions_names_finds_its_place(tmp_path: Path) -> None:
    class Holder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = ResNet(34, 1)
            self.head = torch.nn.Conv2d(512, 2, 1)

    torch.manual_seed(0)
    donor, target = ResNet(34, 3), Holder()
    weights = {**donor.state_dict(), "fc.weight": torch.zeros(10, 512), "odd": torch.zeros(1)}
    save_file(weights, tmp_path / "resnet34.safetensors")
    report = initialise_from(target, tmp_path / "resnet34.safetensors")
    assert report.misfits == ("encoder.conv1.weight",)  # 3 channels there, 1 here
    assert set(report.reinitialised) == {"encoder.conv1.weight", "head.weight", "head.bias"}
    assert report.left_over == ("odd",)  # the head for photographs is not even looked for
    taken = target.get_parameter("encoder.layer4.2.conv2.weight")
    assert torch.equal(taken, donor.get_parameter("layer4.2.conv2.weight"))


def test_the_names_of_torchvisions_vgg16_bn_find_the_encoder(
    tmp_path: Path,
) -> None:
    # The layout of vgg16_bn as torchvision documents it (configuration D): convolution,
    # normalisation and ReLU count one each, the pooling between stages one.
    weights, index, below = {}, 0, 3
    for stage in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for width in stage:
            weights[f"features.{index}.weight"] = torch.rand(width, below, 3, 3)
            weights[f"features.{index}.bias"] = torch.rand(width)
            for name in ("weight", "bias", "running_mean", "running_var"):
                weights[f"features.{index + 1}.{name}"] = torch.rand(width)
            weights[f"features.{index + 1}.num_batches_tracked"] = torch.tensor(7)
            index, below = index + 3, width
        index += 1
    assert f"features.{index - 4}.weight" in weights  # 40: the last convolution
    weights["classifier.0.weight"] = torch.zeros(4, 4)
    save_file(weights, tmp_path / "vgg16_bn.safetensors")
    target = build("segnet")
    report = initialise_from(target, tmp_path / "vgg16_bn.safetensors")
    assert report.misfits == ("encoder.features.0.weight",)  # 3 channels there, 1 here
    assert report.left_over == ()
    assert len(report.matched) == 13 * 7 - 1
    taken = target.state_dict()["encoder.features.40.weight"]
    assert torch.equal(taken, weights["features.40.weight"])


def test_files_that_fit_nothing_are_refused(tmp_path: Path) -> None:
    network = build("light-unet")
    save_file({"a": torch.zeros(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="fits no tensor"):
        initialise_from(network, tmp_path / "foreign.safetensors")
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04\x95 not weights")
    with pytest.raises(CheckpointError, match="pickles are never read"):
        initialise_from(network, tmp_path / "pickle.safetensors")
    with pytest.raises(CheckpointError, match="no such file"):
        initialise_from(network, tmp_path / "missing.safetensors")
