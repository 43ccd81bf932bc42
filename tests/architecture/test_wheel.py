"""The wheel: complete, and usable without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SHOW_CATALOGUE = """
import cellenhance
from cellenhance.catalog import catalog_path, load_catalog
print(cellenhance.__file__, catalog_path(), *load_catalog().entries, sep="\\n")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_module_the_catalogue_and_the_type_marker(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "cellenhance"
    modules = {path.relative_to(ROOT).as_posix() for path in package.rglob("*.py")}
    assert modules | {"cellenhance/models.yaml", "cellenhance/py.typed"} <= held
    assert not [name for name in held if name.startswith("tests/")]


def test_the_unpacked_wheel_finds_its_own_catalogue(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-c", SHOW_CATALOGUE],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    module, catalogue, *models = done.stdout.splitlines()
    assert Path(module) == tmp_path / "site" / "cellenhance" / "__init__.py"
    assert Path(catalogue) == tmp_path / "site" / "cellenhance" / "models.yaml"
    assert {"light-unet", "unet", "aep-code", "aep-paper", "aep"} <= set(models)
