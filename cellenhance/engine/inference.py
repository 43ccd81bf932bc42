"""Prediction of images of any size, tile by tile, with memory set by the tile.

A `Predictor` turns regions of an image into outputs of its networks; several networks (the folds
of a cross-validation) and several orientations of the image are averaged as probabilities. Nothing
is written here.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.normalize import RangeWatch
from cellenhance.engine.checkpoints import LoadedModel, fold_batch_norm, load_model
from cellenhance.engine.device import Compute, free_memory_bytes
from cellenhance.engine.image_pass import array_image, show_image
from cellenhance.engine.options import TilingOptions
from cellenhance.engine.orientations import ALL_ORIENTATIONS, AS_IT_IS, Orientation
from cellenhance.engine.planes import NetworkInput, Plane, prepare_input, read_window
from cellenhance.engine.predictions import Prediction, TilePrediction, mix_windows
from cellenhance.engine.sinks import PredictionSink
from cellenhance.engine.tiling import Tile, TileGrid, round_up
from cellenhance.engine.windows import iterate_cells
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.complexity import activation_bytes_per_pixel
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.runs.stored_confusion import ENSEMBLE
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

_CORES_PX = (1024, 512, 256, 128, 64)
_MEMORY_LIMIT_BYTES = 1 << 30
_LIVE_SHARE = 0.25
"""Share of all layers' outputs that is alive at once without gradients (measured: 0.1 to 0.2)."""


class Predictor:
    """Networks on a device, ready to predict images of any size.

    Parameters
    ----------
    members : one network, or several whose probabilities are averaged; equal classes and channels
    compute : device and precision
    tile : side of the core that is kept, px; None: chosen from the free memory
    overlap : pixels computed around the core; None: what the networks see
    tta : average over the eight orientations of the image (test-time augmentation)

    Attributes
    ----------
    tile_px, context_px : both as they are used: on the stride, on a TIFF tile
    needed_context_px : what the networks see around a pixel

    Raises
    ------
    SettingsError
        The members differ in classes or channels.
    """

    def __init__(
        self,
        members: Sequence[LoadedModel],
        compute: Compute,
        *,
        tile: int | None = None,
        overlap: int | None = None,
        tta: bool = False,
    ) -> None:
        _check_members(members)
        self.members = tuple(members)
        self.compute = compute
        self.orientations = ALL_ORIENTATIONS if tta else AS_IT_IS
        self.header = members[0].header
        networks = [member.network for member in members]
        for network in networks:
            network.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.stride_px = math.lcm(*(network.stride for network in networks))
        self.min_size_px = max(network.min_size for network in networks)
        self.window_px = _fixed_window(members)
        if self.window_px is not None:
            if tile is not None or overlap is not None:
                raise SettingsError(
                    f"{members[0].path}: this model is always run on windows of {self.window_px} "
                    "px, blended; leave out --tile and --overlap"
                )
            self.context_px = self.needed_context_px = 0
            self.tile_px = self.window_px // 2
            return
        reaches = [((network.receptive_field_px or 1) - 1) // 2 for network in networks]
        self.needed_context_px = round_up(max(reaches), self.stride_px)
        wanted = self.needed_context_px if overlap is None else overlap
        self.context_px = round_up(wanted, self.stride_px)
        # Cores are also multiples of 16: masks are streamed into TIFF tiles, which must be.
        self.tile_px = round_up(tile or self._choose_tile(), math.lcm(self.stride_px, 16))

    @property
    def single(self) -> SegmentationNetwork | None:
        """The one network on the image as it is, whose branches count; None for an average."""
        is_single = len(self.members) * len(self.orientations) == 1
        return self.members[0].network if is_single else None

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the masks that a single network gives: its branches, then the result."""
        branches = () if self.single is None else self.single.branch_names
        return (*branches, ENSEMBLE) if branches else ()

    @property
    def has_several_members(self) -> bool:
        """Tell whether there is a disagreement: several are averaged, or a network has branches."""
        return self.single is None or bool(self.output_names)

    def _choose_tile(self) -> int:
        """Return the core: within 1 GiB if it can be so without computing most pixels twice."""
        per_pixel = max(activation_bytes_per_pixel(member.network) for member in self.members)
        free = free_memory_bytes(self.compute.device)

        def fits(core: int, budget: int) -> bool:
            return (core + 2 * self.context_px) ** 2 * per_pixel * _LIVE_SHARE <= budget

        efficient = [core for core in _CORES_PX if core >= 2 * self.context_px]
        small = [core for core in efficient if fits(core, min(_MEMORY_LIMIT_BYTES, free // 4))]
        large = [core for core in reversed(efficient) if fits(core, free // 2)]
        any_ = [core for core in _CORES_PX if fits(core, free // 2)]
        return next(iter([*small, *large, *any_, _CORES_PX[-1]]))

    def grid(self, height: int, width: int) -> TileGrid:
        """Return the tiles of an image of this size."""
        return TileGrid(
            height, width, self.tile_px, self.context_px, self.stride_px, self.min_size_px
        )

    def predict(self, image: ImageArray) -> Prediction:
        """Return all that is predicted of an image (H, W, C) in its own intensities."""
        [prediction] = show_image(self, array_image(image), [PredictionSink()])
        return prediction

    def predict_tiles(
        self, plane: Plane, watch: RangeWatch | None = None
    ) -> Iterator[TilePrediction]:
        """Yield the prediction of every tile, row by row, reading only what a tile needs.

        `watch` is shown every pixel of the plane once.

        Raises
        ------
        DatasetError
            The plane has another number of channels than the networks.
        """
        if plane.channels != self.header.in_channels:
            raise DatasetError(
                f"the image has {counted(plane.channels, 'channel')}, the model takes "
                f"{self.header.in_channels}; pick one with --channel N or use a model that takes "
                "as many channels"
            )
        inputs = [prepare_input(plane, member.header) for member in self.members]
        parts = self._blend(plane, inputs) if self.window_px else self._cut(plane, inputs)
        for part in parts:
            if watch is not None:
                watch.add(part.pixels)
            yield part

    def _cut(self, plane: Plane, inputs: Sequence[NetworkInput]) -> Iterator[TilePrediction]:
        """Yield the tiles of the grid."""
        for tile in self.grid(plane.height, plane.width):
            yield self._predict_window(plane, inputs, tile)

    def _blend(self, plane: Plane, inputs: Sequence[NetworkInput]) -> Iterator[TilePrediction]:
        """Yield cells as weighted means of the fixed windows that cover them."""
        assert self.window_px is not None
        known: dict[tuple[int, int], TilePrediction] = {}
        for parts in iterate_cells(plane.height, plane.width, self.window_px):
            top = parts[0].tile.rows.window_start
            known = {place: each for place, each in known.items() if place[0] >= top}
            for part in parts:
                if part.start not in known:
                    known[part.start] = self._predict_window(plane, inputs, part.whole)
            yield mix_windows(parts, known)

    def _predict_window(
        self, plane: Plane, inputs: Sequence[NetworkInput], tile: Tile
    ) -> TilePrediction:
        """Return the outputs of all members on the core of one tile."""
        # What several networks share is read once.
        planes = {id(each.plane): each.plane for each in inputs}
        windows = {name: read_window(each, tile) for name, each in planes.items()}
        images = [each.finish(windows[id(each.plane)]) for each in inputs]
        outputs = tuple(
            self._forward(member.network, image, tile, orientation)
            for member, image in zip(self.members, images, strict=True)
            for orientation in self.orientations
        )
        core = tile.rows.core_in_window, tile.cols.core_in_window
        seen = windows.get(id(plane))
        pixels = read_window(plane, tile) if seen is None else seen
        return TilePrediction(tile, outputs, images[0][core], pixels[core])

    def _forward(
        self,
        network: SegmentationNetwork,
        window: NDArray[np.float32],
        tile: Tile,
        orientation: Orientation,
    ) -> SegmentationOutput:
        image = torch.from_numpy(np.ascontiguousarray(window.transpose(2, 0, 1)))[None]
        with torch.inference_mode(), self.compute.autocast():
            turned = orientation.apply(image.to(self.compute.device))
            output: SegmentationOutput = network(turned)
        empty = output.logits[:, :0]
        # Features are many maps that nobody asks for; of an average only the result counts.
        kept = (
            SegmentationOutput(output.logits, empty)
            if self.single is None
            else replace(output, features=empty)
        )
        rows, cols = tile.rows.core_in_window, tile.cols.core_in_window
        return kept.map(lambda tensor: orientation.undo(tensor)[..., rows, cols])


def load_predictor(
    checkpoints: Sequence[Path],
    compute: Compute,
    tiling: TilingOptions | None = None,
    *,
    tta: bool = False,
) -> Predictor:
    """Return a predictor of the networks in these checkpoint files; see `make_predictor`.

    Raises
    ------
    CheckpointError
        A file is not a checkpoint of cellenhance, or is damaged.
    SettingsError
        The networks do not fit together, or tiles cannot be chosen for them.
    """
    return make_predictor([load_model(path) for path in checkpoints], compute, tiling, tta=tta)


def make_predictor(
    models: Sequence[LoadedModel],
    compute: Compute,
    tiling: TilingOptions | None = None,
    *,
    tta: bool = False,
) -> Predictor:
    """Return a predictor of these networks, batch normalisation folded in copies of them.

    A context that is smaller than what the networks see is warned of.
    """
    tiling = tiling or TilingOptions()
    members = [replace(each, network=fold_batch_norm(each.network)) for each in models]
    predictor = Predictor(members, compute, tile=tiling.tile, overlap=tiling.overlap, tta=tta)
    if predictor.context_px < predictor.needed_context_px:
        logger.warning(
            "--overlap %d is less than the %d px the model sees around a pixel: results near tile "
            "borders will differ from those of a whole image",
            predictor.context_px,
            predictor.needed_context_px,
        )
    return predictor


def _check_members(members: Sequence[LoadedModel]) -> None:
    first = members[0].header
    for other in members[1:]:
        if other.header.class_names != first.class_names:
            raise SettingsError(
                f"{other.path} has the classes {list(other.header.class_names)}, "
                f"{members[0].path} {list(first.class_names)}; only runs with the same classes can "
                "be combined"
            )
        if other.header.in_channels != first.in_channels:
            raise SettingsError(
                f"{other.path} takes {counted(other.header.in_channels, 'channel')}, "
                f"{members[0].path} {first.in_channels}; only runs with the same "
                "channels can be combined"
            )


def _fixed_window(members: Sequence[LoadedModel]) -> int | None:
    """Return the side of the windows of networks without a receptive field; None with one."""
    windows = {
        member.header.window_px for member in members if member.network.receptive_field_px is None
    }
    if not windows:
        return None
    if len(windows) > 1 or None in windows:
        raise SettingsError(
            f"{members[0].path}: the runs were trained with windows of {windows} px; only runs "
            "with one window size can be combined"
        )
    return windows.pop()
