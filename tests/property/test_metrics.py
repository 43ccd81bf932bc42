"""What holds of every pair of masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from cellenhance.metrics import overlap
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.scores import PER_CLASS, Scores

N_CLASSES = 4
SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=12)


@st.composite
def mask_pairs(draw: st.DrawFn) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    shape = draw(SHAPES)
    truth_values = st.sampled_from([*range(N_CLASSES), 255])
    truth = draw(arrays(np.uint8, shape, elements=truth_values))
    prediction = draw(arrays(np.uint8, shape, elements=st.integers(0, N_CLASSES - 1)))
    return truth, prediction


@given(mask_pairs())
def test_every_annotated_pixel_is_counted_once(
    pair: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    truth, prediction = pair
    assert confusion_matrix(truth, prediction, N_CLASSES).sum() == (truth != 255).sum()


@given(mask_pairs())
def test_scores_lie_between_zero_and_one(
    pair: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    matrix = confusion_matrix(*pair, N_CLASSES)
    for name in PER_CLASS:
        values = getattr(overlap, name)(matrix)
        assert np.all(np.isnan(values) | ((values >= 0) & (values <= 1)))


@given(mask_pairs())
def test_iou_is_one_exactly_where_the_class_is_drawn_alike(
    pair: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    truth, prediction = pair
    counted = truth != 255
    values = overlap.iou(confusion_matrix(truth, prediction, N_CLASSES))
    for index, value in enumerate(values):
        true, predicted = (truth == index)[counted], (prediction == index)[counted]
        if np.isnan(value):
            assert not true.any()
            assert not predicted.any()
        else:
            assert (value == 1) == np.array_equal(true, predicted)


@given(mask_pairs())
def test_dice_follows_from_iou(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    matrix = confusion_matrix(*pair, N_CLASSES)
    iou, dice = overlap.iou(matrix), overlap.dice(matrix)
    np.testing.assert_allclose(dice, 2 * iou / (1 + iou), rtol=0, atol=1e-12)


@given(mask_pairs())
def test_swapping_the_masks_swaps_precision_and_recall(
    pair: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    matrix = confusion_matrix(*pair, N_CLASSES)
    np.testing.assert_array_equal(overlap.precision(matrix), overlap.recall(matrix.T))


@given(mask_pairs(), mask_pairs())
def test_pooling_does_not_depend_on_the_order_of_images(
    first: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    second: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    matrices = [confusion_matrix(*pair, N_CLASSES) for pair in (first, second)]
    names = list("abcd")
    forward = Scores.from_matrices(names, ["1", "2"], matrices)
    backward = Scores.from_matrices(names, ["2", "1"], matrices[::-1])
    assert forward.to_json() == backward.to_json()
