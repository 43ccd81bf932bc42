"""Layers of settings merged into one validated model; every refusal is a `SettingsError`.

Each room owns its settings model. This module only parses ``key=value``, merges layers
(defaults < models.yaml < options) and words the errors.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from cellenhance.errors import CellEnhanceError, SettingsError


class Settings(BaseModel):
    """Base of all settings models: immutable, unknown keys refused."""

    # A command needs few of the models: what validates one is built when it is first used.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class _PlainLoader(yaml.SafeLoader):
    """YAML without anchors, aliases and tags: what you read is what you get."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call,unused-ignore]
        place = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise ValueError(f"{place}: anchors (&) and aliases (*) are not supported")
        if getattr(event, "tag", None) is not None:
            raise ValueError(f"{place}: tags (!) are not supported")
        return super().compose_node(parent, index)


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises
    ------
    ValueError
        The text is not YAML, is nested too deeply, has a scalar that cannot be read (a date that
        does not exist, a number of thousands of digits), or has anchors, aliases or tags, which we
        never write and with which a small text can stand for gigabytes.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{place}{error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML gives it
        return True


def format_yaml(values: Mapping[str, Any]) -> str:
    """Return a mapping as YAML in its own order, without anchors: `parse_yaml` reads it back."""
    text: str = yaml.dump(dict(values), Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)
    return text


SettingsT = TypeVar("SettingsT", bound=BaseModel)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, else the list of names."""
    names = sorted(known)
    lower = {each.lower(): each for each in names}
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return f"; did you mean '{lower[near[0]]}'?" if near else f"; known: {', '.join(names)}"


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn ``["recipe.epochs=5"]`` into ``{"recipe": {"epochs": 5}}``; values are YAML scalars.

    Raises
    ------
    SettingsError
        An assignment has no ``=``, an empty key or a value that is not YAML.
    """
    tree: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise SettingsError(
                f"--set {assignment!r}: expected key=value, for example recipe.epochs=50"
            )
        try:
            value = parse_yaml(text)
        except ValueError as error:
            raise SettingsError(
                f"--set {shorten_text(repr(assignment))}: the value is not plain YAML ({error})"
            ) from error
        tree = merge_layers(tree, _nest(parts, value))
    return tree


def _nest(parts: list[str], value: Any) -> dict[str, Any]:
    for part in reversed(parts):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested


def merge_layers(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge mappings key by key, later layers winning; nested mappings are merged too."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                merged[key] = merge_layers(below, value)
            else:
                merged[key] = value
    return merged


def validate_settings(
    model: type[SettingsT], values: Mapping[str, Any], *, where: str
) -> SettingsT:
    """Return `values` as a `model`, or raise one line that names the key and the cure.

    Parameters
    ----------
    where : the place the values come from, for the message ("models.yaml, entry aep")

    Raises
    ------
    SettingsError
        A key is unknown (the nearest known one is offered) or a value does not fit.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise SettingsError(_describe(model, error, where)) from error


def read_settings(
    path: Path, model: type[SettingsT], error: type[CellEnhanceError], *, cure: str
) -> SettingsT:
    """Return the YAML file `path` as a `model`; every refusal is an `error` of one line.

    Parameters
    ----------
    cure : what to do about a file that is missing or not plain YAML; ends the message
    """
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror}); {cure}") from problem
    except ValueError as problem:
        raise error(f"{path}: is not plain YAML ({problem}); {cure}") from problem
    if not isinstance(values, dict):
        raise error(f"{path}: expected a mapping, found {type(values).__name__}; {cure}")
    try:
        return validate_settings(model, values, where=str(path))
    except SettingsError as problem:
        raise error(str(problem)) from problem


def _describe(model: type[BaseModel], error: ValidationError, where: str) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "(top level)"
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, first["loc"][:-1])
        return f"unknown key '{key}' in {where}{suggest(str(first['loc'][-1]), known)}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "value_error" and not first["loc"]:
        return f"{where}: {first['ctx']['error']}{more}"  # a check of the whole model
    if first["type"] == "missing":
        return f"'{key}' is missing in {where}{more}"
    message = first["ctx"]["error"] if first["type"] == "value_error" else first["msg"]
    return f"'{key}' in {where}: {message}, found {shorten_text(repr(first['input']))}{more}"


def shorten_text(text: str, length: int = 80) -> str:
    """Return `text`, cut off with "..." where it has more than `length` characters."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields of the model nested at `path`, as far as types reveal it."""
    for part in path:
        field = model.model_fields.get(str(part))
        inner = [] if field is None else _models_in(field.annotation)
        if not inner:
            break
        model = inner[0]
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    options = getattr(annotation, "__args__", (annotation,))
    return [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
