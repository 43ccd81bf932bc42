"""What one sample holds, measured once, small enough to keep for every sample of a set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, ImageArray
from cellenhance.data.dataset.samples import Sample, pixel_sha256
from cellenhance.data.inspection.lookalikes import Sketch, sketch_image
from cellenhance.data.inspection.mask_shift import ShiftEvidence, measure_shift
from cellenhance.data.inspection.quality import ImageQuality, measure_quality

_LEAST_BITS = 10
"""A camera of fewer bits than its file tops out at 1023, 4095 ...; smaller values are chance."""


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What one sample holds; about 12 kB.

    Attributes
    ----------
    saturated : share of values at the upper limit, see `upper_limit`
    class_saturated : (K,) the same among the pixels of each class; 0 where it is absent
    class_pixels : (K,) labelled pixels of each class
    sha256, mask_sha256 : of the pixels as they are now
    quality : noise, background and signal
    sketch : for finding images that show one picture
    shift : how well the mask fits; None where that cannot be told
    """

    id: str
    minimum: float
    maximum: float
    saturated: float
    class_saturated: NDArray[np.float64]
    class_pixels: NDArray[np.int64]
    n_ignored: int
    sha256: str
    mask_sha256: str
    quality: ImageQuality
    sketch: Sketch
    shift: ShiftEvidence | None


def measure_sample(sample: Sample, n_classes: int) -> SampleFacts:
    """Return the facts of one loaded sample."""
    image = sample.image
    counts = np.bincount(sample.mask.ravel(), minlength=256)
    # NaN and infinity are kept by readers where the file has them; nothing below can count them.
    finite = image if image.dtype.kind != "f" else np.nan_to_num(image)
    n_channels = image.shape[2]
    limit = upper_limit(finite)
    cut = np.zeros(256, np.int64)
    for channel in range(n_channels):
        cut += np.bincount(sample.mask[finite[..., channel] == limit], minlength=256)
    of_class = cut / np.maximum(counts * n_channels, 1)
    return SampleFacts(
        id=sample.id,
        minimum=float(finite.min()),
        maximum=float(finite.max()),
        saturated=float(cut.sum() / image.size),
        class_saturated=of_class[:n_classes],
        class_pixels=counts[:n_classes],
        n_ignored=int(counts[IGNORE]),
        sha256=pixel_sha256(image),
        mask_sha256=pixel_sha256(sample.mask),
        quality=measure_quality(finite, sample.mask, n_classes),
        sketch=sketch_image(finite),
        shift=measure_shift(finite, sample.mask),
    )


def upper_limit(image: ImageArray) -> float:
    """Return the value at which counts end: of the type, or of a camera with fewer bits.

    Notes
    -----
    The largest value of an integer type; where the image's own largest value is 2^n - 1 with n from
    10 on, that value (a 12-bit camera writes 16-bit files that end at 4095). Floats end at 1.0 if
    they reach just that, else nowhere.

    Examples
    --------
    >>> import numpy as np
    >>> upper_limit(np.array([[[7], [4095]]], np.uint16))
    4095.0
    >>> upper_limit(np.array([[[7], [4000]]], np.uint16))
    65535.0
    """
    largest = float(image.max())
    if image.dtype.kind not in "iu":
        return 1.0 if largest == 1.0 else float("inf")
    bits = int(largest + 1).bit_length() - 1
    if bits >= _LEAST_BITS and largest + 1 == 2**bits:
        return largest
    return float(np.iinfo(image.dtype).max)
