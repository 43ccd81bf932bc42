"""A camera's gain, offset and read noise, as measured, and the file `camera.yaml` that holds them.

Photon transfer: pixels differ between frames of one scene by shot noise and read noise alone, so
that fixed patterns drop out. The variance then grows with the mean by the gain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from cellenhance.data.files.writers import write_text
from cellenhance.errors import DatasetError
from cellenhance.settings import Settings, format_yaml, read_settings
from cellenhance.texts import counted

ROUNDING_VARIANCE = 1 / 12
"""Of counts that are rounded to whole numbers."""


SATURATED_SHARE, _FEWEST_SATURATED = 0.005, 20
"""Share, and number, of a flat's pixels at one largest count that noise does not explain."""


class FrameStatistics(Settings):
    """Frames of one scene.

    Attributes
    ----------
    mean : counts, over pixels and frames
    variance : of a pixel between frames, mean over the pixels; changes of the light are left out
    top_share : share of the pixels at the largest count that occurs
    """

    name: str
    n_frames: int = Field(ge=2)
    n_pixels: int = Field(ge=2)
    mean: float
    variance: float = Field(ge=0)
    top: float
    top_share: float = Field(ge=0, le=1)

    @property
    def is_cut_at_0(self) -> bool:
        """Tell whether noise would reach below 0, where counts without sign end."""
        return 0 <= self.mean < 3 * float(np.sqrt(self.variance))

    @property
    def variance_error(self) -> float:
        """Return the standard error of the variance, of Gaussian noise."""
        return self.variance * float(np.sqrt(2 / ((self.n_frames - 1) * (self.n_pixels - 1))))


class Camera(Settings):
    """What `camera.yaml` holds; read noise and full well in electrons, errors are 1 sigma."""

    model_config = ConfigDict(allow_inf_nan=False)

    format_version: Literal[1] = 1
    gain_adu: float = Field(gt=0, description="counts an electron")
    gain_error_adu: float | None = Field(None, ge=0)
    offset_adu: float = Field(description="counts without light")
    read_noise_e: float = Field(ge=0, description="electrons rms, without rounding")
    read_noise_error_e: float | None = Field(None, ge=0)
    full_well_e: float | None = Field(None, gt=0)
    bit_depth: int | None = Field(None, ge=1, le=32)
    worst_deviation: float | None = Field(
        None, ge=0, description="largest distance of a flat's variance from the line, relative"
    )
    dark: FrameStatistics | None = None
    flats: tuple[FrameStatistics, ...] = ()

    def as_settings(self) -> dict[str, Any]:
        """Return what `DegradeSettings` takes over."""
        names = ("gain_adu", "offset_adu", "read_noise_e", "full_well_e", "bit_depth")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def measure_frames(name: str, frames: Iterable[NDArray[Any]]) -> FrameStatistics:
    """Return mean and noise of frames of one scene, one at a time in memory.

    Parameters
    ----------
    frames : (H, W) counts each

    Raises
    ------
    DatasetError
        There are fewer than two frames, they differ in size, or have a single pixel.

    Notes
    -----
    With x_tp the count of pixel p in frame t, the variance is the sum of
    (x_tp - x_t. - x_.p + x_..)^2 over (T - 1)(P - 1), where a dot is a mean: for two frames half
    the variance of their difference.
    """
    n_frames, total, top, n_top = 0, 0.0, -np.inf, 0
    mean = squares = np.zeros(())
    for frame in frames:
        values = np.asarray(frame, dtype=np.float64)
        if n_frames and values.shape != mean.shape:
            raise DatasetError(
                f"{name}: a frame is {values.shape}, the first one {mean.shape}; expected frames "
                "of one size"
            )
        n_frames += 1
        total += float(values.mean())
        n_top, top = _count_top(values, n_top, top)
        steady = values - values.mean()
        # Welford's running mean and sum of squares, pixel by pixel.
        before = mean if n_frames > 1 else np.zeros_like(steady)
        mean = before + (steady - before) / n_frames
        squares = squares + (steady - before) * (steady - mean)
    if n_frames < 2:
        raise DatasetError(
            f"{name}: holds {counted(n_frames, 'frame')}; noise shows between frames, expected "
            "two or more of the same scene"
        )
    if mean.size < 2:
        raise DatasetError(f"{name}: frames of one pixel; expected images")
    return FrameStatistics(
        name=name,
        n_frames=n_frames,
        n_pixels=mean.size,
        mean=total / n_frames,
        variance=float(squares.sum() / ((n_frames - 1) * (mean.size - 1))),
        top=top,
        top_share=n_top / (n_frames * mean.size),
    )


def _count_top(values: NDArray[np.float64], n_top: int, top: float) -> tuple[int, float]:
    highest = float(values.max())
    kept = n_top if highest <= top else 0
    return kept + int((values == max(top, highest)).sum()), max(top, highest)


@dataclass(frozen=True, slots=True)
class _Line:
    slope: float
    error: float
    worst: float


def compute_camera(dark: FrameStatistics, flats: Sequence[FrameStatistics]) -> Camera:
    """Return the camera that dark and flat frames show.

    Raises
    ------
    DatasetError
        A flat is saturated, is no brighter than the dark frames, or has no more noise.

    Notes
    -----
    variance_flat - variance_dark = gain (mean_flat - mean_dark). With several flats the gain is
    the slope of the line through the origin, each weighted by the error of its variance; its own
    error is that of the fit, or of the scatter about the line where that is larger. Read noise is
    sqrt(variance_dark - 1/12) / gain; 1/12 is what rounding adds.

    Source: Janesick, Photon Transfer (2007); EMVA 1288, release 4, section 6.
    """
    for flat in flats:
        _check_flat(dark, flat)
    line = _fit(dark, flats)
    read_adu = float(np.sqrt(max(dark.variance - ROUNDING_VARIANCE, 0.0)))
    relative = dark.variance_error / (2 * dark.variance) if dark.variance else 0.0
    return Camera(
        gain_adu=line.slope,
        gain_error_adu=line.error,
        offset_adu=dark.mean,
        read_noise_e=read_adu / line.slope,
        read_noise_error_e=read_adu
        / line.slope
        * float(np.hypot(relative, line.error / line.slope)),
        worst_deviation=line.worst if len(flats) > 1 else None,
        dark=dark,
        flats=tuple(flats),
    )


def _check_flat(dark: FrameStatistics, flat: FrameStatistics) -> None:
    n_top = flat.top_share * flat.n_frames * flat.n_pixels
    if flat.top_share > SATURATED_SHARE and n_top >= _FEWEST_SATURATED:
        raise DatasetError(
            f"{flat.name}: {100 * flat.top_share:.1f} % of the pixels have the largest count, "
            f"{flat.top:g}: the flat is saturated; use less light"
        )
    if flat.mean <= dark.mean or flat.variance <= dark.variance:
        raise DatasetError(
            f"{flat.name}: mean {flat.mean:.4g} and variance {flat.variance:.4g} are not above "
            f"those of the dark frames ({dark.mean:.4g}, {dark.variance:.4g}); check which are the "
            "flats, DARK comes first"
        )


def _fit(dark: FrameStatistics, flats: Sequence[FrameStatistics]) -> _Line:
    x = np.array([flat.mean - dark.mean for flat in flats])
    y = np.array([flat.variance - dark.variance for flat in flats])
    error = np.array([np.hypot(flat.variance_error, dark.variance_error) for flat in flats])
    weight = error**-2
    slope = float((weight * x * y).sum() / (weight * x * x).sum())
    of_fit = float((weight * x * x).sum() ** -0.5)
    residuals = y - slope * x
    scatter = float(np.sqrt((weight * residuals**2).sum() / max(len(flats) - 1, 1)))
    return _Line(slope, of_fit * max(scatter, 1.0), float(np.abs(residuals / (slope * x)).max()))


def save_camera(path: Path, camera: Camera) -> None:
    """Write `camera.yaml`."""
    write_text(path, format_yaml(camera.model_dump(mode="json")))


def load_camera(path: Path) -> Camera:
    """Return the camera in a file.

    Raises
    ------
    DatasetError
        The file is missing, is no plain YAML, or a value does not fit.
    """
    return read_settings(
        Path(path), Camera, DatasetError, cure="check the path or measure the camera again"
    )
