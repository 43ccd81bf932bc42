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
from cellenhance.render.report.citations import find_bibtex
from cellenhance.tasks.benchmark.protocols import find_protocol
print(cellenhance.__file__, catalog_path(), sep="\\n")
print(find_protocol("aep-irpe").n_images, find_bibtex("arXiv 2108.13118").splitlines()[0])
print(*load_catalog().entries, sep="\\n")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_module_all_tables_of_facts_and_the_type_marker(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "cellenhance"
    modules = {path.relative_to(ROOT).as_posix() for path in package.rglob("*.py")}
    facts = {
        "cellenhance/models.yaml",
        "cellenhance/render/report/citations.bib",
        "cellenhance/tasks/benchmark/protocols.yaml",
    }
    assert modules | facts | {"cellenhance/py.typed"} <= held
    assert not [name for name in held if name.startswith("tests/")]


def test_the_unpacked_wheel_finds_its_own_facts(wheel: Path, tmp_path: Path) -> None:
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
    module, catalogue, facts, *models = done.stdout.splitlines()
    assert Path(module) == tmp_path / "site" / "cellenhance" / "__init__.py"
    assert Path(catalogue) == tmp_path / "site" / "cellenhance" / "models.yaml"
    assert facts == "1032 @misc{kato2021aep,"
    assert {"light-unet", "unet", "aep-code", "aep-paper", "aep"} <= set(models)
