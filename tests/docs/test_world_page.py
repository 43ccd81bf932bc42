"""The page on the synthetic world says what the code draws."""

from __future__ import annotations

import re

from cellenhance.data.world.registry import KINDS
from tests.docs.world_page import PAGE, PICTURES, kinds, written


def test_the_page_lists_every_kind_with_its_ranges() -> None:
    assert written() == kinds(), "run: python -m tests.docs.world_page"


def test_every_kind_has_a_picture_and_no_picture_is_left_over() -> None:
    assert {path.stem for path in PICTURES.iterdir()} == set(KINDS)
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 1_000_000


def test_the_python_of_the_page_runs() -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert names["scene"].class_names == ("background", "nucleus")  # type: ignore[attr-defined]


def test_every_range_is_described() -> None:
    for kind in KINDS.values():
        described = {
            name: field.description for name, field in type(kind.ranges).model_fields.items()
        }
        assert all(described.values()), kind.name
