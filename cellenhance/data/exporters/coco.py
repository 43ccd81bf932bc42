"""COCO: ``annotations.json`` beside ``images/``.

COCO's polygons have no holes, so regions with holes are run lengths, of the same outlines.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cellenhance.arrays import IGNORE
from cellenhance.data.annotations.coco_rle import encode_runs
from cellenhance.data.annotations.labels import LABELME_IGNORE
from cellenhance.data.annotations.outlines import Region
from cellenhance.data.annotations.rasterize import fill_area
from cellenhance.data.annotations.shapes import Area
from cellenhance.data.dataset.samples import Sample
from cellenhance.data.exporters.contract import Change, ExportTarget
from cellenhance.data.exporters.images import write_simple_image
from cellenhance.data.exporters.outlined import labels_of, outline_sample
from cellenhance.data.files.writers import write_json


class CocoExporter:
    """See the module."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, sample: Sample) -> Change:
        """Write the image and keep its outlines for the common file."""
        outlines = outline_sample(sample, self._target, _as_read, has_holes=True)
        name = write_simple_image(
            self._target.folder / "images", sample.id, sample.image, self._target.description
        )
        height, width = sample.mask.shape
        number = len(self._images) + 1
        self._images.append(
            {"id": number, "file_name": f"images/{name}", "height": height, "width": width}
        )
        for region in outlines.regions:
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": number,
                    "category_id": self._category(region.value),
                    **_segmentation(region, height, width),
                }
            )
        return outlines.change

    def finish(self) -> None:
        """Write the common file; category ids keep the order of the classes."""
        labels = labels_of(self._target.description, LABELME_IGNORE)
        used = {each["category_id"] for each in self._annotations}
        categories = [
            {"id": self._category(value), "name": label, "supercategory": ""}
            for value, label in labels.items()
            if value != IGNORE or self._category(IGNORE) in used
        ]
        content = {
            "info": {"description": self._target.description.name},
            "licenses": [],
            "images": self._images,
            "annotations": self._annotations,
            "categories": categories,
        }
        write_json(self._target.folder / "annotations.json", content, indent=None)

    def _category(self, value: int) -> int:
        """Return the id of a class, from 1; ignore comes last."""
        return 1 + (len(self._target.description.classes) if value == IGNORE else value)


def _as_read(region: Region) -> tuple[Area, ...]:
    return (region.area,)


def _segmentation(region: Region, height: int, width: int) -> dict[str, Any]:
    area = region.area
    filled = fill_area(area, height, width)
    box = [
        filled.cols.start,
        filled.rows.start,
        filled.cols.stop - filled.cols.start,
        filled.rows.stop - filled.rows.start,
    ]
    facts = {"area": int(np.count_nonzero(filled.inside)), "bbox": box}
    if len(area.rings) == 1:
        polygon = area.rings[0].ravel().tolist()
        return {"segmentation": [polygon], "iscrowd": 0, **facts}
    pixels = np.zeros((height, width), dtype=bool)
    pixels[filled.rows, filled.cols] = filled.inside
    runs = {"size": [height, width], "counts": encode_runs(pixels)}
    return {"segmentation": runs, "iscrowd": 1, **facts}
