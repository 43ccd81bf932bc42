"""What can be asked of dataset folders: one request for each command; imports nothing slow."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from cellenhance.data.dataset.options import (
    DEFAULT_SPLIT,
    DatasetFolder,
    GivenSplitOptions,
    PartOptions,
    SplitName,
    Subset,
)
from cellenhance.data.degrade.settings import DegradeOptions
from cellenhance.data.synthesize_settings import SynthesizeSettings
from cellenhance.engine.training.options import DEFAULT_RECIPE, RecipeOptions
from cellenhance.errors import SettingsError
from cellenhance.options import (
    Options,
    Output,
    Overwrite,
    Seed,
    argument,
    flag_of,
    given_in,
    group,
    option,
)

FOLDERS = "folders"
"""The export that belongs to no annotation program: images and masks in two folders."""


class SplitRequest(Options):
    """How to divide a dataset: by shares, by numbers of images, into folds, or as published."""

    dataset: DatasetFolder
    folds: int | None = option(
        None,
        "Number of folds; each is the test part once.",
        limits={"ge": 2},
        unset="parts, no folds",
    )
    name: SplitName = DEFAULT_SPLIT
    group_by: str = option(
        "column",
        "What stays together: column (of samples.csv), none, or a regular expression with one "
        "(group) on the id.",
        metavar="WHAT",
    )
    stratified: bool = option(True, "Balance the class shares of the parts.")
    seed: Seed = 0
    overwrite: Overwrite = False
    parts: PartOptions = group(PartOptions)
    given: GivenSplitOptions = group(GivenSplitOptions)

    @model_validator(mode="after")
    def _no_contradictions(self) -> SplitRequest:
        asked = [
            flag_of(name, type(record).model_fields[name])
            for record in (self, self.parts, self.given)
            for name in type(record).model_fields
            if getattr(record, name) != type(record).model_fields[name].default
        ]
        for flag, others, reason in _CONTRADICTIONS:
            clash = [other for other in others if other in asked]
            if flag in asked and clash:
                raise ValueError(f"{flag} with {clash[0]}: {reason}; leave one of them out")
        if "--val-from" in asked and "--folds" not in asked:
            raise ValueError("--val-from is for folds; give their number with --folds")
        if "--allow-shared-groups" in asked and not {*_LISTS, "--from"} & set(asked):
            raise ValueError(
                "--allow-shared-groups is for lists and --from; a split that is drawn by "
                "--group-by none divides groups"
            )
        return self


_LISTS = ("--train-list", "--val-list", "--test-list")
_SIZES = ("--folds", "--train", "--test", "--test-count")
_CONTRADICTIONS = (
    ("--folds", ("--train", "--test", "--test-count"), "the folds set these parts"),
    ("--val", ("--val-count",), "a share or a number"),
    ("--test", ("--test-count",), "a share or a number"),
    ("--train", ("--val-count", "--test-count"), "the rest trains"),
    ("--val-list", ("--val", "--val-count"), "the list places validation images"),
    *((each, _SIZES, "lists set these parts") for each in _LISTS),
    ("--from", (*_SIZES, "--val", "--val-count", *_LISTS), "the table places every image"),
)


class InspectRequest(Options):
    """Which dataset to look at."""

    dataset: DatasetFolder
    output: Path | None = option(None, "Write a contact sheet (PNG).", short="-o", metavar="FILE")
    overwrite: Overwrite = False


class DegradeRequest(Options):
    """What to copy, and what its images lose."""

    dataset: DatasetFolder
    output: Output
    camera: Path | None = option(
        None,
        "A camera.yaml from dataset camera: gain, offset and read noise, unless an option sets "
        "them.",
        metavar="FILE",
    )
    dtype: Literal["auto", "keep"] = option(
        "auto",
        "auto: 8-bit images that get brighter or noisy become 16-bit; keep: they are clipped at "
        "255.",
    )
    force_thinning: bool = option(
        False, "Thin images that are not raw counts of a known camera; the copy records it."
    )
    replay: Path | None = option(
        None, "A degradation.csv: repeat exactly what it says, image by image.", metavar="FILE"
    )
    seed: Seed = 0
    overwrite: Overwrite = False
    loss: DegradeOptions = group(DegradeOptions)

    @model_validator(mode="after")
    def _replay_alone(self) -> DegradeRequest:
        if self.replay is None:
            return self
        if "seed" in self.model_fields_set:
            raise ValueError(f"--replay {self.replay}: has its own draws; leave out --seed")
        if given_in(self.loss) or self.camera or self.dtype != "auto" or self.force_thinning:
            raise ValueError(
                f"--replay {self.replay}: already says what is done; leave out the other options"
            )
        return self


class CameraRequest(Options):
    """Where the frames are that show what a camera does."""

    dark: Path = argument("Frames without light: a stack or a folder.", metavar="DARK")
    flats: tuple[Path, ...] = argument(
        "Evenly lit frames: a stack or a folder for each light level, a folder of such folders, "
        "or globs.",
        metavar="FLAT...",
    )
    output: Path | None = option(None, "Write camera.yaml.", short="-o", metavar="FILE")
    overwrite: Overwrite = False


class _Scenes(Options):
    """What synthetic images show, and where they go."""

    output: Output
    kind: str | None = option(
        None,
        "Draw scenes of the synthetic world in place of dim cell layers: nuclei, nucleoli, cells, "
        "puncta, filaments, neurites, honeycomb, layer, phase, em, envelope, smear, tissue; or "
        "mixed for all, with the classes background, interior, boundary.",
        metavar="KIND",
    )


class SynthesizeRequest(SynthesizeSettings, _Scenes):
    """Which synthetic images to draw, and where to write them."""

    overwrite: Overwrite = False


class AugmentRequest(Options):
    """What to copy and how; the subset is that of fold 1 of the split."""

    dataset: DatasetFolder
    output: Output
    n: int = option(100, "Number of copies in all.", limits={"ge": 1})
    subset: Subset | None = option(
        None, "Copy only this part of the split (its first fold).", unset="all images"
    )
    split: SplitName = DEFAULT_SPLIT
    seed: Seed = 0
    overwrite: Overwrite = False
    recipe: RecipeOptions = group(RecipeOptions, recipe=DEFAULT_RECIPE)

    @model_validator(mode="after")
    def _split_of_a_subset(self) -> AugmentRequest:
        _check_split_has_effect(self, self.subset)
        return self


class ExportRequest(Options):
    """What to write for which program; the subset is that of fold 1 of the split."""

    dataset: DatasetFolder
    output: Output
    to: str = option(
        ...,
        "Which program's files to write: labelme, coco, qupath, fiji-rois or folders.",
        metavar="PROGRAM",
    )
    simplify: float = option(
        0.5,
        "How far outlines may move, in px; 0 keeps every pixel.",
        metavar="PX",
        limits={"ge": 0, "le": 100},
    )
    subset: Subset | None = option(
        None, "Export only this part of the split (its first fold).", unset="all images"
    )
    split: SplitName = DEFAULT_SPLIT
    overwrite: Overwrite = False

    @model_validator(mode="after")
    def _options_with_effect(self) -> ExportRequest:
        _check_split_has_effect(self, self.subset)
        if "simplify" in self.model_fields_set and self.to == FOLDERS:
            raise ValueError("--simplify has no effect with --to folders, which keeps every pixel")
        return self


def _check_split_has_effect(request: Options, subset: Subset | None) -> None:
    if "split" in request.model_fields_set and subset is None:
        raise SettingsError("--split has no effect without --subset; give both or neither")
