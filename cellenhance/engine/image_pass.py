"""The one road of every image: opened, its channels matched once, shown tile by tile to sinks.

Whatever is made of an image (a mask file, a preview, counts, a figure, an array for Python) is a
`Sink`. It is told what image comes, shown the prediction of every tile, plane after plane and row
by row, and hands over what it made. Memory is that of a tile and of what the sinks keep.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from cellenhance.arrays import ImageArray
from cellenhance.data.dataset.inputs import FoundInputs, InputImage
from cellenhance.data.files.options import ReadingOptions
from cellenhance.data.files.readers import open_image
from cellenhance.data.files.sources import ImageInfo, ImageSource
from cellenhance.data.normalize import RangeWatch
from cellenhance.engine.planes import ArrayPlane, Plane, match_channels
from cellenhance.engine.predictions import TilePrediction
from cellenhance.errors import CellEnhanceError
from cellenhance.pixel_size import describe_pixel_size, is_another_scale
from cellenhance.progress import ProgressCallback
from cellenhance.runs.header import ModelHeader

logger = logging.getLogger(__name__)

Record = TypeVar("Record")
Made = TypeVar("Made", covariant=True)


@dataclass(frozen=True, slots=True)
class PassingImage:
    """What a sink is told of the image before its first tile.

    Attributes
    ----------
    info : facts of the whole file or array
    planes : those that are shown, in order, with as many channels as the networks take
    watch : collects what lies outside the training range; None where that is of no interest
    note : what was dropped to match the channels, as a sentence
    """

    info: ImageInfo
    planes: tuple[Plane, ...]
    watch: RangeWatch | None = None
    note: str | None = None

    def only(self, plane: int) -> PassingImage:
        """Return the image with one of its planes alone."""
        return PassingImage(self.info, (self.planes[plane],), self.watch, self.note)


class Sink(Protocol[Made]):
    """Something that is made of an image while its tiles pass by."""

    def begin(self, image: PassingImage) -> None:  # noqa: ARG002 - not every sink asks
        """Get ready for an image; called once, before its first tile."""
        return

    def plane(self, number: int) -> None:  # noqa: ARG002
        """Learn which plane (from 0) the next tiles are of."""
        return

    def tile(self, part: TilePrediction) -> None:
        """Take in one tile; the cores of a plane's tiles cover every pixel of it once."""

    def finish(self) -> Made:
        """Return what was made; called once, after the last tile."""

    def abandon(self) -> None:
        """Leave nothing half made: the image failed, perhaps in another sink after `finish`."""
        return


class Networks(Protocol):
    """What a `Predictor` is to the road."""

    header: ModelHeader

    def predict_tiles(self, plane: Plane, watch: RangeWatch | None) -> Iterator[TilePrediction]:
        """Yield the prediction of every tile, row by row."""


def show_image(
    networks: Networks, image: PassingImage, sinks: Sequence[Sink[Record]]
) -> tuple[Record, ...]:
    """Return what every sink made of an image; a warning says what training never saw in it.

    When anything fails, all sinks are abandoned and the error goes on.
    """
    begun: list[Sink[Record]] = []
    try:
        for sink in sinks:
            begun.append(sink)
            sink.begin(image)
        for number, plane in enumerate(image.planes):
            for sink in sinks:
                sink.plane(number)
            for part in networks.predict_tiles(plane, image.watch):
                for sink in sinks:
                    sink.tile(part)
        made = tuple(sink.finish() for sink in sinks)
    except BaseException:
        for sink in begun:
            sink.abandon()
        raise
    if image.note:
        logger.info("%s", image.note)
    if image.watch is not None and (warning := image.watch.verdict()):
        logger.warning("%s: %s", image.info.path, warning)
    return made


def file_image(source: ImageSource, header: ModelHeader) -> PassingImage:
    """Return an open file as networks of this header take it.

    Raises
    ------
    DatasetError
        Its channels are not those of the networks.
    """
    planes, note = match_channels(source, header.in_channels)
    if is_another_scale(source.info.pixel_size_um, header.pixel_size_um):
        logger.warning(
            "%s: its pixels are %s, those of the training images %s; the network sees objects at "
            "another scale than it has learned",
            source.info.path,
            describe_pixel_size(source.info.pixel_size_um),
            describe_pixel_size(header.pixel_size_um),
        )
    return PassingImage(source.info, planes, RangeWatch(header.normalization), note)


def array_image(image: ImageArray, watch: RangeWatch | None = None) -> PassingImage:
    """Return an array (H, W, C) in its own intensities as an image of one plane."""
    height, width, channels = image.shape
    info = ImageInfo(Path("the image"), height, width, channels, image.dtype)
    return PassingImage(info, (ArrayPlane(image),), watch)


@contextmanager
def open_passing(
    path: Path, reading: ReadingOptions, header: ModelHeader
) -> Iterator[PassingImage]:
    """Yield an image file as networks of this header take it; errors as `open_image` has them."""
    with open_image(path, **reading.arguments) as source:
        yield file_image(source, header)


@dataclass(frozen=True, slots=True)
class AppliedToImages(Generic[Record]):
    """What came of applying something to the images of a command.

    Attributes
    ----------
    written : what was made of each image, in order, without those that failed
    failed : the files that failed, each with the reason
    skipped : files in the folders that are not images
    compute_reason : device and precision, and why; "" where nothing was computed by a network
    """

    written: tuple[Record, ...]
    failed: tuple[tuple[Path, str], ...]
    skipped: tuple[Path, ...]
    compute_reason: str = ""

    def to_json(
        self, describe: Callable[[Record], Mapping[str, Any]], name: str = "written"
    ) -> dict[str, Any]:
        """Return plain values: under `name` each image as `describe` says it."""
        return {
            name: [dict(describe(each)) for each in self.written],
            "failed": [{"input": str(path), "reason": reason} for path, reason in self.failed],
            "skipped": [str(path) for path in self.skipped],
        }


def apply_to_images(
    found: FoundInputs,
    work: Callable[[InputImage], Record],
    progress: ProgressCallback,
    compute_reason: str = "",
) -> AppliedToImages[Record]:
    """Return what `work` makes of each image; one that fails does not stop the others.

    Failures are logged as errors when they happen.
    """
    written: list[Record] = []
    failed: list[tuple[Path, str]] = []
    for done, image in enumerate(found.images):
        progress(done, len(found.images), image.path.name)
        try:
            written.append(work(image))
        except CellEnhanceError as error:
            failed.append((image.path, str(error)))
            logger.error("%s", error)
    progress(len(found.images), len(found.images), "done")
    return AppliedToImages(tuple(written), tuple(failed), found.skipped, compute_reason)
