"""The page on datasets: every command is run on files as listed, and prints what the page says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.importers.registry import IMPORTERS
from tests.layout_twins import TWINS, Maker, class_mask, image, label_map, put

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "prepare-a-dataset.md"


def make_label_maps(root: Path) -> None:
    for seed, stem in enumerate(("a", "b")):
        put(root / "images" / f"{stem}.tif", image(seed))
        put(root / "masks" / f"{stem}.tif", label_map())


def make_colored(root: Path) -> None:
    colors = np.zeros((*class_mask().shape, 3), np.uint8)
    colors[..., 0] = class_mask()
    put(root / "images" / "a.png", image())
    put(root / "masks" / "a.png", colors)


def make_blurred(root: Path) -> None:
    mask = class_mask()
    mask[:, 8] = 90
    put(root / "images" / "a.png", image())
    put(root / "masks" / "a.png", mask)


def make_blue(root: Path) -> None:
    noise = image().astype(int)
    layers = np.stack([noise // 10, noise // 3, noise], axis=2).astype(np.uint8)
    put(root / "images" / "a.png", layers)
    put(root / "masks" / "a.png", class_mask())


def make_z_stack(root: Path) -> None:
    put(root / "images" / "a.tif", image(pages=4))
    put(root / "masks" / "a.tif", class_mask())


def make_large(root: Path) -> None:
    put(root / "images" / "a.tif", np.tile(image(), (9, 7)))
    put(root / "masks" / "a.tif", np.tile(class_mask(), (9, 7)))


MAKERS: dict[str, Maker] = {
    **TWINS,
    "Objects with numbers": make_label_maps,
    "Coloured masks": make_colored,
    "Stray values": make_blurred,
    "Channels": make_blue,
    "Stacks": make_z_stack,
    "Large images and large sets": make_large,
}


@dataclass(frozen=True)
class Example:
    """One command of the page, the files it is about, and lines that it prints."""

    section: str
    files: tuple[str, ...]
    command: str
    said: tuple[str, ...]


def examples() -> list[Example]:
    found = []
    for part in re.split(r"^##+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        section = part.partition("\n")[0].strip()
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", part, flags=re.MULTILINE | re.DOTALL)
        files = tuple("".join(text for kind, text in blocks if kind == "text").splitlines())
        for text in (text for kind, text in blocks if kind == "sh"):
            command, *said = text.splitlines()
            found.append(Example(section, files, command, tuple(line[2:] for line in said)))
    return found


EXAMPLES = examples()


def test_every_layout_has_a_section() -> None:
    assert {importer.name for importer in IMPORTERS} <= {each.section for each in EXAMPLES}
    assert {each.section for each in EXAMPLES} == set(MAKERS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.command[28:70])
def test_the_command_does_what_the_page_says(
    example: Example, tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lab").mkdir()
    MAKERS[example.section](Path("lab"))
    made = sorted(path.as_posix() for path in Path("lab").rglob("*") if path.is_file())
    assert tuple(made) == example.files
    program, *words = shlex.split(example.command)
    assert program == "cellenhance"
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[-1] == example.said[-1]
    assert [line for line in example.said if line not in lines] == []
    dataset = load_dataset(Path(words[words.index("-o") + 1]))
    if example.section in TWINS:
        assert f"({example.section}" in dataset.description.source
