"""The catalogue: the shipped entries, a user's own file, components by name, every refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cellenhance import catalog
from cellenhance.catalog import Component, load_catalog
from cellenhance.engine.training.settings import resolve_recipe
from cellenhance.errors import CatalogError

MINE = {
    "name": "mine",
    "architecture": "light_unet",
    "summary": "s",
    "recipe": "fast",
    "paper": "p",
    "source": "s",
    "initialisation": "random",
}


def write(path: Path, *models: dict[str, Any], **more: Any) -> Path:
    path.write_text(yaml.safe_dump({"models": list(models), **more}))
    return path


def test_the_shipped_entries_are_there_with_recipes_that_fit() -> None:
    loaded = load_catalog()
    assert {"light-unet", "unet", "aep-code", "aep-paper", "aep"} <= set(loaded.entries)
    for name, entry in loaded.entries.items():
        assert resolve_recipe(loaded, entry.recipe, {}).epochs > 0, name


def test_the_published_recipes_are_as_published() -> None:
    for name, batch in (("aep-code", 8), ("aep-paper", 16)):
        recipe = resolve_recipe(load_catalog(), load_catalog().entry(name).recipe, {})
        assert (recipe.learning_rate, recipe.epochs) == (1e-3, 300)
        assert [each.name for each in recipe.schedule] == ["constant"]
        assert (recipe.batch_size, recipe.crop_px, recipe.normalization) == (batch, None, "unit")
        change = recipe.augmentation
        assert (change.flip, change.rot90, change.affine, change.intensity) == (
            False,
            False,
            None,
            None,
        )


def test_the_published_program_has_dropout_and_ours_has_none() -> None:
    parts = load_catalog().resolve("aep-code").components.values()
    assert [part.settings["dropout"] for part in parts] == [0.5, 0.5]  # type: ignore[union-attr]
    parts = load_catalog().resolve("aep").components.values()
    assert [part.settings["dropout"] for part in parts] == [0.0, 0.0]  # type: ignore[union-attr]


def test_components_named_are_spelled_out() -> None:
    entry = load_catalog().resolve("aep-paper")
    assert entry.components == {
        "translator": Component(architecture="unet"),
        "segmenter": Component(architecture="unet"),
    }


def test_translator_and_segmenter_are_chosen_by_name() -> None:
    changes = {"components": {"translator": "light-unet", "segmenter": "unet"}}
    entry = load_catalog().resolve("aep", changes)
    assert [part.architecture for part in entry.components.values()] == ["light_unet", "unet"]  # type: ignore[union-attr]


def test_a_composed_model_is_no_component() -> None:
    with pytest.raises(CatalogError, match="is itself composed"):
        load_catalog().resolve("aep", {"components": {"segmenter": "aep"}})


def test_a_file_of_ones_own_adds_and_replaces(tmp_path: Path) -> None:
    replaced = MINE | {"name": "unet", "summary": "another"}
    path = write(tmp_path / "own.yaml", MINE, replaced, recipes={"fast": {"epochs": 1}})
    loaded = load_catalog(path)
    assert loaded.entry("mine").recipe == "fast"
    assert loaded.entry("unet").summary == "another"
    assert loaded.recipe("fast") == {"epochs": 1}
    assert "aep" in loaded.entries


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not plain YAML"),
        ("!!python/object/apply:os.getcwd []", "is not plain YAML"),
        ("- 1", "expected a mapping, found list"),
        ("models: 3", "'models' in"),
        ("models: []\nmodel: []", "unknown key 'model'"),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(CatalogError, match=message) as caught:
        load_catalog(path)
    assert str(path) in str(caught.value)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="model 'mine' is listed twice"):
        load_catalog(write(tmp_path / "own.yaml", MINE, dict(MINE)))


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(CatalogError, match="unknown model 'ape'; did you mean 'aep'"):
        load_catalog().resolve("ape")
    with pytest.raises(CatalogError, match="unknown recipe 'cellenhanse'; did you mean"):
        load_catalog().recipe("cellenhanse")


def test_a_shipped_catalogue_that_is_gone_names_both_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "cellenhance"
    monkeypatch.setattr("importlib.resources.files", lambda _: package)
    with pytest.raises(CatalogError, match="reinstall") as caught:
        catalog.catalog_path()
    assert str(package / "models.yaml") in str(caught.value)
    assert str(tmp_path / "models.yaml") in str(caught.value)
    (tmp_path / "models.yaml").touch()
    assert catalog.catalog_path() == tmp_path / "models.yaml"
    package.mkdir()
    (package / "models.yaml").touch()
    assert catalog.catalog_path() == package / "models.yaml"
