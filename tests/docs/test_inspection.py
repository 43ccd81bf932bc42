"""The page on findings lists every kind that the program reports, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = [
    ROOT / "cellenhance" / "data" / "inspection" / name
    for name in ("findings.py", "leakage.py", "inspect.py")
]
CODE = r"[a-z]+(?:-[a-z]+)*"


def test_every_code_stands_in_the_table() -> None:
    page = (ROOT / "docs" / "reference" / "inspection.md").read_text(encoding="utf-8")
    documented = set(re.findall(rf"^\| `({CODE})` \| (?:error|warning|note)", page, re.MULTILINE))
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    direct = set(re.findall(rf'Finding\(\s*"({CODE})"', source))
    assert direct - documented == set()
    assert [code for code in sorted(documented) if f'"{code}"' not in source] == []
