"""Nothing is kept that nobody uses: every name and every choice has a caller outside the tests.

What counts as a use stands in cellenhance/, benchmarks/ or examples/: a test alone does not keep a
function alive.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cellenhance"
ROOMS = (PACKAGE, ROOT / "benchmarks", ROOT / "examples")

USED_OTHERWISE = {
    "cellenhance.__getattr__": "Python calls it for names of __all__",
    "cellenhance.__dir__": "Python calls it",
    "cellenhance.metrics.overlap.precision": "metrics.registry takes the overlaps by name",
    "cellenhance.metrics.overlap.recall": "metrics.registry takes the overlaps by name",
    "cellenhance.metrics.overlap.specificity": "metrics.registry takes the overlaps by name",
    "cellenhance.metrics.partition.PartitionScores.rand_error": "metrics.registry, by name",
    "cellenhance.metrics.enhancement.edge_sharpness": "benchmarks of enhanced images",
    "cellenhance.metrics.enhancement.contrast_gains": "benchmarks of enhanced images",
    "cellenhance.metrics.lattice.lattice_peak": "benchmarks of enhanced images",
}
"""Names whose use no syntax tree shows, each with what uses it."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def trees() -> dict[str, ast.Module]:
    """Every module that can be a user, by its dotted name."""
    found = {}
    for room in ROOMS:
        for path in sorted(room.rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


@cache
def templates() -> str:
    """The text of all templates, which read properties of records."""
    return "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.j2"))


def imported_names(module: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a module takes from others: "other.name", also by attribute of an import."""
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            modules |= {each.asname or each.name: each.name for each in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in modules:
            yield f"{modules[ast.unparse(node.value)]}.{node.attr}"


def names_read(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
            yield each.id


def definitions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the functions, classes, constants and aliases of a module with their statements."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            yield from ((x.id, node) for x in node.targets if isinstance(x, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node


def is_called_by_its_decorator(node: ast.stmt) -> bool:
    """Tell whether a decorator hands the function to somebody: a command, a validator."""
    plain = {"property", "classmethod", "staticmethod", "cache", "contextmanager", "dataclass"}
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(each).split("(")[0] not in plain for each in decorators)


def test_every_name_of_a_module_is_used() -> None:
    users = trees()
    taken = {name for module, tree in users.items() for name in imported_names(module, tree)}
    unused = []
    for module, tree in users.items():
        if not module.startswith("cellenhance"):
            continue
        for name, node in definitions(tree):
            others = (each for each in tree.body if each is not node)
            at_home = any(name in names_read(each) for each in others)
            known = f"{module}.{name}" in taken or f"{module}.{name}" in USED_OTHERWISE
            if not (at_home or known or name == "__all__" or is_called_by_its_decorator(node)):
                unused.append(f"{module}.{name}")
    assert not unused, "\n".join(unused)


def test_every_method_is_used() -> None:
    """By its name alone, whatever the object; what a base class of others declares is theirs."""
    users = trees()
    read = {
        node.attr
        for tree in users.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    }
    unused = [
        f"{module}.{owner.name}.{method.name}"
        for module, tree in users.items()
        if module.startswith("cellenhance")
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for method in owner.body
        if isinstance(method, Function)
        and not method.name.startswith("__")
        and method.name not in read
        and method.name not in templates()
        and not is_called_by_its_decorator(method)
        and f"{module}.{owner.name}.{method.name}" not in USED_OTHERWISE
        and not is_inherited(module, owner.name, method.name)
    ]
    assert not unused, "\n".join(unused)


def is_inherited(module: str, owner: str, method: str) -> bool:
    bases = getattr(importlib.import_module(module), owner).__mro__[1:]
    return any(hasattr(base, method) for base in bases)
