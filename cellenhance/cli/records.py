"""Records of options on a command line: a class of `Options` becomes flags, words a record."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, TypeGuard, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from cellenhance.options import (
    Declaration,
    Options,
    declaration,
    flag_of,
    group_defaults,
    range_of,
    text_of,
    types_in,
)

_PLAIN_LIMITS = ("at least 0", "at least 1", "above 0")
"""Limits that nobody needs to be told of a count or a size."""
_METAVARS = {int: "N", float: "NUMBER", Path: "PATH", str: "TEXT"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One option of a record: where it stands in the record, and what its default is there.

    Attributes
    ----------
    is_changed : the default is not that of its class
    """

    path: tuple[str, ...]
    field: FieldInfo
    declared: Declaration
    default: Any
    panel: str
    is_changed: bool

    @property
    def name(self) -> str:
        """Name of the option among those of the command; only its flags are shown."""
        return "__".join(self.path)

    @property
    def flags(self) -> tuple[str, ...]:
        """What the option is given by: none for an argument, "-o" and "--output" for some."""
        if self.declared.get("positional"):
            return ()
        flag = flag_of(self.path[-1], self.field)
        if self.default is True:
            flag += f"/--no-{flag.removeprefix('--')}"
        return (self.declared["short"], flag) if "short" in self.declared else (flag,)

    @property
    def is_required(self) -> bool:
        """Tell whether there is no default."""
        return self.field.is_required()

    @property
    def is_list(self) -> bool:
        """Tell whether the words of a repeated flag, or of all places, are collected."""
        is_open = any(get_args(each)[-1:] == (...,) for each in _choices(self.field.annotation))
        return is_open and not self.declared.get("commas")


def is_record(annotation: Any) -> TypeGuard[type[Options]]:
    """Tell whether a parameter of a command is a record of options."""
    return isinstance(annotation, type) and issubclass(annotation, Options)


def leaves_of(
    record: type[Options], defaults: Mapping[str, Any] | None = None, path: tuple[str, ...] = ()
) -> Iterator[Leaf]:
    """Yield the options of a record, then those of the groups in it.

    Parameters
    ----------
    defaults : by name, in place of those of the class
    """
    changed = defaults or {}
    groups: list[tuple[type[Options], Mapping[str, Any], str]] = []
    for name, field in record.model_fields.items():
        declared = declaration(field)
        if is_record(field.annotation):
            groups.append((field.annotation, group_defaults(field), name))
        elif declared is not None:
            default = changed.get(name, field.get_default())
            panel = declared.get("panel", record.title)
            yield Leaf((*path, name), field, declared, default, panel, name in changed)
    for group, inside, name in groups:
        yield from leaves_of(group, inside, (*path, name))


def parameter_of(leaf: Leaf) -> inspect.Parameter:
    """Return what Typer is told of an option: it only collects words, the record reads them."""
    declared: Any
    if leaf.declared.get("positional"):
        declared = typer.Argument(metavar=leaf.declared["metavar"], help=_help_of(leaf))
    else:
        declared = typer.Option(
            *leaf.flags,
            metavar=_metavar_of(leaf),
            help=_help_of(leaf),
            show_default=False,
            rich_help_panel=None if leaf.panel == Options.title else leaf.panel,
        )
    kind, default = _collected(leaf)
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(
        leaf.name, keyword_only, default=default, annotation=Annotated[kind, declared]
    )


def make_record(record: type[Options], leaves: Sequence[Leaf], words: Mapping[str, Any]) -> Options:
    """Return the record that the words of a command line mean.

    Raises
    ------
    SettingsError
        A word does not fit its option, or two options contradict each other.
    """
    tree: dict[str, Any] = {}
    for leaf in leaves:
        word = words[leaf.name]
        is_given = word is not None and word != []
        if is_given or leaf.is_changed:
            place = tree
            for part in leaf.path[:-1]:
                place = place.setdefault(part, {})
            place[leaf.path[-1]] = _split(leaf, word) if is_given else leaf.default
    return _build(record, tree)


def _build(record: type[Options], tree: Mapping[str, Any]) -> Options:
    """Return `tree` as a record; the groups in it first, whose refusals name their flags.

    What was not given is left to the defaults, so that a record knows what was.
    """
    values = {
        name: _build(field.annotation, tree[name]) if is_record(field.annotation) else tree[name]
        for name, field in record.model_fields.items()
        if name in tree
    }
    return record(**values)


def _split(leaf: Leaf, word: Any) -> Any:
    if leaf.declared.get("commas"):
        return [part.strip() for part in word.split(",") if part.strip()]
    return word


def _collected(leaf: Leaf) -> tuple[Any, Any]:
    """Return the type and the default of what Typer collects: flags, paths, words, or lists."""
    if leaf.field.annotation is bool:
        return bool | None, None
    is_path = types_in(leaf.field.annotation) - {NoneType, ...} == {Path}
    word: Any = Path if is_path else str
    kind = list[word] if leaf.is_list else word
    return (kind, inspect.Parameter.empty) if leaf.is_required else (kind | None, None)


def _help_of(leaf: Leaf) -> str:
    """Return the sentence of an option, with its range and its default."""
    default = _default_of(leaf)
    limits = range_of(leaf.field)
    limits = "" if limits in _PLAIN_LIMITS else limits
    facts = "; ".join(filter(None, (limits, default and f"default: {default}")))
    return f"{leaf.field.description}{f' [{facts}]' if facts else ''}"


def _default_of(leaf: Leaf) -> str:
    """Return the default as the help shows it; nothing where there is none to speak of."""
    if leaf.is_required or leaf.default is False:
        return ""
    if leaf.default is True:
        return "on"
    if leaf.default is None or (isinstance(leaf.default, tuple) and not any(leaf.default)):
        return leaf.declared.get("unset", "")
    values = leaf.default if isinstance(leaf.default, tuple) else (leaf.default,)
    between = "," if leaf.declared.get("commas") else ", "
    return between.join(map(text_of, values))


def _metavar_of(leaf: Leaf) -> str | None:
    """Return what stands for the value: as declared, the words to choose from, or by type."""
    if "metavar" in leaf.declared or leaf.field.annotation is bool:
        return leaf.declared.get("metavar")
    for each in _choices(leaf.field.annotation):
        if get_origin(each) is Literal:
            return "|".join(map(str, get_args(each)))
    kinds = types_in(leaf.field.annotation)
    return next(name for kind, name in _METAVARS.items() if kind in kinds)


def _choices(annotation: Any) -> tuple[Any, ...]:
    """Return the parts of ``A | B``, or the one type that it is."""
    is_plain = get_origin(annotation) in (None, tuple, Literal)
    return (annotation,) if is_plain else get_args(annotation)
