"""How every command begins that makes something of images with runs: what is checked, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cellenhance.data.dataset.inputs import FoundInputs, InputImage, find_inputs
from cellenhance.engine.device import choose_compute
from cellenhance.engine.inference import Predictor, load_predictor
from cellenhance.engine.options import ComputeOptions, TilingOptions
from cellenhance.errors import OutputExistsError
from cellenhance.runs.folder import checkpoints_of


def find_images(
    inputs: Sequence[str],
    output: Path,
    outputs_of: Callable[[InputImage], Iterable[Path]],
    *,
    overwrite: bool,
) -> FoundInputs:
    """Return the images behind the words of a command, none of whose outputs may exist yet.

    Parameters
    ----------
    output : folder of the command; images in it are results, not inputs
    outputs_of : the files that are made of an image

    Raises
    ------
    DatasetError
        An input is missing or holds no image, or two images would get the same output name.
    OutputExistsError
        An output is there and may not be replaced.
    """
    found = find_inputs(inputs, output)
    planned = (path for image in found.images for path in outputs_of(image))
    refuse_existing(planned, overwrite=overwrite)
    return found


def refuse_existing(outputs: Iterable[Path], *, overwrite: bool) -> None:
    """Raise OutputExistsError when an output is there and may not be replaced."""
    for path in () if overwrite else outputs:
        if path.exists():
            raise OutputExistsError(f"{path}: exists already; give --overwrite or another -o")


def load_runs(
    runs: Sequence[Path], compute: ComputeOptions, tiling: TilingOptions, *, tta: bool = False
) -> Predictor:
    """Return a predictor of all networks of these runs, of every fold of each.

    Raises
    ------
    CheckpointError, SettingsError, DeviceError
        A run or the device is not there, or the networks do not fit together.
    """
    checkpoints = [path for run in runs for path in checkpoints_of(run)]
    chosen = choose_compute(compute.device, compute.precision)
    return load_predictor(checkpoints, chosen, tiling, tta=tta)
