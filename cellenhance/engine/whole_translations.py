"""What an AEP network makes of an image before it segments it, as arrays.

Filters are not classes: filter k is the k-th additive map of network 1, whatever it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import FloatImage, ImageArray
from cellenhance.catalog import load_catalog
from cellenhance.engine.device import Compute
from cellenhance.engine.inference import Predictor, load_predictor
from cellenhance.engine.planes import ArrayPlane
from cellenhance.engine.predictions import TilePrediction
from cellenhance.errors import SettingsError
from cellenhance.networks.aep import AEP
from cellenhance.networks.registry import COMPOSED
from cellenhance.runs.folder import checkpoints_of


@dataclass(frozen=True, slots=True)
class Translations:
    """The input, the N filters and the N enhanced images; made for segmentation, not measurement.

    Attributes
    ----------
    image : (H, W, C) float32 in [0, 1], the normalised input x
    filters : (N, H, W) float32 >= 0, the additive filters f_k
    sums : (N, H, W, C) float32 >= 0, x + f_k
    enhanced : (N, H, W, C) float32 in [0.5, 1], sigma(x + f_k)
    """

    image: FloatImage
    filters: NDArray[np.float32]
    sums: NDArray[np.float32]
    enhanced: NDArray[np.float32]


def load_translator(
    run: Path, compute: Compute, *, tile_px: int | None = None, context_px: int | None = None
) -> Predictor:
    """Return the predictor of one run that has translations.

    Raises
    ------
    SettingsError
        The run has several folds, or its model makes no translations.
    CheckpointError
        `run` is no run.
    """
    checkpoints = checkpoints_of(run)
    if len(checkpoints) > 1:
        raise SettingsError(
            f"{run}: holds {len(checkpoints)} folds, and each has learned filters of its own; "
            f"name one of them, such as {checkpoints[0].parent.parent}"
        )
    predictor = load_predictor(checkpoints, compute, tile_px=tile_px, context_px=context_px)
    check_has_translations(predictor, run)
    return predictor


def has_translations(predictor: Predictor) -> bool:
    """Tell whether the predictor is a single network that makes translations."""
    return len(predictor.members) == 1 and isinstance(predictor.members[0].network, AEP)


def check_has_translations(predictor: Predictor, run: Path) -> None:
    """Raise SettingsError unless the predictor is a single network that makes translations."""
    if has_translations(predictor):
        return
    if len(predictor.members) > 1:
        raise SettingsError(
            f"{run}: is an average of {len(predictor.members)} networks, and each has learned "
            "filters of its own; name one fold"
        )
    entries = load_catalog().entries.values()
    able = [entry.name for entry in entries if COMPOSED.get(entry.architecture) is AEP]
    raise SettingsError(
        f"{run}: is a run of the model '{predictor.header.entry.name}', which makes no "
        f"translations; expected a run of one of {', '.join(able)}"
    )


def n_filters_of(predictor: Predictor) -> int:
    """Return the number of filters of a predictor of `load_translator`."""
    network = predictor.members[0].network
    assert isinstance(network, AEP)
    return network.n_filters


def translations_of(part: TilePrediction) -> Translations:
    """Return the translations of one tile, computed in the precision of the prediction."""
    output = part.outputs[0]
    assert output.filters is not None
    assert output.translations is not None
    filters: NDArray[np.float32] = output.filters[0].float().cpu().numpy()  # N,h,w
    translations = output.translations[0].float().cpu().numpy()  # N,C,h,w
    return Translations(
        image=part.image,
        filters=filters,
        sums=part.image[None] + filters[..., None],
        enhanced=translations.transpose(0, 2, 3, 1),
    )


def translate_image(predictor: Predictor, image: ImageArray) -> Translations:
    """Return the translations of a whole image (H, W, C) in its own intensities.

    Raises
    ------
    DatasetError
        The image has another number of channels than the network.
    """
    height, width, channels = image.shape
    n_filters = n_filters_of(predictor)
    whole = Translations(
        image=np.empty((height, width, channels), np.float32),
        filters=np.empty((n_filters, height, width), np.float32),
        sums=np.empty((n_filters, height, width, channels), np.float32),
        enhanced=np.empty((n_filters, height, width, channels), np.float32),
    )
    for part in predictor.predict_tiles(ArrayPlane(image)):
        rows, cols = part.tile.rows.core, part.tile.cols.core
        piece = translations_of(part)
        whole.image[rows, cols] = piece.image
        whole.filters[:, rows, cols] = piece.filters
        whole.sums[:, rows, cols] = piece.sums
        whole.enhanced[:, rows, cols] = piece.enhanced
    return whole


def name_channels(n_filters: int, image_channels: Sequence[str]) -> tuple[str, ...]:
    """Return what the channels of an export are called, in their order.

    Parameters
    ----------
    image_channels : names of the channels of the image; a single one is not named again

    >>> name_channels(1, ["grey"])
    ('input', 'filter 1', 'sum 1', 'enhanced 1')
    >>> name_channels(1, ["red", "blue"])[2:5]
    ('filter 1', 'sum 1 red', 'sum 1 blue')
    """
    suffixes = [""] if len(image_channels) == 1 else [f" {name}" for name in image_channels]
    names = [f"input{suffix}" for suffix in suffixes]
    for number in range(1, n_filters + 1):
        names.append(f"filter {number}")
        names += [f"sum {number}{suffix}" for suffix in suffixes]
        names += [f"enhanced {number}{suffix}" for suffix in suffixes]
    return tuple(names)


def stack_channels(translations: Translations) -> NDArray[np.float32]:
    """Return the (channels, h, w) float32 behind the names of `name_channels`."""
    planes = [translations.image.transpose(2, 0, 1)]
    for filter_, total, enhanced in zip(
        translations.filters, translations.sums, translations.enhanced, strict=True
    ):
        planes += [filter_[None], total.transpose(2, 0, 1), enhanced.transpose(2, 0, 1)]
    return np.concatenate(planes)
