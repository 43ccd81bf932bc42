"""Every recipe of the catalogue trains; published and mended ones differ where it is said."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellenhance.catalog import load_catalog
from cellenhance.engine.checkpoints import load_model
from cellenhance.engine.training.settings import RecipeSettings, resolve_recipe

ROOT = Path(__file__).parents[2]
CATALOG = load_catalog()
RECIPES = sorted(CATALOG.recipes)


def recipe(name: str) -> RecipeSettings:
    return resolve_recipe(CATALOG, name, {})


def differences(one: str, other: str) -> set[str]:
    first, second = (recipe(name).model_dump() for name in (one, other))
    return {key for key in first if first[key] != second[key]}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains_an_epoch_and_its_preprocessing_predicts(
    cli: Any, tiny_dataset: Path, tmp_path: Path, name: str
) -> None:
    """At the recipe's own settings, but for 2 steps of 2 images of 32 px."""
    run, size = tmp_path / "run", 32 if recipe(name).crop_px else "null"
    small = (f"recipe.crop_px={size}", "recipe.steps_per_epoch=2")
    words = ["train", tiny_dataset, "-m", "light-unet", "--recipe", name, "-o", run, "--epochs", 1]
    words += ["--batch-size", 2, "--precision", "fp32", *(w for s in small for w in ("--set", s))]
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    with (run / "metrics.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert math.isfinite(float(row["loss"]))
    assert float(row["learning_rate"]) > 0
    header = load_model(run / "checkpoints" / "best.safetensors").header
    assert header.preprocessing == recipe(name).preprocessing
    done = cli("evaluate", run, "--json")
    assert done.exit_code == 0, done.stderr
    found = yaml.safe_load(done.stdout)["pooled"]["miou"]
    assert 0 <= found <= 1


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("isbi2012", {"augmentation"}),
        ("low-level-fusion", {"loss"}),
        ("micro-objects", {"loss", "schedule"}),
    ],
)
def test_published_and_mended_differ_only_in_what_was_flawed(stem: str, expected: set[str]) -> None:
    assert differences(f"{stem}-published", stem) == expected


def test_the_published_flaws_are_there_and_mended() -> None:
    fills = [recipe(name).augmentation.affine for name in ("isbi2012-published", "isbi2012")]
    assert [each and (each.fill, each.rotation_deg) for each in fills] == [
        ("constant", 0.2),
        ("reflect", 20),
    ]
    terms = [recipe(f"micro-objects{end}").loss.lovasz_softmax for end in ("-published", "")]
    assert [each and each.raw for each in terms] == [True, False]
    schedules = [recipe(f"micro-objects{end}").schedule[0].name for end in ("-published", "")]
    assert schedules == ["constant", "cosine"]


def test_the_protocols_have_the_numbers_of_their_sources() -> None:
    fusion, objects = recipe("low-level-fusion-published"), recipe("micro-objects-published")
    assert fusion.optimizer.model_dump(exclude_defaults=True) == {
        "name": "sgd",
        "momentum": 0.9,
        "weight_decay": 5e-4,
    }
    assert [step.name for step in fusion.preprocessing] == ["clahe", "z_score"]
    assert [step.name for step in objects.preprocessing] == ["equalize", "gamma"]
    assert objects.optimizer.nesterov
    assert objects.optimizer.normalize_gradients
    assert objects.averaging is not None
    assert objects.averaging.last_epochs == 5
    net = recipe("ce-net")
    assert (net.learning_rate, net.schedule[0].power) == (4e-3, 0.9)


def test_the_page_names_every_recipe_and_every_setting() -> None:
    page = (ROOT / "docs" / "reference" / "recipes.md").read_text(encoding="utf-8")
    missing = [name for name in RECIPES if f"`{name}`" not in page]
    listed = {"learning_rate", "epochs", "batch_size", "crop_px", "patience"}  # of `train --help`
    missing += [
        key for key in RecipeSettings.model_fields if f"`{key}`" not in page and key not in listed
    ]
    assert missing == []
