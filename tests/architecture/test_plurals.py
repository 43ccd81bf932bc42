"""Numbers come with their nouns in the right form: "1 image", never "1 image(s)"."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "cellenhance"


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every text of a module with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_no_text_leaves_the_plural_to_the_reader() -> None:
    """`cellenhance.texts.counted` writes a number with its noun."""
    paths = sorted(PACKAGE.rglob("*.py"))
    assert paths
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text[:60]}"
        for path in paths
        for line, text in _texts(path)
        if "(s)" in text
    ]
    assert found == []
