"""LabelMe: a JSON file beside each image, all in one folder, with ``labels.txt``.

LabelMe's polygons have no holes. Regions are therefore painted one over the other, larger ones
first: what lies in a hole is a later shape of its own, background too. An image that is not 8-bit
stays as it is in a TIFF, and the JSON file carries a stretched picture for LabelMe to show.
"""

from __future__ import annotations

import base64

from cellenhance.data.annotations.labels import BACKGROUND, LABELME_BACKGROUND, LABELME_IGNORE
from cellenhance.data.annotations.outlines import Region
from cellenhance.data.annotations.shapes import Area
from cellenhance.data.dataset.samples import Sample
from cellenhance.data.exporters.contract import Change, ExportTarget
from cellenhance.data.exporters.images import is_simple, viewing_png, write_simple_image
from cellenhance.data.exporters.outlined import labels_of, outline_sample
from cellenhance.data.files.writers import write_json, write_text
from cellenhance.data.importers.labelme import CENTER, closed_areas

_VERSION = "5.4.1"


class LabelMeExporter:
    """See the module."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        labels = labels_of(target.description, LABELME_IGNORE)
        self._labels = {
            value: LABELME_BACKGROUND if label == BACKGROUND else label
            for value, label in labels.items()
        }

    def add(self, sample: Sample) -> Change:
        """Write the image and its shapes."""
        outlines = outline_sample(sample, self._target, _as_read, has_holes=False)
        folder = self._target.folder
        name = write_simple_image(folder, sample.id, sample.image, self._target.description)
        picture = None
        if not is_simple(sample.image):
            picture = base64.b64encode(viewing_png(sample.image)).decode("ascii")
        height, width = sample.mask.shape
        content = {
            "version": _VERSION,
            "flags": {},
            "shapes": [
                {
                    "label": self._labels[region.value],
                    "points": (region.outer - CENTER).tolist(),
                    "group_id": None,
                    "description": "",
                    "shape_type": "polygon",
                    "flags": {},
                }
                for region in outlines.regions
            ],
            "imagePath": name,
            "imageData": picture,
            "imageHeight": height,
            "imageWidth": width,
        }
        write_json(folder / f"{sample.id}.json", content, indent=None)
        return outlines.change

    def finish(self) -> None:
        """Write the labels in class order, which LabelMe takes by ``--labels``."""
        names = [self._labels[each.index] for each in self._target.description.classes]
        write_text(self._target.folder / "labels.txt", "\n".join([LABELME_IGNORE, *names]) + "\n")


def _as_read(region: Region) -> tuple[Area, ...]:
    return closed_areas(region.outer)
