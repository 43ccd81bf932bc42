"""True masks for images that are shown or measured: a folder's, or those of their dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellenhance.arrays import IGNORE, MaskArray
from cellenhance.data.classes.class_map import ClassMap, ClassRule
from cellenhance.data.classes.mask_classes import MaskClasses
from cellenhance.data.classes.mask_files import list_masks, shorten
from cellenhance.data.dataset.inputs import InputImage
from cellenhance.data.dataset.manifest import DESCRIPTION_FILE, load_dataset
from cellenhance.data.files.options import Orientation
from cellenhance.errors import DatasetError


@dataclass(frozen=True, slots=True)
class TruthMasks:
    """Where the true mask of each image lies; images without one are not in it."""

    paths: Mapping[Path, Path]
    classes: MaskClasses

    def load(self, image: Path, shape: tuple[int, int]) -> MaskArray | None:
        """Return the (H, W) uint8 mask of an image, or None where there is none.

        Raises
        ------
        DatasetError
            The mask has another size than its image, or values that are not a class index.
        """
        path = self.paths.get(image)
        if path is None:
            return None
        mask = self.classes.read(path)
        if mask.shape != shape:
            raise DatasetError(f"{path}: is {mask.shape}, its image {image} is {shape}")
        return mask


def find_truth(
    images: Sequence[InputImage],
    folder: Path | None,
    class_names: tuple[str, ...],
    orientation: Orientation | None = None,
) -> TruthMasks:
    """Return the masks in `folder` by relative path without extension, or those beside the images.

    Without `folder`, images inside a cellenhance dataset bring their masks if its classes are
    `class_names`.

    Raises
    ------
    DatasetError
        `folder` is given and lacks the mask of an image, which is named.
    """
    rules = [ClassRule(name, (index,)) for index, name in enumerate(class_names)]
    classes = MaskClasses(ClassMap(rules, [str(IGNORE)]), colors=(), orientation=orientation)
    if folder is not None:
        masks = list_masks(folder).by_id
        missing = [each.stem for each in images if each.stem not in masks]
        if missing:
            raise DatasetError(
                f"{folder}: has no mask for {shorten(missing)}; masks match images by relative "
                "path without extension"
            )
        return TruthMasks({each.path: masks[each.stem] for each in images}, classes)
    roots = {each.path.parent.parent for each in images if each.path.parent.name == "images"}
    paths: dict[Path, Path] = {}
    for root in sorted(roots):
        if (root / DESCRIPTION_FILE).is_file():
            dataset = load_dataset(root)
            if dataset.class_names == class_names:
                paths |= {root / row.image: root / row.mask for row in dataset.samples}
    return TruthMasks(
        {each.path: paths[each.path] for each in images if each.path in paths}, classes
    )
