"""A dataset folder built sample by sample: files, manifest rows and fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cellenhance.arrays import IGNORE, ImageArray, MaskArray, check_image, check_mask
from cellenhance.data.dataset.manifest import (
    DESCRIPTION_FILE,
    ChannelIntensity,
    Dataset,
    DatasetDescription,
    Fingerprint,
    SampleRow,
    save_dataset,
)
from cellenhance.data.dataset.samples import pixel_sha256
from cellenhance.data.files.readers import read_image, read_mask
from cellenhance.data.files.writers import write_image, write_mask
from cellenhance.data.intensity import IntensityStatistics
from cellenhance.errors import (
    DatasetError,
    ImageReadError,
    OutputExistsError,
    SettingsError,
)


@dataclass(frozen=True, slots=True)
class WrittenSample:
    """A sample whose files are complete, and the hash of its mask's pixels."""

    row: SampleRow
    mask_sha256: str


class DatasetBuilder:
    """Writes samples into a folder and measures them; `finish` makes the folder a dataset."""

    def __init__(self, root: Path, description: DatasetDescription) -> None:
        self._root, self._description = root, description
        self._rows: list[SampleRow] = []
        self._ids: set[str] = set()
        self._constant: set[str] = set()
        self._statistics = IntensityStatistics()
        self._pixels = np.zeros(256, dtype=np.int64)
        self._content = hashlib.sha256()

    def add(
        self, sample_id: str, image: ImageArray, mask: MaskArray, group: str | None = None
    ) -> WrittenSample:
        """Write one sample.

        Raises
        ------
        DatasetError
            Another sample has this id, letter case aside.
        ValueError
            Image and mask do not fit each other or the classes.
        """
        self._take_id(sample_id)
        check_image(image)
        check_mask(mask, len(self._description.classes))
        if mask.shape != image.shape[:2]:
            raise ValueError(f"image {image.shape[:2]} and mask {mask.shape} differ in size")
        size = self._description.pixel_size_um
        paths = (f"images/{sample_id}.tif", f"masks/{sample_id}.tif")
        names = self._description.channel_names
        write_image(self._root / paths[0], image, pixel_size_um=size, channel_names=names)
        write_mask(self._root / paths[1], mask, pixel_size_um=size)
        height, width, n_channels = image.shape
        row = SampleRow(
            id=sample_id,
            image=paths[0],
            mask=paths[1],
            group=group or sample_id,
            height=height,
            width=width,
            channels=n_channels,
            dtype=str(image.dtype),
            sha256=pixel_sha256(image),
        )
        written = WrittenSample(row, pixel_sha256(mask))
        self._count(written, image, mask)
        return written

    def take_over(self, samples: Sequence[WrittenSample]) -> bool:
        """Count samples whose files an interrupted run finished; False when a file is not intact.

        Either all of them are counted or none.
        """
        images, masks = [], []
        for each in samples:
            try:
                image = read_image(self._root / "images" / f"{each.row.id}.tif")
                mask = read_mask(self._root / "masks" / f"{each.row.id}.tif")
            except ImageReadError:
                return False
            if (pixel_sha256(image), pixel_sha256(mask)) != (each.row.sha256, each.mask_sha256):
                return False
            images.append(image)
            masks.append(mask)
        for each, image, mask in zip(samples, images, masks, strict=True):
            self._take_id(each.row.id)
            self._count(each, image, mask)
        return True

    def _take_id(self, sample_id: str) -> None:
        if sample_id.casefold() in self._ids:
            raise DatasetError(f"two samples would be '{sample_id}'; rename one of them")
        self._ids.add(sample_id.casefold())

    def _count(self, written: WrittenSample, image: ImageArray, mask: MaskArray) -> None:
        row = written.row
        self._rows.append(row)
        if (image == image[:1, :1]).all():
            self._constant.add(row.id)
        self._statistics.add(image)
        self._pixels += np.bincount(mask.ravel(), minlength=256)
        self._content.update(f"{row.id}\n{row.sha256}\n{written.mask_sha256}\n".encode())

    def equal_images(self) -> list[tuple[str, ...]]:
        """Return the ids of images that are equal pixel by pixel, one tuple a set.

        Images of a single value are not counted: empty corners of two slides are equal and say
        nothing.
        """
        by_hash: dict[str, list[str]] = {}
        for row in self._rows:
            if row.id in self._constant:
                continue
            by_hash.setdefault(row.sha256, []).append(row.id)
        return [tuple(ids) for ids in by_hash.values() if len(ids) > 1]

    def finish(self) -> Dataset:
        """Write manifest and description; the groups of equal images become the first of them."""
        if not self._rows:
            raise DatasetError("nothing to write: no sample is left")
        same = _SameGroups()
        group_of = {row.id: row.group for row in self._rows}
        for ids in self.equal_images():
            for other in ids[1:]:
                same.join(group_of[ids[0]], group_of[other])
        rows = [replace(row, group=same.first(row.group)) for row in self._rows]
        fingerprint = self._fingerprint()
        description = self._description.model_copy(update={"fingerprint": fingerprint})
        return save_dataset(self._root, description, rows)

    def _fingerprint(self) -> Fingerprint:
        statistics, rows = self._statistics, self._rows
        columns = zip(
            statistics.minimum,
            statistics.percentile(0.1),
            statistics.percentile(50),
            statistics.percentile(99.8),
            statistics.maximum,
            strict=True,
        )
        labelled = self._pixels[: len(self._description.classes)]
        n_labelled = max(1, int(labelled.sum()))
        return Fingerprint(
            n_samples=len(rows),
            height_px=(min(r.height for r in rows), max(r.height for r in rows)),
            width_px=(min(r.width for r in rows), max(r.width for r in rows)),
            dtypes=tuple(sorted({row.dtype for row in rows})),
            intensity=tuple(
                ChannelIntensity(minimum=a, p0_1=b, median=c, p99_8=d, maximum=e)
                for a, b, c, d, e in columns
            ),
            class_shares={
                each.name: int(labelled[each.index]) / n_labelled
                for each in self._description.classes
            },
            ignored_share=int(self._pixels[IGNORE]) / max(1, int(self._pixels.sum())),
            content_sha256=self._content.hexdigest(),
        )


class _SameGroups:
    """Names of groups that are one; each stands for the first that it was joined to."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def first(self, group: str) -> str:
        """Return the name under which a group goes."""
        while group in self._parent:
            group = self._parent[group]
        return group

    def join(self, group: str, other: str) -> None:
        """Make two groups one, under the name of `group`."""
        ends = (self.first(group), self.first(other))
        if ends[0] != ends[1]:
            self._parent[ends[1]] = ends[0]


def check_output_folder(output: Path, *, overwrite: bool, record: str = DESCRIPTION_FILE) -> None:
    """Refuse an output that exists, and with `overwrite` one without the `record` of its kind."""
    if output.is_dir() and not any(output.iterdir()):
        return
    if not output.exists():
        return
    if not overwrite:
        raise OutputExistsError(f"{output}: exists; give --overwrite or choose another output")
    if not (output / record).is_file():
        kind = "dataset" if record == DESCRIPTION_FILE else Path(record).stem
        raise SettingsError(
            f"{output}: holds no {kind} made by cellenhance, so it is not replaced; "
            "choose another output"
        )
