"""What a user names as a source becomes pictures: scenes, dataset folders, folders of images."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellenhance.arrays import IGNORE, FloatImage, ImageArray, MaskArray
from cellenhance.data.dataset.inputs import find_inputs
from cellenhance.data.dataset.manifest import DESCRIPTION_FILE, Dataset, load_dataset
from cellenhance.data.dataset.samples import Sample, SampleStore, load_sample, pixel_sha256
from cellenhance.data.files.readers import open_image
from cellenhance.data.intensity import image_percentiles
from cellenhance.data.world.registry import KINDS, MIXED
from cellenhance.data.world.scene import BACKGROUND, BOUNDARY, INTERIOR, regions_of_labels
from cellenhance.engine.pretraining.examples import Picture
from cellenhance.engine.pretraining.pictures import PictureSource, ScenePictures, StoredPictures
from cellenhance.errors import CellEnhanceError, DatasetError, SettingsError
from cellenhance.progress import ProgressCallback
from cellenhance.settings import suggest

logger = logging.getLogger(__name__)

WORLD = "world"
_PARTING = frozenset({"boundary", "boundary of objects", "border", "membrane", "edge"})
"""Names of classes that part objects rather than being some."""
_LIMITS = (0.1, 99.9)


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A source with what is recorded of it.

    Attributes
    ----------
    share : how much of every batch it fills, relative to the others
    n_images : 0 for the synthetic world
    content_sha256 : of all pixels in order; of the names of the kinds for the synthetic world
    """

    pictures: PictureSource
    share: float
    n_images: int
    content_sha256: str


def open_source(text: str, store: SampleStore, progress: ProgressCallback) -> OpenedSource:
    """Return the source behind ``PATH``, ``PATH@SHARE``, ``world`` or ``world:KIND``.

    Raises
    ------
    SettingsError
        The share is not a number above 0, or there is no such kind of scene.
    DatasetError
        There is no image, or a file of a dataset does not fit its manifest row.
    """
    name, share = _split_share(text)
    if name == WORLD or name.startswith(f"{WORLD}:"):
        kind = name.partition(":")[2] or MIXED
        if kind not in (*KINDS, MIXED):
            raise SettingsError(f"{text}: unknown kind of scene{suggest(kind, [*KINDS, MIXED])}")
        kinds = [kind] if kind != MIXED else list(KINDS)
        names = hashlib.sha256(" ".join(kinds).encode())
        return OpenedSource(ScenePictures(name, kind), share, 0, names.hexdigest())
    if (Path(name) / DESCRIPTION_FILE).is_file():
        samples = _labelled(load_dataset(Path(name)), progress)
    else:
        samples = _unlabelled(name, progress)
    pictures: list[Picture] = []
    digest = hashlib.sha256()
    for sample in samples:
        kept = store.keep(sample)
        is_known = bool((kept.mask != IGNORE).any())
        pictures.append(Picture(kept.image[..., 0], kept.mask if is_known else None))
        digest.update(pixel_sha256(sample.image).encode())
    if not pictures:
        raise DatasetError(f"{name}: no image could be read")
    stored = StoredPictures(Path(name).name, pictures, store)
    return OpenedSource(stored, share, len(pictures), digest.hexdigest())


def _split_share(text: str) -> tuple[str, float]:
    name, mark, number = text.rpartition("@")
    if not mark or Path(text).exists():
        return text, 1.0
    try:
        share = float(number)
    except ValueError:
        share = 0.0
    if not 0 < share < float("inf"):
        raise SettingsError(f"{text}: expected SOURCE@SHARE with a number above 0, such as data@2")
    return name, share


def _labelled(dataset: Dataset, progress: ProgressCallback) -> Iterator[Sample]:
    for done, row in enumerate(dataset.samples, start=1):
        sample = load_sample(dataset, row)
        regions = regions_of_mask(sample.mask, dataset.class_names, dataset.description.background)
        yield Sample(sample.id, _clean(sample.image)[..., None], regions)
        progress(done, len(dataset.samples), f"reading {dataset.description.name}")


def _unlabelled(text: str, progress: ProgressCallback) -> Iterator[Sample]:
    """Yield the planes of all readable images; what cannot be read is named and left out."""
    found = find_inputs([text])
    for done, each in enumerate(found.images, start=1):
        try:
            with open_image(each.path, channel="mean") as source:
                for plane in range(source.info.n_planes):
                    clean = _clean(source.read_plane(plane))
                    unknown = np.full(clean.shape, IGNORE, np.uint8)
                    yield Sample(f"{each.stem}-{plane}", clean[..., None], unknown)
        except CellEnhanceError as error:
            logger.warning("left out: %s", error)
        progress(done, len(found.images), f"reading {Path(text).name}")


def _clean(image: ImageArray) -> FloatImage:
    """Return (H, W) float32 in [0, 1]: the mean of the channels between its own percentiles."""
    grey = image.mean(axis=2, dtype=np.float32, keepdims=True)
    (low,), (high,) = image_percentiles(grey, _LIMITS)
    scaled: FloatImage = np.clip((grey[..., 0] - low) / max(high - low, 1e-12), 0, 1)
    return scaled.astype(np.float32)


def regions_of_mask(mask: MaskArray, classes: Sequence[str], background: str | None) -> MaskArray:
    """Return (H, W) uint8: 0 background, 1 interior, 2 boundary, 255 where the mask says so.

    Boundary are the pixels of the classes that part objects by their name (boundary, membrane,
    border); without such a class, those where two classes meet. Background is what the dataset
    says it is.
    """
    parting = [i for i, name in enumerate(classes) if name.casefold() in _PARTING]
    empty = -1 if background is None else classes.index(background)
    if parting:
        regions = np.where(mask == empty, BACKGROUND, INTERIOR).astype(np.uint8)
        regions[np.isin(mask, parting)] = BOUNDARY
    else:
        regions = regions_of_labels(np.where(mask == empty, 0, mask.astype(np.int32) + 1))
    regions[mask == IGNORE] = IGNORE
    return regions
