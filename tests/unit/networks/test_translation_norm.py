"""Statistics per translation in network 2, against a slow reference of K separate networks."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from cellenhance.catalog import load_catalog
from cellenhance.engine.checkpoints import fold_batch_norm
from cellenhance.engine.probing import MutingAEP
from cellenhance.networks.aep import AEP
from cellenhance.networks.registry import build_network
from cellenhance.networks.translation_norm import TranslationNorm

CLASSES = 3


def assert_alike(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def build(statistics: str) -> AEP:
    """Return AEP over small fine U-Nets with the same weights for either kind of statistics."""
    small = {"architecture": "fine_unet", "settings": {"width": 0.25, "n_features": 8}}
    changes = {
        "settings": {"statistics": statistics},
        "components": {"translator": small, "segmenter": small},
    }
    torch.manual_seed(4)
    network = build_network(load_catalog().resolve("aep-fine", changes), 1, CLASSES)
    assert isinstance(network, AEP)
    return network


def images(seed: int) -> torch.Tensor:
    return torch.rand(2, 1, 16, 24, generator=torch.Generator().manual_seed(seed))


def trained() -> tuple[AEP, list[nn.Module]]:
    """Return AEP after three batches in training mode and the K segmenters of the reference.

    The reference keeps a plain copy of network 2 for each translation and shows it that translation
    alone, so that its statistics are those of that translation.
    """
    network, plain = build("per_translation").train(), build("shared").train()
    copies: list[nn.Module] = [copy.deepcopy(plain.segmenter) for _ in range(CLASSES)]
    with torch.no_grad():
        for seed in range(3):
            output = network(images(seed))
            for k, segmenter in enumerate(copies):
                segmenter(output.translations[:, k])
    return network.eval(), [segmenter.eval() for segmenter in copies]


def test_in_training_nothing_changes_but_the_statistics() -> None:
    outputs = [build(kind).train()(images(1)) for kind in ("shared", "per_translation")]
    for one, two in zip(*(output.tensors() for output in outputs), strict=True):
        assert torch.equal(one, two)


def test_each_translation_is_normalised_by_its_own_statistics() -> None:
    network, copies = trained()
    with torch.no_grad():
        output = network(images(9))
        for k, segmenter in enumerate(copies):
            expected = segmenter(output.translations[:, k]).logits
            assert_alike(output.branch_logits[k + 1], expected)
    means = {key: x for key, x in network.state_dict().items() if key.endswith("running_mean")}
    own = [mean for key, mean in means.items() if key.startswith("segmenter")]
    assert any(not torch.allclose(mean[0], mean[1]) for mean in own)  # the test can fail


def test_folded_per_translation_it_computes_the_same() -> None:
    network, _ = trained()
    folded = fold_batch_norm(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    with torch.no_grad():
        one, two = network(images(9)), folded(images(9))
    for expected, found in zip(one.tensors(), two.tensors(), strict=True):
        assert_alike(found, expected)


@pytest.mark.parametrize("folding", [False, True])
def test_a_muted_filter_keeps_the_statistics_of_its_translation(folding: bool) -> None:
    network, copies = trained()
    muting = MutingAEP(fold_batch_norm(network) if folding else network)  # type: ignore[arg-type]
    with torch.no_grad():
        usual = network(images(9))
        found = muting(images(9)).branch_logits
        for k, segmenter in enumerate(copies):
            branches = list(usual.branch_logits)
            branches[k + 1] = segmenter(torch.sigmoid(images(9))).logits
            assert_alike(found[k], network.mix(branches))


def test_the_mean_over_all_batches_is_kept_where_momentum_is_none() -> None:
    norm = TranslationNorm(nn.BatchNorm2d(1, momentum=None), 2).train()
    norm.translation = 1
    for level in (1.0, 2.0, 6.0):
        norm(torch.full((1, 1, 2, 2), level))
    state = norm.state_dict()
    assert state["running_mean"].tolist() == [[0.0], [3.0]]
    assert state["num_batches_tracked"].tolist() == [0, 3]
