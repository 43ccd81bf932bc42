"""What is kept of images while they are scored: the worst, in order, and their panels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.scores import OverlapScores
from cellenhance.render.panels.comparison import Classes
from cellenhance.render.style import FigureStyle
from cellenhance.tasks.evaluate.images import SeenImage, WorstImages, write_worst

LOOKS = Classes(("rest", "cell"), ("#000000", "#e69f00"))


def seen(name: str, n_wrong: int, *, annotated: bool = True) -> SeenImage:
    truth = np.zeros((4, 5), np.uint8)
    truth[:, 2:] = 1
    mask = truth.copy()
    mask.ravel()[:n_wrong] ^= 1
    if not annotated:
        truth[:] = 255
    scores = OverlapScores.from_matrix(LOOKS.names, confusion_matrix(truth, mask, 2))
    return SeenImage(name, None, truth, mask, scores)


def keep(n_most: int, *images: SeenImage) -> WorstImages:
    worst = WorstImages(n_most)
    for image in images:
        worst.see(image)
    return worst


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_the_worst_are_kept_in_order_whatever_comes_first(order: tuple[int, ...]) -> None:
    images = [seen("a", 1), seen("b", 9), seen("c", 5), seen("d", 0)]
    worst = keep(2, *(images[index] for index in order))
    assert [image.id for image in worst.ranked()] == ["b", "c"]
    assert worst.n_seen == 4


def test_of_equal_images_the_first_is_worse() -> None:
    worst = keep(2, seen("a", 3), seen("b", 3), seen("c", 3))
    assert [image.id for image in worst.ranked()] == ["a", "b"]


def test_an_image_without_annotation_has_no_rank_but_is_counted() -> None:
    worst = keep(3, seen("a", 3), seen("b", 3, annotated=False))
    assert [image.id for image in worst.ranked()] == ["a"]
    assert worst.n_seen == 2


def test_panels_replace_former_ones_and_none_leave_no_folder(tmp_path: Path) -> None:
    style = FigureStyle(width_mm=90, dpi=50)
    paths = write_worst(tmp_path, keep(2, seen("deep/a", 3), seen("b", 9)), LOOKS, style)
    assert [path.name for path in paths] == ["1-b.png", "2-deep__a.png"]
    write_worst(tmp_path, keep(2, seen("c", 1)), LOOKS, style)
    assert [path.name for path in (tmp_path / "worst").iterdir()] == ["1-c.png"]
    assert write_worst(tmp_path, keep(0, seen("c", 1)), LOOKS, style) == []
    assert not (tmp_path / "worst").exists()
