"""Every command that writes, with small inputs: what is killed and starved in this room."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from tests.conftest import TINY_TRAINING

CPU = ("--device", "cpu", "--precision", "fp32")
CLASSES = ("--class", "background=0", "--class", "cell=255")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the commands work on; only read."""

    source: Path
    dataset: Path
    run: Path
    images: Path


@dataclass(frozen=True, slots=True)
class Command:
    """A command whose words are completed by ``-o OUTPUT``.

    Attributes
    ----------
    again : words that finish the work after the command was killed
    """

    name: str
    words: tuple[object, ...]
    output: str
    again: tuple[str, ...] = ("--overwrite",)

    def first(self, place: Path) -> list[object]:
        """Return the words of the first call, writing into `place`."""
        return [*self.words, "-o", place / self.output]

    def second(self, place: Path) -> list[object]:
        """Return the words that finish what was killed."""
        return [*self.first(place), *self.again]


def make_source(folder: Path) -> Path:
    """Return a folder of three small images and their masks."""
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(3):
        mask = (rng.random((48, 48)) > 0.6).astype(np.uint8) * 255
        image = rng.poisson(20 + mask / 4).astype(np.uint16)
        tifffile.imwrite(folder / "images" / f"cell {number}.tif", image)
        tifffile.imwrite(folder / "masks" / f"cell {number}.tif", mask)
    return folder


def list_commands(inputs: Inputs) -> list[Command]:
    """Return all commands that write files."""
    training = ("-m", "light-unet", "--epochs", 2, *TINY_TRAINING)
    return [
        Command("prepare", ("dataset", "prepare", inputs.source, *CLASSES), "set"),
        Command("synthesize", ("dataset", "synthesize", "--n-images", 3, "--size", 64), "set"),
        Command("degrade", ("dataset", "degrade", inputs.dataset, "--photons", 10), "set"),
        Command("augment", ("dataset", "augment", inputs.dataset, "--n", 2), "set"),
        Command("export", ("dataset", "export", inputs.dataset, "--to", "labelme"), "out"),
        Command("train", ("train", inputs.dataset, *training), "run", ("--resume",)),
        Command(
            "benchmark", ("benchmark", inputs.dataset, "--seeds", 2, *training), "bench", again=()
        ),
        Command("evaluate", ("evaluate", inputs.run, *CPU), "scores"),
        Command("predict", ("predict", inputs.run, inputs.images, *CPU), "masks"),
        Command(
            "predict-outputs",
            (
                *("predict", inputs.run, inputs.images, *CPU),
                *("--probabilities", "--uncertainty", "--overlays"),
            ),
            "masks",
        ),
        Command(
            "contour-overlay",
            ("contour-overlay", inputs.dataset / "images", inputs.dataset / "masks"),
            "figures",
        ),
        Command("translate", ("translate", inputs.run, inputs.images, "--dpi", 60), "figures"),
        Command("export-translations", ("export-translations", inputs.run, inputs.images), "data"),
        Command("compare", ("compare", inputs.run, inputs.images, "--dpi", 60, *CPU), "figures"),
    ]


NAMES = (
    *("prepare", "synthesize", "degrade", "augment", "export", "train", "benchmark", "evaluate"),
    *(
        "predict",
        "predict-outputs",
        "contour-overlay",
        "translate",
        "export-translations",
        "compare",
    ),
)
