"""True masks for images that are shown or measured: a folder's, or those of a dataset of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellenhance.arrays import MaskArray, check_mask
from cellenhance.data.inputs import InputImage, find_inputs
from cellenhance.data.manifest import DESCRIPTION_FILE, load_dataset
from cellenhance.data.readers import read_mask
from cellenhance.errors import DatasetError


@dataclass(frozen=True, slots=True)
class TruthMasks:
    """Where the true mask of each image lies; images without one are not in it."""

    paths: Mapping[Path, Path]
    n_classes: int

    def load(self, image: Path, shape: tuple[int, int]) -> MaskArray | None:
        """Return the (H, W) uint8 mask of an image, or None where there is none.

        Raises
        ------
        DatasetError
            The mask has another size than its image, or values that are no class index.
        """
        path = self.paths.get(image)
        if path is None:
            return None
        mask = read_mask(path)
        if mask.shape != shape:
            raise DatasetError(f"{path}: is {mask.shape}, its image {image} is {shape}")
        try:
            indices = mask.astype(np.uint8, casting="same_kind" if mask.dtype.kind == "u" else "no")
            check_mask(indices, self.n_classes)
        except (TypeError, ValueError) as error:
            raise DatasetError(
                f"{path}: {error}; expected class indices as in the masks folder of a dataset, "
                "made by cellenhance dataset prepare"
            ) from error
        return indices


def find_truth(
    images: Sequence[InputImage], folder: Path | None, class_names: tuple[str, ...]
) -> TruthMasks:
    """Return the masks in `folder` by relative path without extension, or those beside the images.

    Without `folder`, images inside a dataset of ours bring their masks if its classes are
    `class_names`.

    Raises
    ------
    DatasetError
        `folder` is given and lacks the mask of an image, which is named.
    """
    if folder is not None:
        masks = {each.stem: each.path for each in find_inputs([str(folder)]).images}
        missing = [each.stem for each in images if each.stem not in masks]
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise DatasetError(
                f"{folder}: has no mask for {', '.join(missing[:5])}{more}; masks match images by "
                "relative path without extension"
            )
        paths = {each.path: masks[each.stem] for each in images}
        return TruthMasks(paths, len(class_names))
    roots = {each.path.parent.parent for each in images if each.path.parent.name == "images"}
    paths = {}
    for root in sorted(roots):
        if (root / DESCRIPTION_FILE).is_file():
            dataset = load_dataset(root)
            if dataset.class_names == class_names:
                paths |= {root / row.image: root / row.mask for row in dataset.samples}
    return TruthMasks(
        {each.path: paths[each.path] for each in images if each.path in paths}, len(class_names)
    )
