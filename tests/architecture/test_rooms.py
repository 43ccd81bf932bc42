"""The shape of the house: small folders, few modules that serve one other alone."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

from cellenhance.data.exporters.registry import EXPORTERS
from cellenhance.data.importers.registry import IMPORTERS
from cellenhance.data.world.registry import KINDS

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "cellenhance").rglob("*.py"))
    if path.name != "__init__.py" or path.parent.name == "cellenhance"
}
LONG_FOLDERS = (
    "cellenhance/cli/commands",
    "cellenhance/data/importers",
    "cellenhance/metrics",
    "cellenhance/networks",
)
"""Catalogues: one file for each thing of a kind."""
CATALOGUES = re.compile(r".*\.registry|cellenhance\.cli\.app")
"""Modules that are the table of a catalogue; what only they import is an entry of it."""
DOORS = re.compile(r"cellenhance|cellenhance\.cli\.commands\.\w+")
"""What hands a task to Python and to the terminal: it has users outside the program."""


def imports_of(name: str) -> set[str]:
    """Return the modules of the program that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return (found & set(MODULES)) - {name}


@cache
def importers() -> dict[str, set[str]]:
    """Return for each module the modules that import it."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in MODULES:
        for imported in imports_of(name):
            found[imported].add(name)
    return found


def test_a_folder_is_a_room_and_not_a_corridor() -> None:
    folders = Counter(path.parent.relative_to(ROOT).as_posix() for path in MODULES.values())
    assert set(LONG_FOLDERS) <= set(folders)
    too_long = {folder: n for folder, n in folders.items() if n > 16 and folder not in LONG_FOLDERS}
    assert too_long == {}, "sort the modules into wings, one for each job"


def test_few_modules_serve_one_other_alone() -> None:
    """A file is cut by its purpose, not by its length: most modules have several users.

    Not counted are the entries of catalogues and what a door hands out.
    """
    alone = {
        name: importer
        for name, (importer, *others) in importers().items()
        if not others and not CATALOGUES.fullmatch(importer) and not DOORS.fullmatch(importer)
    }
    assert len(alone) < 60, "\n".join(f"{name} <- {importer}" for name, importer in alone.items())


def calls_in(name: str, method: str) -> int:
    """Return how often a module calls a method of this name."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sum(isinstance(each, ast.Attribute) and each.attr == method for each in called)


def test_every_image_goes_one_road() -> None:
    walking = [name for name in MODULES if calls_in(name, "predict_tiles")]
    assert walking == ["cellenhance.engine.image_pass"]


def modules_of(entries: list[type]) -> list[str]:
    return sorted({entry.__module__ for entry in entries})


@pytest.mark.parametrize(
    "formats",
    [
        modules_of([type(each) for each in IMPORTERS]),
        modules_of(list(EXPORTERS.values())),
        sorted(kind.draw.__module__ for kind in KINDS.values()),
    ],
    ids=["importers", "exporters", "kinds of scenes"],
)
def test_formats_of_a_kind_do_not_know_each_other(formats: list[str]) -> None:
    assert len(formats) >= 5
    assert {name: imports_of(name) & set(formats) for name in formats} == {
        name: set() for name in formats
    }
