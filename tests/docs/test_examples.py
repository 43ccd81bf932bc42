"""The examples: every command is one that the program takes, in sh and in PowerShell alike."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import typer
import yaml

from cellenhance.cli.app import app

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
PAGES = sorted(FOLDER.glob("*.md"))
SETS = {
    "nucleolus-3class",
    "corneal-endothelium",
    "cornea-npy-folds",
    "isbi2012",
    "nist-phase",
    "wbc-3class",
}
STEPS = (
    "dataset prepare",
    "dataset inspect",
    "train",
    "evaluate",
    "predict",
    "contour-overlay",
    "translate",
    "export-translations",
    "compare",
)
OF_ONE_SHELL = re.compile(r"[\\$`;&|<>(){}@#*?,'!~%]")
"""What sh or PowerShell treats as more than a character (PowerShell splits words at commas)."""


def commands_of(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


CALLS = [
    pytest.param(line, id=f"{page.stem}: {' '.join(line.split()[1:3])}")
    for page in PAGES
    for line in commands_of(page)
    if line.startswith("cellenhance ")
]


def test_each_real_set_has_its_page() -> None:
    assert {page.stem for page in PAGES} == SETS


@pytest.mark.parametrize("line", CALLS)
def test_the_program_takes_the_command(line: str) -> None:
    words = shlex.split(line)[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words[0] in command.commands, f"no command {words[0]}"
        command = command.commands[words.pop(0)]
    command.make_context(line, words)  # raises where an option is unknown or a word is missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_mean_the_same_in_sh_and_powershell(page: Path) -> None:
    for line in commands_of(page):
        assert line.split()[0] in ("cellenhance", "git")
        assert line.count('"') % 2 == 0
        bare = re.sub(r'"[^"$`\\!]*"', "", line)
        assert OF_ONE_SHELL.findall(bare) == [], line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_walks_all_the_way_and_names_the_origin(page: Path) -> None:
    lines = commands_of(page)
    places = [
        next((i for i, line in enumerate(lines) if line.startswith(f"cellenhance {step} ")), -1)
        for step in STEPS
    ]
    assert -1 not in places
    assert places == sorted(places)
    text = page.read_text(encoding="utf-8")
    assert "<https://github.com/" in text
    assert "What to look for" in text
    assert "not for intensity measurement" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_folder_that_is_read_was_made_before(page: Path) -> None:
    made = {page.stem}
    for line in commands_of(page):
        words = shlex.split(line)
        if words[0] == "git":
            continue
        for word in words:
            if word.startswith(("datasets/", "runs/", "pictures/")) and words[
                words.index(word) - 1
            ] not in ("-o",):
                assert any(word == each or word.startswith(f"{each}/") for each in made), line
        if "-o" in words:
            made.add(words[words.index("-o") + 1])


@pytest.mark.real_data
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_real_set_is_prepared_as_the_page_says(
    page: Path,
    real_data: Path,
    tmp_path: Path,
    cli: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (line,) = [each for each in commands_of(page) if "dataset prepare" in each]
    words = shlex.split(line)[1:]
    words[words.index("-o") + 1] = str(tmp_path / "dataset")
    monkeypatch.chdir(real_data)
    done = cli(*words, "--dry-run")
    assert done.exit_code == 0, done.stderr


def test_the_python_example_goes_from_images_to_translations(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = FOLDER / "use_from_python.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    said = capsys.readouterr().out
    assert "10 samples of cytoplasm, membrane, nucleus" in said
    assert "train: 6 images" in said
    assert "2 epochs" in said
    assert len(list((tmp_path / "predictions" / "masks").glob("*.tif"))) == 10
    assert len(list((tmp_path / "figures").rglob("*.pdf"))) == 1
    mask = tifffile.imread(tmp_path / "mask.tif")
    probabilities = np.load(tmp_path / "probabilities.npy")
    assert np.array_equal(mask, probabilities.argmax(axis=0))
    with np.load(tmp_path / "translations.npz") as translations:
        assert translations["filters"].shape == (3, 64, 64)
        total = translations["image"][None] + translations["filters"][..., None]
        np.testing.assert_array_equal(translations["sums"], total)
        np.testing.assert_allclose(translations["enhanced"], 1 / (1 + np.exp(-total)), atol=1e-6)
    assert "nucleus: " in said
    assert "filter 3: adds " in said
    record = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text(encoding="utf-8"))
    asked = shlex.split(record["command_line"])
    assert asked[:3] == ["cellenhance", "train", str(tmp_path / "dataset")]
    assert asked[asked.index("--epochs") :][:2] == ["--epochs", "2"]
