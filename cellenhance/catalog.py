"""The catalogue of models: `models.yaml` (and a user's own file) as `ModelEntry` records.

An entry names an architecture, its settings, the recipe it is trained with and its source. The
rooms that own settings and recipes (`networks`, `engine`) check what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field

from cellenhance.errors import CatalogError
from cellenhance.settings import (
    Settings,
    merge_layers,
    read_settings,
    suggest,
    validate_settings,
)


class Component(Settings):
    """One network inside a composed model: an architecture and its settings."""

    architecture: str
    settings: dict[str, Any] = Field(default_factory=dict)


class ModelEntry(Settings):
    """One model of the catalogue.

    `components` names the parts of a composed architecture (AEP: translator, segmenter), each the
    name of another entry or an architecture with settings; `Catalog.resolve` replaces names.
    """

    name: str
    architecture: str
    summary: str
    settings: dict[str, Any] = Field(default_factory=dict)
    components: dict[str, str | Component] = Field(default_factory=dict)
    recipe: str
    paper: str
    source: str
    initialisation: str


class _CatalogFile(Settings):
    recipes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    models: list[ModelEntry]


@dataclass(frozen=True, slots=True)
class Catalog:
    """All entries and recipes by name, in file order."""

    entries: Mapping[str, ModelEntry]
    recipes: Mapping[str, Mapping[str, Any]]

    def entry(self, name: str) -> ModelEntry:
        """Return the entry `name` as written; `CatalogError` offers the nearest name."""
        if name not in self.entries:
            raise CatalogError(f"unknown model '{name}'{suggest(name, self.entries)}")
        return self.entries[name]

    def recipe(self, name: str) -> Mapping[str, Any]:
        """Return the recipe `name`; `CatalogError` offers the nearest name."""
        if name not in self.recipes:
            raise CatalogError(f"unknown recipe '{name}'{suggest(name, self.recipes)}")
        return self.recipes[name]

    def resolve(self, name: str, overrides: Mapping[str, Any] | None = None) -> ModelEntry:
        """Return the entry with `overrides` merged in and every component spelled out.

        Raises
        ------
        CatalogError
            The entry, or an entry named as a component, is unknown or itself composed.
        """
        written = self.entry(name).model_dump()
        entry = validate_settings(
            ModelEntry, merge_layers(written, overrides or {}), where=f"model '{name}'"
        )
        parts = {role: self._component(part) for role, part in entry.components.items()}
        return entry.model_copy(update={"components": parts})

    def _component(self, part: str | Component) -> Component:
        if isinstance(part, Component):
            return part
        entry = self.entry(part)
        if entry.components:
            raise CatalogError(f"model '{part}' is itself composed and cannot be a component")
        return Component(architecture=entry.architecture, settings=entry.settings)


def catalog_path() -> Path:
    """Return the shipped `models.yaml`: inside the package, or beside it in a checkout."""
    package = Path(str(resources.files("cellenhance")))
    places = (package / "models.yaml", package.parent / "models.yaml")
    for place in places:
        if place.is_file():
            return place
    raise CatalogError(
        f"models.yaml is missing: expected {places[0]} or {places[1]}; reinstall cellenhance"
    )


def load_catalog(extra: Path | None = None) -> Catalog:
    """Return the shipped catalogue, with the entries of the file `extra` added or replaced.

    Raises
    ------
    CatalogError
        A file is missing, not YAML, has unknown keys or repeats a name.
    """
    entries: dict[str, ModelEntry] = {}
    recipes: dict[str, Mapping[str, Any]] = {}
    for path in [catalog_path(), *([extra] if extra else [])]:
        content = read_settings(path, _CatalogFile, CatalogError, cure="models.yaml shows the form")
        names = [entry.name for entry in content.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise CatalogError(
                f"{path}: model '{twice[0]}' is listed twice; give each entry its own name"
            )
        entries.update(zip(names, content.models, strict=True))
        recipes.update(content.recipes)
    return Catalog(entries, recipes)
