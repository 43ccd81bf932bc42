"""Every command that runs networks reads each checkpoint once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from cellenhance.engine import checkpoints
from tests.conftest import RunCli


@pytest.mark.parametrize(
    "words",
    [
        ("predict", "RUN", "IMAGE", "-o", "OUT", "--overlays"),
        ("translate", "RUN", "IMAGE", "-o", "OUT", "--dpi", "50"),
        ("export-translations", "RUN", "IMAGE", "-o", "OUT"),
        ("compare", "RUN", "IMAGE", "-o", "OUT", "--dpi", "50"),
        ("evaluate", "RUN", "--dpi", "50"),
        ("report", "RUN", "--n-images", "1"),
    ],
    ids=lambda words: words[0],
)
def test_a_checkpoint_is_read_once(
    cli: RunCli,
    tiny_run: Path,
    tiny_dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    image = sorted((tiny_dataset / "images").iterdir())[0]
    read: list[str] = []
    usual = safe_open

    def counted(path: Path, **how: Any) -> Any:
        read.append(path.name)
        return usual(path, **how)

    monkeypatch.setattr(checkpoints, "safe_open", counted)
    names = {"RUN": run, "IMAGE": image, "OUT": tmp_path / "out"}
    done = cli(*(names.get(word, word) for word in words))
    assert done.exit_code == 0, done.stderr
    assert read == ["best.safetensors"]
