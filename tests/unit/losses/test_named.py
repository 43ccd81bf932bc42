"""Every loss by name: golden values, other libraries, what is ignored, gradients, weighted sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from cellenhance.arrays import IGNORE
from cellenhance.errors import SettingsError
from cellenhance.losses.cross_entropy import balanced_weights, cross_entropy
from cellenhance.losses.objective import FINAL, compute_objective
from cellenhance.losses.one_vs_rest import one_vs_rest
from cellenhance.losses.registry import LOSSES, Loss, LossSettings, build_loss
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.settings import validate_settings

NAMES = sorted(LossSettings.model_fields)
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in NAMES),
    ("cross_entropy", {"class_weights": "balanced"}),
    ("dice", {"smooth": 0, "per_image": False}),
    ("focal", {"detached": True}),
    ("lovasz_softmax", {"raw": True}),
    ("lovasz_softmax", {"per_image": True, "classes": "all"}),
    ("lovasz_hinge", {"activation": "elu", "per_image": True}),
]
EVERY_OPTION = pytest.mark.parametrize(
    ("name", "options"), OPTIONS, ids=[f"{name}-{'-'.join(more)}" for name, more in OPTIONS]
)


def loss_of(name: str, class_pixels: tuple[int, ...] = (1, 1), **options: Any) -> Loss:
    settings = validate_settings(LossSettings, {name: options}, where="test")
    return build_loss(settings, class_pixels)


def two_classes(*probabilities: float) -> Tensor:
    """Logits (1, 2, 1, N) whose softmax gives class 1 these probabilities; the sum is not 0."""
    p = torch.tensor(probabilities, dtype=torch.float64)
    return torch.stack([(1 - p).log() + 0.7, p.log() + 0.7]).float().view(1, 2, 1, -1)


def mask(*values: int) -> Tensor:
    return torch.tensor(values).view(1, 1, -1)


P = (0.9, 0.6, 0.2, 0.4)


@pytest.mark.parametrize(
    ("name", "options", "truth", "expected"),
    [
        ("cross_entropy", {}, (1, 1, 0, 0), 0.337539),
        ("bce", {}, (1, 1, 0, 0), 0.337539),
        ("soft_iou", {}, (1, 1, 0, 0), 0.197861),
        ("dice", {}, (1, 1, 0, 0), 0.268292),
        ("dice", {"smooth": 1, "per_image": False}, (1, 1, 0, 0), 1 - 0.784314),
        ("focal", {}, (1, 1, 0, 0), 0.022172),
        ("focal", {"detached": True}, (1, 1, 0, 0), 0.022172),
        ("weighted_edge_bce", {}, (1, 0, 0, 0), 0.122896),
        ("lovasz_softmax", {}, (1, 1, 0, 0), 0.320833),
        ("lovasz_softmax", {}, (1, 0, 0, 1), 0.454167),
    ],
)
def test_the_golden_values_of_the_methods_sheet(
    name: str, options: dict[str, Any], truth: tuple[int, ...], expected: float
) -> None:
    found = loss_of(name, **options)(two_classes(*P), mask(*truth))
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_half_the_bce_less_the_keras_dice_coefficient() -> None:
    settings = LossSettings.model_validate(
        {"bce": 0.5, "dice": {"weight": 1, "smooth": 1, "per_image": False}}
    )
    found = build_loss(settings, (1, 1))(two_classes(*P), mask(1, 1, 0, 0))
    assert float(found) - 1 == pytest.approx(-0.615544, abs=1e-6)


def test_an_absent_class_is_left_out_of_lovasz_softmax_unless_asked_for() -> None:
    """Class 0 everywhere: J rises by 1/4 an error, their mean; of class 1 the largest error."""
    present = loss_of("lovasz_softmax")(two_classes(*P), mask(0, 0, 0, 0))
    assert float(present) == pytest.approx(sum(P) / 4, abs=1e-6)
    everything = loss_of("lovasz_softmax", classes="all")(two_classes(*P), mask(0, 0, 0, 0))
    assert float(everything) == pytest.approx((sum(P) / 4 + 0.9) / 2, abs=1e-6)


def random_batch(n_classes: int, seed: int = 0, ignored: float = 0.0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn((3, n_classes, 6, 5), generator=rng)
    truth = torch.randint(0, n_classes, (3, 6, 5), generator=rng)
    drop = torch.rand((3, 6, 5), generator=rng) < ignored
    return logits, truth.masked_fill(drop, IGNORE)


def test_dice_and_soft_iou_against_monai() -> None:
    """MONAI's soft Dice and Jaccard with the same smoothing, one image after another."""
    from monai.losses import DiceLoss

    logits, truth = random_batch(3)
    onehot = functional.one_hot(truth, 3).permute(0, 3, 1, 2).float()
    theirs = DiceLoss(softmax=True, smooth_nr=1e-5, smooth_dr=1e-5)(logits, onehot)
    torch.testing.assert_close(loss_of("dice")(logits, truth), theirs)
    batch = DiceLoss(softmax=True, smooth_nr=1, smooth_dr=1, batch=True)(logits, onehot)
    ours = loss_of("dice", smooth=1, per_image=False)(logits, truth)
    torch.testing.assert_close(ours, batch)
    squared = DiceLoss(softmax=True, smooth_nr=0, smooth_dr=1e-10, jaccard=True, squared_pred=True)
    torch.testing.assert_close(loss_of("soft_iou")(logits, truth), squared(logits, onehot))


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_against_kornia(gamma: float) -> None:
    from kornia.losses import binary_focal_loss_with_logits

    logits, truth = random_batch(2)
    difference = (logits[:, 1] - logits[:, 0])[:, None]
    theirs = binary_focal_loss_with_logits(
        difference, (truth == 1)[:, None].float(), alpha=0.25, gamma=gamma, reduction="mean"
    )
    ours = loss_of("focal", gamma=gamma)(logits, truth)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_lovasz_softmax_against_kornia() -> None:
    """Kornia takes each image by itself and all classes."""
    from kornia.losses import lovasz_softmax_loss

    logits, truth = random_batch(4)
    ours = loss_of("lovasz_softmax", per_image=True, classes="all")(logits, truth)
    torch.testing.assert_close(ours, lovasz_softmax_loss(logits, truth))


def test_lovasz_hinge_against_kornia() -> None:
    from kornia.losses import lovasz_hinge_loss

    logits, truth = random_batch(2)
    difference = (logits[:, 1] - logits[:, 0])[:, None]
    ours = loss_of("lovasz_hinge", per_image=True)(logits, truth)
    torch.testing.assert_close(ours, lovasz_hinge_loss(difference, truth))


@pytest.mark.parametrize("n_classes", [3, 4])
def test_more_classes_are_the_mean_of_one_against_the_rest(n_classes: int) -> None:
    logits, truth = random_batch(n_classes)
    p = logits.softmax(dim=1)
    for name in ("bce", "dice", "soft_iou", "focal", "weighted_edge_bce", "lovasz_hinge"):
        loss = loss_of(name)
        expected = 0.0
        for each in range(n_classes):
            pair = torch.stack([torch.zeros_like(p[:, each]), torch.logit(p[:, each])], dim=1)
            expected += float(loss(pair, (truth == each).long())) / n_classes
        assert float(loss(logits, truth)) == pytest.approx(expected, rel=1e-5), name


def test_the_one_vs_rest_probability_is_the_softmax() -> None:
    logits, truth = random_batch(4)
    torch.testing.assert_close(one_vs_rest(logits, truth).probability, logits.softmax(dim=1))
    two, truth = random_batch(2)
    torch.testing.assert_close(one_vs_rest(two, truth).logits[:, 0], two[:, 1] - two[:, 0])


@EVERY_OPTION
@pytest.mark.parametrize("n_classes", [2, 3])
def test_what_is_predicted_at_ignored_pixels_does_not_matter(
    name: str, options: dict[str, Any], n_classes: int
) -> None:
    loss = loss_of(name, (3, 1, 2)[:n_classes], **options)
    logits, truth = random_batch(n_classes, ignored=0.4)
    logits.requires_grad_()
    value = loss(logits, truth)
    value.backward()
    assert logits.grad is not None
    ignored = (truth == IGNORE)[:, None].expand_as(logits)
    assert torch.equal(logits.grad[ignored], torch.zeros_like(logits.grad[ignored]))
    assert float(logits.grad.abs().sum()) > 0
    changed = torch.where(ignored, 7 * torch.randn_like(logits), logits.detach())
    torch.testing.assert_close(loss(changed, truth), value.detach())


@EVERY_OPTION
def test_ignoring_is_leaving_out(name: str, options: dict[str, Any]) -> None:
    """A batch with ignored columns has the loss of the batch without these columns."""
    loss = loss_of(name, (3, 1, 2), **options)
    logits, truth = random_batch(3)
    covered = truth.clone()
    covered[:, :, 3:] = IGNORE
    expected = loss(logits[..., :3], truth[..., :3])
    torch.testing.assert_close(loss(logits, covered), expected, rtol=1e-5, atol=1e-6)


@EVERY_OPTION
def test_images_without_annotation_do_not_pull_the_mean(name: str, options: dict[str, Any]) -> None:
    loss = loss_of(name, (3, 1, 2), **options)
    logits, truth = random_batch(3)
    covered = truth.clone()
    covered[1] = IGNORE
    rest = [0, 2]
    expected = loss(logits[rest], truth[rest])
    torch.testing.assert_close(loss(logits, covered), expected, rtol=1e-5, atol=1e-6)


@EVERY_OPTION
@pytest.mark.parametrize("value", [IGNORE, 0, 1])
@pytest.mark.parametrize("strength", [1.0, 200.0])
def test_a_batch_of_one_value_has_a_finite_gradient(
    name: str, options: dict[str, Any], value: int, strength: float
) -> None:
    """Nothing annotated, one class only; also where probabilities are 0 and 1 in float32."""
    loss = loss_of(name, (3, 1), **options)
    logits = strength * random_batch(2)[0]
    logits.requires_grad_()
    found = loss(logits, torch.full((3, 6, 5), value))
    found.backward()
    assert math.isfinite(float(found.detach()))
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())
    if value == IGNORE:
        assert float(found.detach()) == 0
        assert not logits.grad.any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_sure_and_right_prediction_costs_nothing_and_a_wrong_one_much(
    name: str, n_classes: int
) -> None:
    loss = loss_of(name, (1,) * n_classes)
    truth = random_batch(n_classes)[1]
    truth[:, 0, :n_classes] = torch.arange(n_classes)  # every image has every class
    onehot = functional.one_hot(truth, n_classes).permute(0, 3, 1, 2).float()
    assert float(loss(100 * onehot, truth)) == pytest.approx(0, abs=1e-5)
    assert float(loss(-100 * onehot, truth)) > 0.3


@pytest.mark.parametrize("name", ["dice", "soft_iou", "lovasz_softmax"])
def test_overlap_losses_stay_between_0_and_1(name: str) -> None:
    loss = loss_of(name)
    for seed in range(20):
        for n_classes in (2, 3):
            assert 0 <= float(loss(*random_batch(n_classes, seed))) <= 1


def test_the_raw_form_takes_outputs_as_probabilities() -> None:
    """z = (1 - p, p) gives the golden value that softmax gives for its logits."""
    p = torch.tensor(P)
    raw = torch.stack([1 - p, p]).view(1, 2, 1, 4)
    found = loss_of("lovasz_softmax", raw=True)(raw, mask(1, 1, 0, 0))
    assert float(found) == pytest.approx(0.320833, abs=1e-6)


def test_detached_focal_has_the_gradient_of_the_log_alone() -> None:
    truth = mask(1, 1, 0, 0)
    logits = two_classes(*P).requires_grad_()
    loss_of("focal", detached=True)(logits, truth).backward()
    # d/dz of -a (1-p)^2 log p with the factor constant: -a (1-p)^2 (1-p); and for y = 0 (1-a) p^3.
    p = np.array(P)
    expected = np.array([*(-0.25 * (1 - p[:2]) ** 3), *(0.75 * p[2:] ** 3)]) / 4
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad[0, 1, 0].numpy(), expected, rtol=1e-5)
    other = two_classes(*P).requires_grad_()
    loss_of("focal")(other, truth).backward()
    assert other.grad is not None
    assert not np.allclose(other.grad[0, 1, 0].numpy(), expected, rtol=1e-2)


def test_the_betas_weigh_the_two_sides_of_the_edge_loss() -> None:
    logits, truth = two_classes(*P), mask(1, 0, 0, 0)
    sides = [
        float(loss_of("weighted_edge_bce", (1, 1), **{key: 0})(logits, truth))
        for key in ("beta_negative", "beta_positive")
    ]
    assert sides[0] == pytest.approx(-0.75 * math.log(0.9) / 4, rel=1e-5)
    assert sum(sides) == pytest.approx(0.122896, abs=1e-6)


def test_class_weights_from_the_data() -> None:
    assert balanced_weights([30, 0, 10]) == pytest.approx([40 / 60, 1, 2])
    logits, truth = random_batch(3, ignored=0.2)
    weights = torch.tensor([40 / 60, 1.0, 2.0])
    theirs = functional.cross_entropy(logits, truth, weight=weights, ignore_index=IGNORE)
    ours = loss_of("cross_entropy", (30, 0, 10), class_weights="balanced")(logits, truth)
    torch.testing.assert_close(ours, theirs)
    assert float(ours) != pytest.approx(float(loss_of("cross_entropy")(logits, truth)), rel=1e-3)


def test_a_weighted_sum_is_one() -> None:
    logits, truth = random_batch(3)
    settings = LossSettings.model_validate({"cross_entropy": 1, "dice": 0.5, "bce": 0})
    expected = loss_of("cross_entropy")(logits, truth) + 0.5 * loss_of("dice")(logits, truth)
    torch.testing.assert_close(build_loss(settings, ())(logits, truth), expected)
    assert list(settings.terms()) == ["cross_entropy", "dice"]


def test_cross_entropy_alone_is_the_plain_function_bit_for_bit() -> None:
    logits, truth = random_batch(3, ignored=0.3)
    loss = build_loss(LossSettings.model_validate({"cross_entropy": 1}), (1, 2, 3))
    assert torch.equal(loss(logits, truth), cross_entropy(logits, truth))


def test_every_loss_has_a_function_and_computes_in_float32() -> None:
    assert {*LOSSES, "cross_entropy"} == set(NAMES)
    logits, truth = random_batch(3)
    for name in NAMES:
        assert loss_of(name, (1, 1, 1))(logits.bfloat16(), truth).dtype == torch.float32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dise": 1}, "unknown key 'dise' in recipe; did you mean 'dice'?"),
        ({"focal": {"gama": 1}}, "did you mean 'gamma'?"),
        ({"dice": -1}, "greater than or equal to 0"),
        ({"dice": "much"}, "'dice' in recipe"),
        ({"dice": True}, "'dice' in recipe"),
        ({"dice": 0}, "no loss has a weight above 0"),
        ({}, "no loss has a weight above 0"),
    ],
)
def test_what_is_no_loss_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        validate_settings(LossSettings, values, where="recipe")
    assert message in str(caught.value)


def branched() -> tuple[SegmentationOutput, Tensor]:
    logits, truth = random_batch(3)
    output = SegmentationOutput(
        logits=3 * logits, features=logits, branch_logits=(logits, 2 * logits)
    )
    return output, truth


def test_outputs_have_weights_by_name_and_1_without() -> None:
    output, truth = branched()
    loss = loss_of("dice")
    weights = {"network 1": 0.5, "branch 1": 0}
    names = ("network 1", "branch 1")
    terms = compute_objective(output, truth, names, loss=loss, weights=weights)
    expected = {"network 1": 0.5 * loss(output.branch_logits[0], truth)}
    expected[FINAL] = loss(output.logits, truth)
    assert terms.parts.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(terms.parts[name], value)
    torch.testing.assert_close(terms.total, sum(expected.values()))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"network1": 1}, "unknown output 'network1'; did you mean 'network 1'?"),
        ({"network 1": 0, "branch 1": 0, "final": 0}, "all outputs have weight 0"),
    ],
)
def test_weights_that_fit_no_output_are_refused(weights: dict[str, float], message: str) -> None:
    output, truth = branched()
    with pytest.raises(SettingsError) as caught:
        compute_objective(output, truth, ("network 1", "branch 1"), weights=weights)
    assert message in str(caught.value)
