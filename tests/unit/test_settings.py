"""Layers of settings: merged key by key, refused in one line with the cure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from cellenhance.errors import SettingsError
from cellenhance.settings import (
    Settings,
    merge_layers,
    parse_assignments,
    parse_yaml,
    suggest,
    validate_settings,
)


class Inner(Settings):
    rotation: float = Field(0, ge=0, le=180)


class Outer(Settings):
    epochs: int = Field(1, ge=1)
    inner: Inner | None = None


def test_later_layers_win_and_nested_ones_are_merged() -> None:
    below = {"a": 1, "b": {"c": 1, "d": 2}}
    assert merge_layers(below, {"b": {"d": 3}}, {"e": 4}) == {"a": 1, "b": {"c": 1, "d": 3}, "e": 4}
    assert below == {"a": 1, "b": {"c": 1, "d": 2}}
    assert merge_layers({"a": {"b": 1}}, {"a": None}) == {"a": None}


@given(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.integers() | st.dictionaries(st.sampled_from("xy"), st.integers()),
    )
)
def test_merging_a_layer_with_itself_or_nothing_changes_nothing(layer: dict[str, Any]) -> None:
    assert merge_layers(layer) == merge_layers({}, layer, {}) == merge_layers(layer, layer) == layer


def test_assignments_are_yaml_scalars_under_dotted_keys() -> None:
    words = ["recipe.epochs=5", "recipe.crop_px=null", "recipe.augmentation.flip=false", "a=x=y"]
    assert parse_assignments(words) == {
        "recipe": {"epochs": 5, "crop_px": None, "augmentation": {"flip": False}},
        "a": "x=y",
    }


@pytest.mark.parametrize("word", ["epochs", "=5", "a..b=1", ".a=1"])
def test_what_is_no_assignment_is_refused(word: str) -> None:
    with pytest.raises(SettingsError, match="expected key=value, for example"):
        parse_assignments([word])


@pytest.mark.parametrize("value", ["[1", "!!python/object/apply:os.getcwd []"])
def test_a_value_that_is_no_plain_yaml_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="is not plain YAML"):
        parse_assignments([f"a={value}"])


def test_the_nearest_name_is_offered_or_all_of_them() -> None:
    assert suggest("epoch", ["epochs", "seed"]) == "; did you mean 'epochs'?"
    assert suggest("zzz", ["b", "a"]) == "; known: a, b"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "unknown key 'epoch' in here; did you mean 'epochs'?"),
        (
            {"inner": {"rotatoin": 3}},
            "unknown key 'inner.rotatoin' in here; did you mean",
        ),
        ({"epochs": 0}, "'epochs' in here: Input should be greater than or equal to 1, found 0"),
        ({"inner": {"rotation": 200}}, "'inner.rotation' in here: .*found 200"),
        ({"epochs": "x", "inner": 3}, r"'epochs' in here: .*\(and 1 more\)"),
    ],
)
def test_what_does_not_fit_is_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        validate_settings(Outer, values, where="here")
    assert "\n" not in str(caught.value)


def test_settings_do_not_change() -> None:
    settings = validate_settings(Outer, {"epochs": 3}, where="here")
    with pytest.raises(ValidationError, match="frozen"):
        settings.epochs = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x [1]\nb: *x", "line 1: anchors"),
        ("!!python/object/apply:os.system ['true']", "line 1: tags"),
        ("!!int x", "line 1: tags"),
        ("2001-99-99", "month"),
        ("9" * 5000, "4300 digits"),
        ("[" * 5000, "nested too deeply"),
        ("a: [", "line 1"),
        ("a: b: c", "line 1"),
        ("\x00", "special characters"),
    ],
)
def test_yaml_that_is_not_plain_is_one_reason_in_words(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)


def test_an_assignment_whose_value_is_not_plain_yaml_is_named() -> None:
    with pytest.raises(SettingsError, match=r"--set 'recipe\.epochs=\*x': .*aliases"):
        parse_assignments(["recipe.epochs=*x"])
