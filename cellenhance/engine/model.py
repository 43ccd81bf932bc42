"""A trained model as one object: arrays in, arrays out, for use from Python."""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.engine.device import choose_compute
from cellenhance.engine.inference import Predictor, load_predictor
from cellenhance.engine.predictions import Prediction
from cellenhance.engine.whole_translations import (
    Translations,
    check_has_translations,
    has_translations,
    translate_image,
)
from cellenhance.errors import DatasetError
from cellenhance.runs.folder import checkpoints_of

logger = logging.getLogger(__name__)


class Model:
    """Trained networks, ready for images in memory; made by `load_model`.

    Several folds are averaged as probabilities. An image that does not look like the training
    images is warned of through `logging`.
    """

    def __init__(self, predictor: Predictor, path: Path) -> None:
        self._predictor = predictor
        self._path = path

    @property
    def name(self) -> str:
        """Return the name of the model in the catalogue."""
        return self._predictor.header.entry.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes; their places are the values of a mask."""
        return self._predictor.header.class_names

    @property
    def n_channels(self) -> int:
        """Return how many channels an image must have."""
        return self._predictor.header.in_channels

    @property
    def has_translations(self) -> bool:
        """Tell whether `translate` is possible: the model is a single AEP network."""
        return has_translations(self._predictor)

    def predict(self, image: NDArray[Any]) -> Prediction:
        """Return the mask (H, W) uint8 and the probabilities (K, H, W) float32 of an image.

        Parameters
        ----------
        image : (H, W) or (H, W, C), any integer or float dtype, in the intensities of the files
            that the model was trained on; it is normalised here

        Raises
        ------
        DatasetError
            The array is empty, of another shape or channel number, or has NaN or infinite pixels.
        """
        return self._predictor.predict(self._checked(image))

    def translate(self, image: NDArray[Any]) -> Translations:
        """Return filters and enhanced images of an AEP model; `image` as in `predict`.

        Raises
        ------
        SettingsError
            The model makes no translations, or is an average of several folds.
        DatasetError
            As in `predict`.
        """
        check_has_translations(self._predictor, self._path)
        return translate_image(self._predictor, self._checked(image))

    def _checked(self, image: NDArray[Any]) -> ImageArray:
        """Return the image as (H, W, C), or raise DatasetError."""
        array = np.asarray(image)
        whole = array[..., None] if array.ndim == 2 else array
        if whole.ndim != 3 or whole.size == 0 or whole.shape[2] != self.n_channels:
            raise DatasetError(
                f"the image is an array of shape {array.shape}; {self._path} takes (H, W, C) with "
                f"C = {self.n_channels}" + (" or (H, W)" if self.n_channels == 1 else "")
            )
        if whole.dtype.kind not in "buif" or not np.isfinite(whole).all():
            raise DatasetError(
                f"the image has {whole.dtype} pixels, not all of them finite numbers; expected "
                "integers or floats without NaN and infinity"
            )
        reason = self._predictor.header.normalization.outside_range(whole)
        if reason:
            logger.warning("%s", reason)
        return whole


def load_model(path: str | PathLike[str], device: str = "auto", precision: str = "fp32") -> Model:
    """Return a trained model.

    Parameters
    ----------
    path : a run folder, the folder of a run with folds (averaged), or a .safetensors checkpoint
    device : auto, cpu, cuda, cuda:N or mps
    precision : fp32, auto, bf16 or fp16

    Raises
    ------
    CheckpointError
        `path` is no run or checkpoint of ours, or is damaged.
    DeviceError
        The device or the precision is not there.
    """
    place = Path(path)
    compute = choose_compute(device, precision)
    return Model(load_predictor(checkpoints_of(place), compute), place)
