"""Annotations that came from elsewhere, against the masks that came with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellenhance.data.files.readers import read_mask
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def samples(real_data: Path) -> Path:
    return real_data / "format-samples"


def agreement(source: FoundSource, masks: Path) -> list[float]:
    """Share of the pixels of each image that have the value of the mask file."""
    return [
        float(np.mean(pair.load_mask(expand_palette=False) == read_mask(masks / f"{pair.id}.png")))
        for pair in source.pairs
    ]


def test_outlines_traced_from_masks_give_the_masks(samples: Path) -> None:
    source = find_source(samples / "labelme-wbc", "auto", ImportOptions())
    assert [rule.name for rule in source.default_classes] == ["background", "cytoplasm", "nucleus"]
    shares = agreement(source, samples / "labelme-wbc" / "reference_masks")
    assert len(shares) == 6
    assert min(shares) >= 0.9999  # 0.99994 was measured


def test_masks_that_labelme_itself_made(samples: Path) -> None:
    """LabelMe also paints pixels that an outline merely crosses: half a pixel more, edges only."""
    root = samples / "labelme-original" / "semantic"
    source = find_source(root, "auto", ImportOptions())
    shares = agreement(source, root / "data_dataset_voc" / "SegmentationClass")
    assert len(shares) == 3
    assert min(shares) >= 0.988
    assert np.mean(shares) >= 0.9907


@pytest.mark.parametrize(
    ("name", "layout", "n_pairs", "n_classes"),
    [
        ("primitives", "labelme", 1, 8),
        ("embedded-image", "labelme", 1, 5),
        ("coco", "coco", 3, 21),
    ],
)
def test_other_samples_are_read(
    samples: Path, name: str, layout: str, n_pairs: int, n_classes: int
) -> None:
    source = find_source(samples / "labelme-original" / name, "auto", ImportOptions())
    assert source.layout == layout
    assert (len(source.pairs), len(source.default_classes)) == (n_pairs, n_classes)
    assert not source.unmatched
    for pair in source.pairs:
        image, _ = pair.load_image(None)
        mask = pair.load_mask(expand_palette=False)
        assert mask.shape == image.shape[:2]
        assert len(np.unique(mask)) > 1


def test_coco_polygons_and_labelme_shapes_of_the_same_images_agree(samples: Path) -> None:
    """COCO's coordinates count pixel corners, LabelMe's centres: half a pixel between them."""
    root = samples / "labelme-original"
    drawn = find_source(root / "semantic", "auto", ImportOptions())
    listed = find_source(root / "coco", "auto", ImportOptions())
    by_id = {pair.id: pair for pair in drawn.pairs}
    for pair in listed.pairs:
        mine = pair.load_mask(expand_palette=False)
        theirs = by_id[pair.id].load_mask(expand_palette=False)
        kept = theirs != 255
        assert np.mean(mine[kept] == theirs[kept]) > 0.97
