"""The site of docs/: builds without a warning, and needs no network to be read."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    find_spec("mkdocs") is None, reason="mkdocs is not installed: the site is not built"
)

LOADED_FROM_ELSEWHERE = re.compile(
    r"<(?:script|img|iframe)\b[^>]*\bsrc=.?(?:https?:)?//"
    r"|<link\b[^>]*\bhref=.?(?:https?:)?//"
    r"|url\(.?(?:https?:)?//|@import.*//"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built site; a warning is an error."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = ["-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_in_the_menu(site: Path) -> None:
    menu = (site / "index.html").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    assert len(pages) >= 9
    named = [page.with_suffix(".html").as_posix() for page in pages]
    assert [name for name in named if f'href="{name}"' not in menu] == []


def test_pages_of_each_kind_stand_in_their_folder() -> None:
    folders = {path.parent.name for path in (ROOT / "docs").rglob("*.md")}
    assert folders == {"docs", "tutorials", "how-to", "reference", "explanation"}


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    files = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]
    assert len(files) >= 10
    found = {
        str(path.relative_to(site)): LOADED_FROM_ELSEWHERE.findall(path.read_text(encoding="utf-8"))
        for path in files
    }
    assert {name: loads for name, loads in found.items() if loads} == {}
