"""AEP against a slow reference: a plain reading of the published method, written from its text.

The reference calls network 2 once per translation, mixes with a Conv3d, and knows nothing of the
package; weights are copied over.
"""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.catalog import load_catalog
from cellenhance.errors import CatalogError, SettingsError
from cellenhance.losses.objective import compute_objective
from cellenhance.networks.aep import translate
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.registry import build_network

TOLERANCE: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}


class ReferenceLight(nn.Module):
    """The 14 rows of the published light network, without its dropout."""

    def __init__(self, channels: int, classes: int, n_features: int) -> None:
        super().__init__()
        down: list[nn.Conv2d | nn.ConvTranspose2d] = [
            nn.Conv2d(channels, 32, 3, 1, 1),
            nn.Conv2d(32, 64, 4, 2, 1),
            nn.Conv2d(64, 64, 3, 1, 1),
            nn.Conv2d(64, 64, 4, 2, 1),
            nn.Conv2d(64, 64, 3, 1, 1),
            nn.Conv2d(64, 128, 4, 2, 1),
            nn.Conv2d(128, 128, 3, 1, 1),
        ]
        up = [
            nn.ConvTranspose2d(256, 64, 4, 2, 1),
            nn.Conv2d(64, 64, 3, 1, 1),
            nn.ConvTranspose2d(128, 32, 4, 2, 1),
            nn.Conv2d(32, 32, 3, 1, 1),
            nn.ConvTranspose2d(96, 16, 4, 2, 1),
            nn.Conv2d(16, n_features, 3, 1, 1),
        ]
        self.rows = nn.ModuleList(
            nn.ModuleList([conv, nn.BatchNorm2d(conv.out_channels)]) for conv in [*down, *up]
        )
        self.last = nn.Conv2d(n_features, classes, 1)

    def row(self, number: int, x: Tensor) -> Tensor:
        conv, norm = cast(nn.ModuleList, self.rows[number - 1])
        return torch.relu(norm(conv(x)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        row = self.row
        a = row(2, row(1, x))
        b = row(4, row(3, a))
        d = row(6, row(5, b))
        y = row(9, row(8, torch.cat((row(7, d), d), 1)))
        y = row(11, row(10, torch.cat((y, b), 1)))
        f = row(13, row(12, torch.cat((y, a), 1)))
        return self.last(f), f


class ReferenceUNet(nn.Module):
    """Double convolutions at 64 .. 1024, max-pooling, k2s2 deconvolution; upsampled maps first."""

    def __init__(self, channels: int, classes: int, n_features: int) -> None:
        super().__init__()
        widths = [64, 128, 256, 512, 1024]

        def double(i: int, o: int, last: int) -> nn.ModuleList:
            convs = [nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, last, 3, padding=1)]
            norms = [nn.BatchNorm2d(o), nn.BatchNorm2d(last)]
            return nn.ModuleList([convs[0], norms[0], convs[1], norms[1]])

        self.down = nn.ModuleList(
            double(i, o, o) for i, o in zip([channels, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in widths[-2::-1])
        self.join = nn.ModuleList(
            double(2 * w, w, n_features if w == 64 else w) for w in widths[-2::-1]
        )
        self.last = nn.Conv2d(n_features, classes, 1)

    @staticmethod
    def twice(block: Any, x: Tensor) -> Tensor:
        return torch.relu(block[3](block[2](torch.relu(block[1](block[0](x))))))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        skips = [self.twice(self.down[0], x)]
        for block in self.down[1:]:
            skips.append(self.twice(block, functional.max_pool2d(skips[-1], 2)))
        y = skips[4]
        for level in range(4):
            y = torch.cat((self.up[level](y), skips[3 - level]), 1)
            y = self.twice(self.join[level], y)
        return self.last(y), y


class ReferenceAEP(nn.Module):
    """Network 1, K calls of network 2, Conv3d over the stack of all outputs."""

    def __init__(self, net1: nn.Module, net2: nn.Module, n_filters: int, ensemble: str) -> None:
        super().__init__()
        self.net1, self.net2 = net1, net2
        self.n_filters, self.ensemble = n_filters, ensemble
        if ensemble == "learned":
            self.mix = nn.Conv3d(n_filters + 1, 1, (1, 1, 1))

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor | None]:
        first, filters = self.net1(x)
        translations, outputs = [], [first]
        for k in range(self.n_filters):
            # One filter is added to every channel of the image.
            translations.append(torch.sigmoid(x + filters[:, k : k + 1]))
            outputs.append(self.net2(translations[-1])[0])
        if self.ensemble == "learned":
            return outputs, translations, self.mix(torch.stack(outputs, dim=1)).squeeze(1)
        if self.ensemble == "fixed":
            return outputs, translations, torch.stack(outputs, dim=1).sum(dim=1)
        return outputs, translations, None


def parts(network: nn.Module) -> list[nn.Module]:
    """Return convolutions, then batch normalisations, each in the order of definition."""
    return [
        module
        for kind in (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)
        for module in network.modules()
        if isinstance(module, kind)
    ]


def copy_weights(ours: Any, reference: ReferenceAEP) -> None:
    pairs = [(ours.translator, reference.net1), (ours.segmenter, reference.net2)]
    for here, there in pairs:
        for source, target in zip(parts(here), parts(there), strict=True):
            target.load_state_dict(source.state_dict())
    if reference.ensemble == "learned":
        with torch.no_grad():
            reference.mix.weight.copy_(ours.ensemble.weight.view_as(reference.mix.weight))
            reference.mix.get_parameter("bias").copy_(ours.ensemble.bias)


def make_pair(
    model: str, settings: dict[str, Any], channels: int = 1, classes: int = 2
) -> tuple[Any, ReferenceAEP]:
    """Return our network and the reference, with equal random weights and running statistics."""
    changes: dict[str, Any] = {"settings": settings}
    if model == "aep-code":
        changes["components"] = {
            role: {"architecture": "light_unet", "settings": {"dropout": 0.0}}
            for role in ("translator", "segmenter")
        }
    with torch.random.fork_rng():
        torch.manual_seed(11)
        ours: Any = build_network(load_catalog().resolve(model, changes), channels, classes)
        for module in ours.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.get_buffer("running_mean"), 0, 0.2)
                nn.init.uniform_(module.get_buffer("running_var"), 0.5, 1.5)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.2)
    n_filters = settings.get("n_filters", classes)
    make, width = (ReferenceUNet, 64) if model == "aep-paper" else (ReferenceLight, 16)
    exact = ours.translator.feature_channels
    assert exact == (n_filters if settings.get("filter_source") == "exact" else width)
    reference = ReferenceAEP(
        make(channels, classes, exact),
        make(channels, classes, width),
        n_filters,
        settings.get("ensemble", "learned"),
    )
    copy_weights(ours, reference)
    return ours, reference


def draw(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(2))


NONE = {"ensemble": "none", "final_branch": 2}
VARIANTS = [
    {"filter_source": source, **ensemble}
    for source in ("first_k", "exact")
    for ensemble in ({"ensemble": "learned"}, {"ensemble": "fixed"}, NONE)
]

every_variant = pytest.mark.parametrize(
    "settings", VARIANTS, ids=lambda s: f"{s['filter_source']}-{s['ensemble']}"
)


def check_forward(ours: Any, reference: ReferenceAEP, image: Tensor) -> None:
    output = ours(image)
    outputs, translations, mixed = reference(image)
    for found, expected in zip(output.branch_logits, outputs, strict=True):
        torch.testing.assert_close(found, expected, **TOLERANCE)
    for k, expected in enumerate(translations):
        torch.testing.assert_close(output.translations[:, k], expected, **TOLERANCE)
    final = outputs[2] if mixed is None else mixed
    torch.testing.assert_close(output.logits, final, **TOLERANCE)


@pytest.mark.parametrize(
    "settings", VARIANTS, ids=lambda s: f"{s['filter_source']}-{s['ensemble']}"
)
@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (2, 3)])
def test_equals_the_reference_in_evaluation(
    settings: dict[str, Any], channels: int, classes: int
) -> None:
    ours, reference = make_pair("aep-code", settings, channels, classes)
    with torch.no_grad():
        check_forward(ours.eval(), reference.eval(), draw(2, channels, 32, 40))


def test_two_unets_equal_the_reference_in_evaluation() -> None:
    ours, reference = make_pair("aep-paper", {"filter_source": "exact"})
    with torch.no_grad():
        check_forward(ours.eval(), reference.eval(), draw(1, 1, 32, 32))


@pytest.mark.parametrize(
    "settings", VARIANTS, ids=lambda s: f"{s['filter_source']}-{s['ensemble']}"
)
def test_a_training_step_equals_the_reference(settings: dict[str, Any]) -> None:
    """Outputs, running statistics after the step, loss and gradients, without dropout."""
    ours, reference = make_pair("aep-code", settings, classes=3)
    ours.train()
    reference.train()
    image = draw(3, 1, 32, 32)
    mask = (draw(3, 32, 32) * 3).long()
    output = ours(image)
    outputs, _, mixed = reference(image)
    for found, expected in zip(output.branch_logits, outputs, strict=True):
        torch.testing.assert_close(found, expected, **TOLERANCE)

    terms = compute_objective(output, mask, ours.branch_names)
    trained = outputs if mixed is None else [*outputs, mixed]
    expected_loss = torch.stack([functional.cross_entropy(each, mask) for each in trained]).sum()
    assert len(terms.parts) == len(trained)
    torch.testing.assert_close(terms.total, expected_loss, **TOLERANCE)

    terms.total.backward()
    expected_loss.backward()
    pairs = [(ours.translator, reference.net1), (ours.segmenter, reference.net2)]
    for here, there in pairs:
        for found, expected in zip(parts(here), parts(there), strict=True):
            for key, value in expected.named_buffers():
                torch.testing.assert_close(found.get_buffer(key), value, **TOLERANCE)
            for key, parameter in expected.named_parameters():
                gradient = found.get_parameter(key).grad
                torch.testing.assert_close(gradient, parameter.grad, **TOLERANCE)
    if reference.ensemble == "learned":
        assert reference.mix.weight.grad is not None
        torch.testing.assert_close(ours.ensemble.weight.grad, reference.mix.weight.grad.flatten())
        # A bias that is the same for all classes moves no softmax: its gradient is zero.
        assert abs(float(ours.ensemble.bias.grad)) < 1e-6


def test_network_2_updates_its_statistics_once_per_translation() -> None:
    ours, _ = make_pair("aep-code", {"n_filters": 3})
    ours.train()
    ours(draw(2, 1, 16, 16))
    counts = {
        role: {
            int(module.get_buffer("num_batches_tracked"))
            for module in getattr(ours, role).modules()
            if isinstance(module, nn.BatchNorm2d)
        }
        for role in ("translator", "segmenter")
    }
    assert counts == {"translator": {1}, "segmenter": {3}}


def test_translations_lie_between_one_half_and_one() -> None:
    ours, _ = make_pair("aep-code", {})
    with torch.no_grad():
        translations = ours.eval()(draw(1, 1, 32, 32)).translations
    assert float(translations.min()) >= 0.5
    assert float(translations.max()) < 1


def test_a_zero_filter_maps_the_unit_interval_to_its_sigmoid() -> None:
    image = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    translated = translate(image, torch.zeros(1, 1, 1, 3))
    expected = [0.5, 1 / (1 + math.exp(-0.5)), 0.731058578]
    assert translated.flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_one_filter_is_added_to_every_channel_before_the_sigmoid() -> None:
    image = torch.tensor([0.2, 0.7]).view(1, 2, 1, 1)
    filters = torch.tensor([0.0, 2.0]).view(1, 2, 1, 1)
    translated = translate(image, filters)
    assert translated.shape == (1, 2, 2, 1, 1)
    expected = [[1 / (1 + math.exp(-(x + f))) for x in (0.2, 0.7)] for f in (0.0, 2.0)]
    assert translated[0, :, :, 0, 0].tolist() == [pytest.approx(row, abs=1e-6) for row in expected]


def test_the_ensemble_of_aep_starts_from_the_average() -> None:
    network: Any = build_network(load_catalog().resolve("aep"), 1, 3)
    assert network.ensemble.weight.tolist() == [0.25] * 4
    assert network.ensemble.bias.tolist() == [0.0]


def test_the_published_ensemble_starts_within_one_over_the_root_of_its_inputs() -> None:
    network: Any = build_network(load_catalog().resolve("aep-code"), 1, 3)
    values = [*network.ensemble.weight.tolist(), *network.ensemble.bias.tolist()]
    assert max(map(abs, values)) <= 0.5
    assert len(set(values)) == 5


def build(settings: dict[str, Any]) -> SegmentationNetwork:
    return build_network(load_catalog().resolve("aep", {"settings": settings}), 1, 2)


def test_without_ensemble_the_final_branch_must_be_named() -> None:
    with pytest.raises(SettingsError, match="set final_branch if, and only if, ensemble is none"):
        build({"ensemble": "none"})
    with pytest.raises(SettingsError, match="set final_branch if, and only if, ensemble is none"):
        build({"final_branch": 1})


def test_a_final_branch_beyond_the_filters_is_refused() -> None:
    with pytest.raises(CatalogError, match="final_branch is 3; expected at most 2"):
        build({"ensemble": "none", "final_branch": 3})


def test_more_filters_than_penultimate_maps_are_refused() -> None:
    with pytest.raises(CatalogError, match=r"n_filters is 17, but .* only 16 penultimate maps"):
        build({"n_filters": 17})


def test_an_unknown_setting_offers_the_nearest() -> None:
    with pytest.raises(SettingsError, match="did you mean 'n_filters'"):
        build({"n_filter": 3})


def test_an_unknown_architecture_offers_the_nearest() -> None:
    entry = load_catalog().resolve("light-unet", {"architecture": "light_unett"})
    with pytest.raises(CatalogError, match="did you mean 'light_unet'"):
        build_network(entry, 1, 2)


def test_components_of_the_wrong_roles_are_refused() -> None:
    entry = load_catalog().resolve("light-unet", {"components": {"translator": "unet"}})
    with pytest.raises(CatalogError, match="expected components"):
        build_network(entry, 1, 2)
