"""Prediction of images of any size, tile by tile, with memory set by the tile.

A `Predictor` turns regions of an image into outputs of its networks; several networks (the folds
of a cross-validation) are averaged as probabilities. Nothing is written here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.normalize import RangeWatch
from cellenhance.engine.checkpoints import LoadedModel, load_model
from cellenhance.engine.device import Compute, free_memory_bytes
from cellenhance.engine.folding import fold_batch_norm
from cellenhance.engine.network_input import NetworkInput, prepare_input, read_window
from cellenhance.engine.planes import ArrayPlane, Plane
from cellenhance.engine.predictions import Prediction, TilePrediction, mix_windows
from cellenhance.engine.tiling import Tile, TileGrid, round_up
from cellenhance.engine.windows import iterate_cells
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.networks.complexity import activation_bytes_per_pixel
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.runs.stored_confusion import ENSEMBLE

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
    tile_px : side of the core that is kept; None: chosen from the free memory
    context_px : pixels computed around the core; None: what the networks see

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
        tile_px: int | None = None,
        context_px: int | None = None,
    ) -> None:
        _check_members(members)
        self.members = tuple(members)
        self.compute = compute
        self.header = members[0].header
        networks = [member.network for member in members]
        for network in networks:
            network.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.stride_px = math.lcm(*(network.stride for network in networks))
        self.min_size_px = max(network.min_size for network in networks)
        self.window_px = _fixed_window(members)
        if self.window_px is not None:
            if tile_px is not None or context_px is not None:
                raise SettingsError(
                    f"{members[0].path}: this model is always run on windows of {self.window_px} "
                    "px, blended; leave out --tile and --overlap"
                )
            self.context_px = self.needed_context_px = 0
            self.tile_px = self.window_px // 2
            return
        reaches = [((network.receptive_field_px or 1) - 1) // 2 for network in networks]
        self.needed_context_px = round_up(max(reaches), self.stride_px)
        wanted = self.needed_context_px if context_px is None else context_px
        self.context_px = round_up(wanted, self.stride_px)
        # Cores are also multiples of 16: masks are streamed into TIFF tiles, which must be.
        self.tile_px = round_up(tile_px or self._choose_tile(), math.lcm(self.stride_px, 16))

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the masks that a single network gives: its branches, then the result."""
        branches = self.members[0].network.branch_names
        return (*branches, ENSEMBLE) if branches else ()

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
        """Return mask and probabilities of an image (H, W, C) in its own intensities."""
        plane = ArrayPlane(image)
        n_classes = len(self.header.classes)
        probabilities = np.empty((n_classes, plane.height, plane.width), np.float32)
        mask = np.empty((plane.height, plane.width), np.uint8)
        for part in self.predict_tiles(plane):
            rows, cols = part.tile.rows.core, part.tile.cols.core
            probabilities[:, rows, cols] = part.probabilities()
            mask[rows, cols] = part.mask()
        return Prediction(mask, probabilities)

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
                f"the image has {plane.channels} channels, the model takes "
                f"{self.header.in_channels}; pick one with --channel N or use a model of as many"
            )
        inputs = [prepare_input(plane, member.header) for member in self.members]
        if self.window_px is not None:
            for part in self._blend(plane, inputs):
                _show_pixels(plane, part.tile, watch)
                yield part
            return
        for tile in self.grid(plane.height, plane.width):
            part = self._predict_window(inputs, tile)
            _show_pixels(plane, part.tile, watch)
            yield part

    def _blend(self, plane: Plane, inputs: Sequence[NetworkInput]) -> Iterator[TilePrediction]:
        """Yield cells as weighted means of the fixed windows that cover them."""
        assert self.window_px is not None
        known: dict[tuple[int, int], TilePrediction] = {}
        for parts in iterate_cells(plane.height, plane.width, self.window_px):
            top = parts[0].tile.rows.window_start
            known = {place: each for place, each in known.items() if place[0] >= top}
            for part in parts:
                if part.start not in known:
                    known[part.start] = self._predict_window(inputs, part.whole)
            yield mix_windows(parts, known)

    def _predict_window(self, inputs: Sequence[NetworkInput], tile: Tile) -> TilePrediction:
        """Return the outputs of all members on the core of one tile."""
        windows = {id(each.plane): read_window(each.plane, tile) for each in _one_a_plane(inputs)}
        images = [each.finish(windows[id(each.plane)]) for each in inputs]
        outputs = tuple(
            self._forward(member, image, tile)
            for member, image in zip(self.members, images, strict=True)
        )
        core = images[0][tile.rows.core_in_window, tile.cols.core_in_window]
        return TilePrediction(tile, outputs, core)

    def _forward(
        self, member: LoadedModel, window: NDArray[np.float32], tile: Tile
    ) -> SegmentationOutput:
        image = torch.from_numpy(np.ascontiguousarray(window.transpose(2, 0, 1)))[None]
        with torch.inference_mode(), self.compute.autocast():
            output: SegmentationOutput = member.network(image.to(self.compute.device))
        rows, cols = tile.rows.core_in_window, tile.cols.core_in_window
        kept = replace(output, features=output.logits[:, :0])  # many maps that nobody asks for
        return kept.map(lambda tensor: tensor[..., rows, cols])


def load_predictor(
    checkpoints: Sequence[Path],
    compute: Compute,
    *,
    tile_px: int | None = None,
    context_px: int | None = None,
) -> Predictor:
    """Return a predictor of the networks in these checkpoint files, batch normalisation folded.

    Raises
    ------
    CheckpointError, SettingsError
        A file is no checkpoint of ours, or the networks do not fit together.
    """
    loaded = [load_model(path) for path in checkpoints]
    members = [replace(each, network=fold_batch_norm(each.network)) for each in loaded]
    return Predictor(members, compute, tile_px=tile_px, context_px=context_px)


def _check_members(members: Sequence[LoadedModel]) -> None:
    first = members[0].header
    for other in members[1:]:
        if other.header.class_names != first.class_names:
            raise SettingsError(
                f"{other.path} has the classes {list(other.header.class_names)}, "
                f"{members[0].path} {list(first.class_names)}; only runs of equal classes combine"
            )
        if other.header.in_channels != first.in_channels:
            raise SettingsError(
                f"{other.path} takes {other.header.in_channels} channels, {members[0].path} "
                f"{first.in_channels}; only runs of equal channels combine"
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
            f"{members[0].path}: the runs were trained with windows of {windows} px; only runs of "
            "one window size combine"
        )
    return windows.pop()


def _show_pixels(plane: Plane, tile: Tile, watch: RangeWatch | None) -> None:
    if watch is not None:
        watch.add(plane.read(tile.rows.core, tile.cols.core))


def _one_a_plane(inputs: Sequence[NetworkInput]) -> list[NetworkInput]:
    """Return one of the inputs of each plane: what several networks share is read once."""
    return list({id(each.plane): each for each in inputs}.values())
