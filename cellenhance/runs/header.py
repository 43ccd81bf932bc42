"""What the header of a checkpoint file holds: enough to build its network and continue training.

Must not import torch.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cellenhance.catalog import ModelEntry
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.normalize import Normalization
from cellenhance.data.preprocess import Preprocessing
from cellenhance.pixel_size import PixelSizeField
from cellenhance.settings import Settings


class ModelHeader(Settings):
    """All that is needed besides weights to predict with a network.

    `window_px` is the side of the windows that a network without a receptive field was trained on
    and is always run on; None for all others.
    """

    format_version: Literal[1] = 1
    entry: ModelEntry
    in_channels: int = Field(ge=1)
    channel_names: tuple[str, ...] = ()
    classes: tuple[SegmentationClass, ...] = Field(min_length=1)
    normalization: Normalization
    preprocessing: Preprocessing = ()
    window_px: int | None = None
    pixel_size_um: PixelSizeField | None = Field(None, description="of the images of the training")

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes in index order."""
        return tuple(each.name for each in self.classes)

    @property
    def background(self) -> int:
        """Return the index of the class "background", or 0 where no class has this name."""
        names = self.class_names
        return names.index("background") if "background" in names else 0


class TrainingState(Settings):
    """Counters of a run in progress.

    `epoch` is the epoch in progress, `step` the next step in it; the sums are over the steps of
    that epoch that were done. After the last epoch `epoch` is one more than the number of epochs.
    """

    epoch: int = 1
    step: int = 0
    loss_sums: dict[str, float] = Field(default_factory=dict)
    best_epoch: int | None = None
    best_miou: float | None = None
    finished: bool = False
    stopped_because: str | None = None
    seconds: float = 0.0


class FileHeader(Settings):
    """All that the header of a checkpoint file holds; without a state, training cannot continue.

    `sha256` is of the rest of the header and of all tensors; files written before 0.1.0 have none.
    """

    model: ModelHeader
    state: TrainingState | None = None
    sha256: str | None = None
