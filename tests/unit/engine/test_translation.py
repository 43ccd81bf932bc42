"""One image through AEP: what a panel shows equals what the network computes."""

from typing import Any

import numpy as np
import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.dataset.samples import Sample
from cellenhance.data.normalize import Normalization
from cellenhance.engine.checkpoints import LoadedModel
from cellenhance.engine.device import choose_compute
from cellenhance.engine.image_pass import array_image, show_image
from cellenhance.engine.inference import Predictor
from cellenhance.engine.probing import FilterFacts, MutingAEP, measure_filters
from cellenhance.engine.translation import (
    Translations,
    TranslationSink,
    ensemble_weights,
    require_aep,
)
from cellenhance.errors import SettingsError
from cellenhance.networks.aep import AEP
from cellenhance.networks.registry import build_network
from cellenhance.runs.header import ModelHeader

CPU = choose_compute("cpu", "fp32")
CLASSES = tuple(
    SegmentationClass(index=i, name=name, color=f"#00000{i}")
    for i, name in enumerate(("cytoplasm", "membrane", "nucleus"))
)


def make_model(name: str = "aep", **settings: object) -> LoadedModel:
    entry = load_catalog().resolve(name, {"settings": settings})
    torch.manual_seed(1)
    network = build_network(entry, 1, 3).eval()
    unit = Normalization(
        method="unit", low=(0.0,), high=(1.0,), observed_low=(0.0,), observed_high=(1.0,)
    )
    header = ModelHeader(entry=entry, in_channels=1, classes=CLASSES, normalization=unit)
    return LoadedModel(network, header, path=None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).random((70, 90, 1)).astype(np.float32)


def translate(predictor: Predictor, image: np.ndarray, max_side_px: int = 2048) -> Translations:
    [translations] = show_image(predictor, array_image(image), [TranslationSink(max_side_px)])
    return translations


def whole(model: LoadedModel, image: np.ndarray) -> Any:
    """Run the network on the image, mirrored to a multiple of 8, without any tiling."""
    padded = np.pad(image[..., 0], ((0, 2), (0, 6)), mode="reflect")
    with torch.inference_mode():
        return model.network(torch.from_numpy(padded)[None, None])


@pytest.mark.parametrize("tile_px", [None, 32])
def test_what_is_kept_is_what_the_network_computes(image: np.ndarray, tile_px: int | None) -> None:
    model = make_model()
    expected = whole(model, image)
    kept = translate(Predictor([model], CPU, tile=tile_px), image, 2048)
    filters = expected.filters[0, :, :70, :90].numpy()
    np.testing.assert_allclose(kept.filters, filters, atol=1e-5)
    np.testing.assert_allclose(kept.image, image)
    enhanced = 1 / (1 + np.exp(-(image[None] + filters[..., None])))
    np.testing.assert_allclose(kept.enhanced, enhanced, atol=1e-5)
    logits = [each[0, :, :70, :90].numpy() for each in expected.branch_logits]
    agree = np.mean(kept.branch_masks == np.stack([each.argmax(0) for each in logits]))
    assert agree > 0.999
    ranges = [float((each.max(0) - each.min(0)).mean()) for each in logits]
    np.testing.assert_allclose(kept.logit_ranges, ranges, rtol=1e-4)


def test_large_images_are_thinned_alike_with_and_without_tiles(image: np.ndarray) -> None:
    model = make_model()
    full = translate(Predictor([model], CPU), image, 2048)
    thin = translate(Predictor([model], CPU, tile=32), image, 30)
    assert (full.step, thin.step) == (1, 3)
    np.testing.assert_allclose(thin.filters, full.filters[:, ::3, ::3], atol=1e-5)
    np.testing.assert_array_equal(thin.image, full.image[::3, ::3])
    np.testing.assert_allclose(thin.logit_ranges, full.logit_ranges, rtol=1e-4)


def test_shares_are_weight_times_range_and_sum_to_one() -> None:
    nothing, no_mask = np.zeros(0, np.float32), np.zeros(0, np.uint8)
    translated = Translations(
        image=nothing,
        filters=nothing,
        enhanced=nothing,
        branch_masks=no_mask,
        mask=no_mask,
        logit_ranges=np.array([1.0, 2.0, 4.0]),
        confidence=1.0,
    )
    assert translated.member_shares([2.0, -1.0, 0.0]) == [0.5, 0.5, 0.0]
    assert sum(translated.member_shares([0.3, 0.4, 0.1])) == pytest.approx(1)
    assert translated.member_shares([0.0, 0.0, 0.0]) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("translation", ["learned", "none"])
def test_each_filter_is_muted_alone_in_one_forward(translation: str) -> None:
    network = require_aep(make_model(translation=translation))
    assert network.ensemble is not None
    muting = MutingAEP(network)
    assert muting.branch_names == ("without filter 1", "without filter 2", "without filter 3")
    x = torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        usual, output = network(x), muting(x)
        # By hand: network 2 on sigma(x + 0), or on x itself where nothing is translated.
        seen = x if translation == "none" else torch.sigmoid(x)
        alone = network.segmenter(seen).logits
        for k in (1, 2, 3):
            branches = [alone if i == k else usual.branch_logits[i] for i in range(4)]
            expected = network.ensemble(branches)
            torch.testing.assert_close(output.branch_logits[k - 1], expected)
    torch.testing.assert_close(output.logits, usual.logits)


def test_muting_an_unused_filter_costs_nothing_and_a_zero_filter_is_flagged(
    image: np.ndarray,
) -> None:
    model = make_model()
    network = require_aep(model)
    with torch.no_grad():
        # Filter 2: its map is made zero by normalising it to a negative constant.
        norm = network.get_submodule("translator.conv_features.1")
        norm.get_parameter("weight")[1], norm.get_parameter("bias")[1] = 0.0, -1.0
        # Filter 3: its branch has no weight in the ensemble.
        network.get_parameter("ensemble.weight")[3] = 0.0
    mask = np.random.default_rng(1).integers(0, 3, (70, 90)).astype(np.uint8)
    facts = measure_filters(model, CPU, [Sample("a", image, mask)])
    assert [each.number for each in facts] == [1, 2, 3]
    assert facts[1].flag == "filter 2 is zero everywhere"
    assert (facts[1].mean, facts[1].maximum, facts[1].zero_share) == (0, 0, 1)
    assert set(facts[1].iou_loss.values()) == {0.0}
    assert set(facts[2].iou_loss.values()) == {0.0}
    weight = network.translator.classifier.weight[1, 0, 0, 0].item()
    assert facts[0].head_weights["membrane"] == pytest.approx(weight)


def test_a_filter_that_saturates_is_flagged() -> None:
    facts = FilterFacts(4, {}, {}, mean=9, maximum=12, zero_share=0, saturated_share=0.8)
    assert facts.flag == "filter 4 saturates 80 % of the enhanced pixels"


def test_weights_of_each_kind_of_ensemble() -> None:
    learned = make_model()
    assert isinstance(learned.network, AEP)
    assert ensemble_weights(learned.network) == pytest.approx([0.25] * 4)  # starts as the average
    fixed = make_model(ensemble="fixed")
    assert ensemble_weights(require_aep(fixed)) == [1.0] * 4
    none = make_model(ensemble="none", final_branch=2)
    assert ensemble_weights(require_aep(none)) == [0.0, 0.0, 1.0, 0.0]


def test_a_model_without_filters_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"light-unet.*no filters"):
        require_aep(make_model("light-unet"))
