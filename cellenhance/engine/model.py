"""A trained model as one object: arrays in, arrays out, for use from Python."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.normalize import RangeWatch
from cellenhance.engine.device import choose_compute
from cellenhance.engine.image_pass import PassingImage, array_image, show_image
from cellenhance.engine.inference import Predictor, load_predictor
from cellenhance.engine.predictions import Prediction
from cellenhance.engine.sinks import PredictionSink
from cellenhance.engine.translation import Translations, TranslationSink, require_aep
from cellenhance.errors import DatasetError
from cellenhance.runs.folder import checkpoints_of


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
        return self._predictor.single is not None and self._predictor.single.has_translations

    def predict(self, image: NDArray[Any], *, tta: bool = False) -> Prediction:
        """Return mask, probabilities, entropy and disagreement of an image.

        Parameters
        ----------
        image : (H, W) or (H, W, C), any integer or float dtype, in the intensities of the files
            that the model was trained on; it is normalised here
        tta : average over the eight orientations of the image (test-time augmentation), in eight
            times the time

        Raises
        ------
        DatasetError
            The array is empty, of another shape or channel number, or has NaN or infinite pixels.
        """
        predictor = self._predictor
        if tta:
            predictor = Predictor(predictor.members, predictor.compute, tta=True)
        [prediction] = show_image(predictor, self._checked(image), [PredictionSink()])
        return prediction

    def translate(self, image: NDArray[Any]) -> Translations:
        """Return filters and enhanced images of an AEP model; `image` as in `predict`.

        Raises
        ------
        SettingsError
            The model makes no translations, or is an average of several folds.
        DatasetError
            As in `predict`.
        """
        require_aep(*self._predictor.members, run=self._path)
        [translations] = show_image(self._predictor, self._checked(image), [TranslationSink()])
        return translations

    def _checked(self, image: NDArray[Any]) -> PassingImage:
        """Return the image as the road takes it, or raise DatasetError."""
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
        return array_image(whole, RangeWatch(self._predictor.header.normalization))


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
        `path` is not a run or a checkpoint of cellenhance, or is damaged.
    DeviceError
        The device or the precision is not there.
    """
    place = Path(path)
    compute = choose_compute(device, precision)
    return Model(load_predictor(checkpoints_of(place), compute), place)
