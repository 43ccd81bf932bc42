"""The shipped start weights: what they are, whom they serve, and that they are of use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.options import PartOptions
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split
from cellenhance.engine.checkpoints import checkpoint_sha256, load_model
from cellenhance.engine.device import choose_compute
from cellenhance.engine.evaluation import count_pixels
from cellenhance.engine.inference import load_predictor
from cellenhance.engine.options import ComputeOptions
from cellenhance.engine.training.initialisation import (
    START_WEIGHTS,
    WEIGHTS_FOLDER,
    find_start,
    initialise_from,
)
from cellenhance.engine.training.options import TrainingOptions
from cellenhance.errors import SettingsError
from cellenhance.networks.registry import ARCHITECTURES, build_network
from cellenhance.runs.folder import RunFolder
from cellenhance.tasks.datasets.requests import SplitRequest, SynthesizeRequest
from cellenhance.tasks.datasets.split import split_dataset
from cellenhance.tasks.datasets.synthesize import synthesize_dataset
from cellenhance.tasks.train.requests import TrainRequest
from cellenhance.tasks.train.run import train_run

CATALOG = load_catalog()
CARD = Path(__file__).parents[4] / "docs" / "reference" / "start-weights.md"
MOST_BYTES = 4 * 2**20


def test_all_of_them_together_are_small() -> None:
    files = sorted(path.name for path in WEIGHTS_FOLDER.glob("*.safetensors"))
    assert files == sorted(START_WEIGHTS.values())
    assert sum((WEIGHTS_FOLDER / name).stat().st_size for name in files) <= MOST_BYTES


@pytest.mark.parametrize("architecture", START_WEIGHTS)
def test_the_card_has_the_hash_and_the_record_the_sources(architecture: str) -> None:
    assert architecture in ARCHITECTURES
    path = WEIGHTS_FOLDER / START_WEIGHTS[architecture]
    card = CARD.read_text(encoding="utf-8")
    assert checkpoint_sha256(path) in card
    record = path.with_suffix(".yaml").read_text(encoding="utf-8")
    sources = re.findall(r"source: (\S+)", record)
    assert {source.partition("@")[0] for source in sources} == {"world", "dsb2018", "nist-phase"}
    assert load_model(path).header.entry.architecture == architecture


@pytest.mark.parametrize("name", ["fine-unet", "aep-fine", "aep-fine-muted", "fine-unet-pair"])
@pytest.mark.parametrize("channels", [1, 3])
def test_whole_networks_start_from_them(name: str, channels: int) -> None:
    entry = CATALOG.resolve(name)
    path = find_start(None, entry)
    assert path is not None
    assert find_start("start", entry) == path
    network = build_network(entry, channels, 4)
    report = initialise_from(network, path)
    rest = [each for each in report.reinitialised if not each.startswith("ensemble.")]
    assert all("classifier." in each for each in rest)
    assert report.left_over == ()
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())


@pytest.mark.parametrize("name", ["unet", "aep-code", "fine-unet-wide"])
def test_other_models_start_at_random_and_cannot_be_asked_to(name: str) -> None:
    entry = CATALOG.resolve(name)
    assert find_start(None, entry) is None
    with pytest.raises(SettingsError, match="Use --init none"):
        find_start("start", entry)


def test_nothing_is_taken_where_nothing_is_asked_for() -> None:
    assert find_start("none", CATALOG.resolve("fine-unet")) is None


@pytest.mark.slow
def test_after_few_steps_the_start_weights_are_far_ahead(tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    synthesize_dataset(
        SynthesizeRequest(output=dataset, kind="nuclei", n_images=8, size_px=128, seed=5)
    )
    split_dataset(SplitRequest(dataset=dataset, parts=PartOptions(train=0.5, val=0.0, test=0.5)))
    recipe = TrainingOptions(
        epochs=1, set=("recipe.crop_px=64", "recipe.batch_size=4", "recipe.steps_per_epoch=30")
    )
    loaded = load_dataset(dataset)
    ids = load_split(loaded).subset(1, "test")
    test = [load_sample(loaded, loaded.row(each)) for each in ids]
    mious = {}
    for init in ("start", "none"):
        asked = TrainRequest(
            dataset=dataset,
            model="fine-unet",
            output=tmp_path / init,
            init=init,
            recipe=recipe,
            compute=ComputeOptions(device="cpu"),
        )
        train_run(asked)
        best = RunFolder(tmp_path / init).best_path
        predictor = load_predictor([best], choose_compute("cpu", "fp32"))
        mious[init] = count_pixels(predictor, test).scores(loaded.class_names).pooled.miou
    assert mious["start"] > mious["none"] + 0.05
