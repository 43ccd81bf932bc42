"""What may be lost of an image: the settings from which one image's parameters are drawn."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from cellenhance.data.degrade.ranges import (
    PositiveRange,
    PositiveShareRange,
    Range,
    ShareRange,
    at_most,
)
from cellenhance.errors import SettingsError
from cellenhance.settings import Settings

MOST_PHOTONS, MOST_BLUR_PX = 1e9, 200.0


class DegradeSettings(Settings):
    """What is lost; a range is drawn anew for every image.

    Photons and fractions are drawn uniformly in their logarithm, everything else uniformly.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    photons: Annotated[PositiveRange, at_most(MOST_PHOTONS)] | None = Field(
        None, description="photons a pixel at the image's 99th percentile; null: no new shot noise"
    )
    fraction: PositiveShareRange | None = Field(
        None, description="share of the recorded electrons that is kept (binomial thinning)"
    )
    blur_px: Annotated[Range, at_most(MOST_BLUR_PX)] = Field(
        (0, 0), description="sigma of the blur, px"
    )
    blur_um: Range | None = Field(None, description="sigma of the blur, um, in place of blur_px")
    contrast_loss: ShareRange = Field((0, 0), description="share of the contrast that is lost")
    vignetting: ShareRange = Field((0, 0), description="share of the light lost in the corners")
    background: Range = Field(
        (0, 0), description="stray light, in multiples of the signal at the 99th percentile"
    )
    read_noise_e: Range = Field((0, 0), description="read noise of the camera, electrons rms")
    gain_adu: float | None = Field(None, gt=0, description="counts an electron")
    offset_adu: float | None = Field(None, description="counts without light")
    pedestal_adu: float = Field(0, ge=0, description="counts added to the result")
    full_well_e: float | None = Field(None, gt=0, description="electrons a pixel holds at most")
    bit_depth: int | None = Field(None, ge=1, le=32, description="of the camera's counts")

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

    def in_pixels(self, pixel_size_um: float | None) -> DegradeSettings:
        """Return the settings with the blur in px; SettingsError without a pixel size."""
        if self.blur_um is None:
            return self
        if pixel_size_um is None:
            raise SettingsError(
                "blur in um: the pixel size of the images is unknown; give the blur in px, or "
                "pixel_size_um in dataset.yaml"
            )
        low, high = (each / pixel_size_um for each in self.blur_um)
        if high > MOST_BLUR_PX:
            raise SettingsError(f"a blur of {high:.4g} px: expected at most {MOST_BLUR_PX:g} px")
        return self.model_copy(update={"blur_um": None, "blur_px": (low, high)})
