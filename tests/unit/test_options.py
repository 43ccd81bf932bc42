"""Options, declared once: what a record refuses names the flag, whoever makes the record."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from cellenhance.data.files.options import ReadingOptions
from cellenhance.engine.options import ComputeOptions, TilingOptions
from cellenhance.engine.training.options import RecipeOptions, TrainingOptions
from cellenhance.errors import SettingsError
from cellenhance.options import Options, argument, declaration, option, range_of, words_of
from cellenhance.render.style import DisplayOptions
from cellenhance.tasks.datasets.requests import AugmentRequest, SplitRequest
from cellenhance.tasks.train.requests import TrainRequest


class Group(Options):
    folder: str = argument("A folder.", metavar="FOLDER", default="here")
    n_cells: int = option(3, "Number of cells.", limits={"gt": 0})
    share: float | None = option(None, "Share.", limits={"ge": 0, "le": 1})
    kind: Literal["round", "flat"] = option("round", "Form.", flag="--form")
    words: tuple[float, ...] = option((), "Numbers.", commas=True)
    places: int | Literal["all"] = option("all", "Places.")
    hidden: str = "not an option"


def test_defaults_are_those_declared() -> None:
    assert Group().model_dump() == {
        "folder": "here",
        "n_cells": 3,
        "share": None,
        "kind": "round",
        "words": (),
        "places": "all",
        "hidden": "not an option",
    }
    assert ComputeOptions() == ComputeOptions(device="auto", precision="auto")
    assert TilingOptions() == TilingOptions(tile=None, overlap=None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_cells": "many"}, "--n-cells many: expected a whole number above 0"),
        ({"n_cells": 0}, "--n-cells 0: expected a whole number above 0"),
        ({"share": 1.5}, "--share 1.5: expected a number from 0 to 1"),
        ({"share": float("nan")}, "--share nan: expected a number from 0 to 1"),
        ({"kind": "oval"}, "--form oval: expected round or flat"),
        ({"words": ["1", "x"]}, "--words x: expected a number"),
        ({"places": "some"}, "--places some: expected a whole number, or all"),
        ({"hidden": 3}, "hidden 3: Input should be a valid string"),
        ({"n_cell": 1}, "Group has no option 'n_cell'; did you mean 'n_cells'?"),
    ],
)
def test_a_refusal_is_one_line_that_names_the_flag(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        Group(**values)
    assert str(error.value) == message


def test_two_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"^--channel and --grey both choose"):
        ReadingOptions(channel=0, grey="mean")
    with pytest.raises(SettingsError, match=r"^--display-range .*: expected two numbers"):
        DisplayOptions(display_range=(5, 5))


def test_channel_and_grey_are_one_choice() -> None:
    assert ReadingOptions().channel_choice is None
    assert ReadingOptions(channel=2).channel_choice == 2
    assert ReadingOptions(grey="mean").channel_choice == "mean"


def test_limits_are_told_in_words() -> None:
    fields = Group.model_fields
    assert range_of(fields["n_cells"]) == "above 0"
    assert range_of(fields["share"]) == "0 to 1"
    assert range_of(TilingOptions.model_fields["tile"]) == "at least 32"
    assert range_of(fields["kind"]) == ""


def test_a_field_that_is_not_declared_is_no_option() -> None:
    assert declaration(Group.model_fields["hidden"]) is None


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Group(), []),
        (Group(folder="there", n_cells=4), ["there", "--n-cells", "4"]),
        (Group(share=0.1, words=(1, 0.123456789)), ["--share", "0.1", "--words", "1,0.123456789"]),
        (Group(kind="flat", places=2), ["--form", "flat", "--places", "2"]),
        (
            TrainRequest(
                dataset="d", output="o", resume=True, recipe=TrainingOptions(set=("a=1", "b=2"))
            ),
            ["d", "-o", "o", "--resume", "--set", "a=1", "--set", "b=2"],
        ),
        (SplitRequest(dataset="d", stratified=False), ["d", "--no-stratified"]),
        (AugmentRequest(dataset="d", output="o"), ["d", "-o", "o"]),
        (
            AugmentRequest(dataset="d", output="o", recipe=RecipeOptions(recipe="unet")),
            ["d", "-o", "o", "--recipe", "unet"],
        ),
    ],
)
def test_the_words_of_a_record_are_those_that_differ_from_its_defaults(
    record: Options, words: list[str]
) -> None:
    assert words_of(record) == words
