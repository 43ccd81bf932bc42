"""The rooms: imports go down only, and nothing reaches into a room where it does not belong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LINT = (
    "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
)


def test_the_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", LINT],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_package_init_files_are_empty() -> None:
    package = ROOT / "cellenhance"
    inits = [path for path in package.rglob("__init__.py") if path.parent != package]
    assert inits
    assert [str(path) for path in inits if path.read_text(encoding="utf-8").strip()] == []
