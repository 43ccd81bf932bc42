"""What may be lost of an image: the settings from which one image's parameters are drawn."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import ConfigDict, model_validator

from cellenhance.data.degrade.ranges import (
    PositiveRange,
    PositiveShareRange,
    Range,
    ShareRange,
    at_most,
)
from cellenhance.errors import SettingsError
from cellenhance.options import Options, option
from cellenhance.pixel_size import PixelSize, describe_pixel_size
from cellenhance.settings import Settings

MOST_PHOTONS, MOST_BLUR_PX = 1e9, 200.0
_RANGE, _CAMERA = "N|LOW..HIGH", "The camera"


class DegradeSettings(Settings):
    """What is lost; a range is drawn anew for every image.

    Photons and fractions are drawn uniformly in their logarithm, everything else uniformly.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    photons: Annotated[PositiveRange, at_most(MOST_PHOTONS)] | None = option(
        None,
        "Photons in a pixel at the 99th percentile of each image: shot noise (Poisson).",
        metavar=_RANGE,
    )
    fraction: PositiveShareRange | None = option(
        None,
        "Share of the recorded electrons that is kept, by binomial thinning; for raw counts with "
        "known gain, offset and read noise.",
        metavar=_RANGE,
    )
    blur_px: Annotated[Range, at_most(MOST_BLUR_PX)] = option(
        (0, 0), "Sigma of the blur in px.", metavar=_RANGE
    )
    blur_um: Range | None = option(None, "Sigma of the blur in um, in place of px.", metavar=_RANGE)
    contrast_loss: ShareRange = option(
        (0, 0), "Share of the contrast that is lost, 0 to 1.", metavar=_RANGE
    )
    vignetting: ShareRange = option(
        (0, 0), "Share of the light that is lost in the corners, 0 to 1.", metavar=_RANGE
    )
    background: Range = option(
        (0, 0),
        "Stray light, in multiples of the signal at the 99th percentile.",
        metavar=_RANGE,
    )
    read_noise_e: Range = option(
        (0, 0),
        "Read noise in electrons rms.",
        flag="--read-noise",
        metavar=_RANGE,
        panel=_CAMERA,
    )
    gain_adu: float | None = option(
        None,
        "Counts per electron.",
        flag="--gain",
        limits={"gt": 0},
        panel=_CAMERA,
        unset="the brightness of the image is kept",
    )
    offset_adu: float | None = option(
        None,
        "Counts without light.",
        flag="--offset",
        panel=_CAMERA,
        unset="the 0.1 percentile of the set",
    )
    pedestal_adu: float = option(
        0,
        "Counts added to the result, so that read noise is not cut off at 0.",
        flag="--pedestal",
        limits={"ge": 0},
        panel=_CAMERA,
    )
    full_well_e: float | None = option(
        None,
        "Electrons that a pixel holds at most.",
        flag="--full-well",
        limits={"gt": 0},
        panel=_CAMERA,
    )
    bit_depth: int | None = option(
        None, "Bits of the camera's counts.", limits={"ge": 1, "le": 32}, panel=_CAMERA
    )

    @model_validator(mode="after")
    def _fitting(self) -> DegradeSettings:
        if self.photons is not None and self.fraction is not None:
            raise ValueError(
                "photons makes new shot noise and fraction thins the recorded one: give one of them"
            )
        if self.blur_um is not None and self.blur_px != (0, 0):
            raise ValueError("the blur is given in px and in um: give one of them")
        is_counting = self.photons is not None or self.fraction is not None
        needs_gain = self.read_noise_e[1] > 0 or self.full_well_e is not None
        if needs_gain and not is_counting and self.gain_adu is None:
            raise ValueError(
                "read noise and full well are in electrons: give the gain, or photons, too"
            )
        return self

    @property
    def adds_noise(self) -> bool:
        """Tell whether anything random is added to pixels."""
        return self.photons is not None or self.fraction is not None or self.read_noise_e[1] > 0

    @property
    def can_exceed(self) -> bool:
        """Tell whether values can rise beyond those of the source."""
        is_thinned = self.fraction is not None and not self.read_noise_e[1]
        is_raised = self.background[1] > 0 or self.pedestal_adu > 0
        return (self.adds_noise and not is_thinned) or is_raised

    def in_pixels(self, pixel_size_um: PixelSize | None) -> DegradeSettings:
        """Return the settings with the blur in px; SettingsError unless pixels are squares."""
        if self.blur_um is None:
            return self
        if pixel_size_um is None:
            raise SettingsError(
                "blur in um: the pixel size of the images is unknown; give the blur in px, or "
                "pixel_size_um in dataset.yaml"
            )
        if isinstance(pixel_size_um, tuple):
            raise SettingsError(
                f"blur in um: pixels are {describe_pixel_size(pixel_size_um)}, and the blur is as "
                "wide in both directions; give it in px"
            )
        low, high = (each / pixel_size_um for each in self.blur_um)
        if high > MOST_BLUR_PX:
            raise SettingsError(f"a blur of {high:.4g} px: expected at most {MOST_BLUR_PX:g} px")
        return self.model_copy(update={"blur_um": None, "blur_px": (low, high)})


class DegradeOptions(DegradeSettings, Options):
    """What is lost, as far as it is given; a measured camera may fill in the rest."""

    title: ClassVar[str] = "What is lost"

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        return self  # whether the numbers fit each other shows when those of the camera are there
