"""An image whose channels are files of their own, with one mask; a file may hold several."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.files.readers import image_stem
from cellenhance.data.files.sources import ALPHA_NAME, ImageInfo
from cellenhance.data.importers.file_pair import FilePair
from cellenhance.errors import ImageReadError
from cellenhance.texts import counted


@dataclass(frozen=True, slots=True)
class ChannelsPair:
    """Files of the channels of an image, with one mask; see `FoundPair`.

    Attributes
    ----------
    channel_names : of all channels, by which their number is checked; empty where none are known
    """

    channels: tuple[FilePair, ...]
    channel_names: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Future sample id."""
        return self.channels[0].id

    @property
    def group(self) -> str | None:
        """The volume of a plane."""
        return self.channels[0].group

    @property
    def image_label(self) -> str:
        """Where the first channel is, and how many there are."""
        more = f" and {len(self.channels) - 1} more" if len(self.channels) > 1 else ""
        return self.channels[0].image_label + more

    @property
    def mask_label(self) -> str:
        """Where the mask is."""
        return self.channels[0].mask_label

    @property
    def numbers(self) -> tuple[int, ...]:
        """The channel numbers in the names of the files."""
        return tuple(int(image_stem(each.image)[-4:]) for each in self.channels)

    def names(self) -> frozenset[str]:
        """Return the id, and names and stems of all files."""
        return frozenset().union(*(each.names() for each in self.channels))

    def load_image(self, channel: int | None) -> tuple[ImageArray, ImageInfo]:
        """Return the channels of all files together, or one of them.

        A file may hold several: nnU-Net reads an RGB picture as three channels.
        """
        n_files = len(self.channels)
        if channel is not None and n_files == 1:
            return self.channels[0].load_image(channel)
        if channel is not None and n_files == (len(self.channel_names) or n_files):
            self._require(channel, n_files)
            return self.channels[channel].load_image(None)
        parts = [_without_alpha(*each.load_image(None)) for each in self.channels]
        first, info = parts[0]
        odd = [i for a, i in parts if a.shape[:2] != first.shape[:2] or a.dtype != first.dtype]
        if odd:
            raise ImageReadError(
                f"{odd[0].path}: differs from channel 0 in size or type; expected one size and "
                "type for all files of a case"
            )
        image = np.concatenate(self._fit([array for array, _ in parts]), axis=2)
        if channel is not None:
            self._require(channel, image.shape[2])
            return image[..., channel : channel + 1], replace(info, channels=1, channel_names=())
        names = self.channel_names or (info.channel_names if n_files == 1 else ())
        return image, replace(info, channels=image.shape[2], channel_names=names)

    def _require(self, channel: int, n_channels: int) -> None:
        if channel >= n_channels:
            raise ImageReadError(
                f"{self.image_label}: channel {channel} was asked for, but it has {n_channels}, "
                "counted from 0"
            )

    def _fit(self, arrays: list[ImageArray]) -> list[ImageArray]:
        """Return (H, W, C) arrays with as many channels together as there are names.

        Grey stored as RGB counts as one channel where that makes the number right.
        """
        n_names = len(self.channel_names) or len(arrays)
        if len(arrays) == 1 and not self.channel_names:
            return arrays
        for chosen in (arrays, [_grey_once(each) for each in arrays]):
            if sum(each.shape[2] for each in chosen) == n_names:
                return chosen
        found = [each.shape[2] for each in arrays]
        shown = " and ".join(counted(n, "channel") for n in found)
        names = f" ({', '.join(self.channel_names)})" if self.channel_names else ""
        cure = "add the missing files" if sum(found) < n_names else "keep one with --channel N"
        raise ImageReadError(
            f"{self.image_label}: {counted(len(arrays), 'file')} of {shown}, expected {n_names} "
            f"in all{names}; {cure}, or correct channel_names in dataset.json"
        )

    def load_mask(self, *, expand_palette: bool) -> NDArray[Any]:
        """Return the mask."""
        return self.channels[0].load_mask(expand_palette=expand_palette)

    def load_valid(self) -> None:
        """Return None: this layout has no valid masks."""


def _without_alpha(image: ImageArray, info: ImageInfo) -> tuple[ImageArray, ImageInfo]:
    """Return an image without its transparency; ImageReadError where that is not opaque."""
    if info.channel_names[-1:] != (ALPHA_NAME,):
        return image, info
    top = 1.0 if image.dtype.kind == "f" else np.iinfo(image.dtype.name).max
    if (image[..., -1] != top).any():
        raise ImageReadError(f"{info.path}: is partly transparent; save it without alpha")
    n_colors = image.shape[2] - 1
    return image[..., :-1], replace(
        info, channels=n_colors, channel_names=info.channel_names[:n_colors]
    )


def _grey_once(image: ImageArray) -> ImageArray:
    """Return one channel of an image whose channels are equal, any other as it is."""
    return image[..., :1] if (image == image[..., :1]).all() else image
