"""``cellenhance models``, ``doctor`` and ``demo``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellenhance.catalog import load_catalog


def test_models_as_json_has_the_promised_keys(cli: Any) -> None:
    done = cli("models", "--json")
    assert done.exit_code == 0, done.stderr
    models = json.loads(done.stdout)
    assert [each["name"] for each in models] == list(load_catalog().entries)
    for each in models:
        assert list(each) == ["name", "architecture", "n_parameters", "gflops", "stride"]
    by_name = {each["name"]: each for each in models}
    assert by_name["aep-code"]["n_parameters"] == 1_707_656
    assert by_name["unet"]["stride"] == 16


def test_gflops_are_two_for_each_multiply_and_add(cli: Any) -> None:
    """The light U-Net row by row: pixels x kernel x input x output channels."""
    k3, k4, side = 9, 16, 256
    rows = [
        (1, k3, 1, 32),
        (2, k4, 32, 64),
        (2, k3, 64, 64),
        (4, k4, 64, 64),
        (4, k3, 64, 64),
        (8, k4, 64, 128),
        (8, k3, 128, 128),
        (8, k4, 256, 64),  # a transposed convolution works on its input's pixels
        (4, k3, 64, 64),
        (4, k4, 128, 32),
        (2, k3, 32, 32),
        (2, k4, 96, 16),
        (1, k3, 16, 16),
        (1, 1, 16, 2),
    ]
    multiply_adds = sum((side // by) ** 2 * k * i * o for by, k, i, o in rows)
    done = cli("models", "light-unet", "--json")
    assert json.loads(done.stdout)["gflops"] == pytest.approx(2 * multiply_adds / 1e9, rel=1e-9)


def test_one_entry_is_shown_in_full(cli: Any) -> None:
    done = cli("models", "aep-paper")
    assert done.exit_code == 0, done.stderr
    text, _, layers = done.stdout.partition("Layers with parameters")
    shown = yaml.safe_load(text)
    assert shown["components"]["segmenter"]["architecture"] == "unet"
    assert shown["parameters"] == "62,048,850"
    assert "2108.13118" in shown["paper"]
    assert "translator.encoder.0.0.0" in layers
    assert "segmenter.classifier" in layers


def test_the_table_lists_every_model(cli: Any) -> None:
    done = cli("models")
    for name in load_catalog().entries:
        assert name in done.stdout


def test_an_unknown_model_offers_the_nearest(cli: Any) -> None:
    done = cli("models", "light-unte")
    assert done.exit_code == 2
    assert "unknown model 'light-unte'; did you mean 'light-unet'?" in done.stderr


def test_a_catalogue_of_ones_own_is_added(cli: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    entry = load_catalog().entry("light-unet").model_dump() | {"name": "mine"}
    entry["settings"] = {"n_features": 2}
    own.write_text(yaml.safe_dump({"models": [entry]}))
    done = cli("models", "--models", own, "--json")
    assert done.exit_code == 0, done.stderr
    assert {each["name"]: each["n_parameters"] for each in json.loads(done.stdout)}[
        "mine"
    ] == 851_740


def test_doctor_says_what_is_used_and_why(cli: Any) -> None:
    done = cli("doctor", "--json")
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)["facts"]
    assert {"torch", "python", "device in use", "precision in use", "because"} <= set(facts)
    assert facts["precision in use"] in facts["because"]
    assert "device in use" in cli("doctor").stdout


def test_doctor_warns_of_a_gpu_beside_a_torch_for_the_cpu(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr("cellenhance.tasks.doctor.shutil.which", lambda _: "/usr/bin/nvidia-smi")
    done = cli("doctor")
    assert done.exit_code == 0
    assert "this torch is a build for the CPU only" in done.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder and the result of a demo of a few tiny images."""
    from typer.testing import CliRunner

    from cellenhance.cli.app import app

    folder = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "_SIZE_PX": 48,
            "_N_IMAGES": 5,
            "_EPOCHS": 1,
            "_SETTINGS": ("recipe.crop_px=32", "recipe.batch_size=2"),
        }.items():
            patch.setattr(f"cellenhance.tasks.demo.{name}", value)
        return folder, CliRunner().invoke(app, ["demo", "-o", str(folder)])


def test_the_demo_ends_with_the_table_and_the_paths(demo: tuple[Path, Any]) -> None:
    folder, done = demo
    assert done.exit_code == 0, done.stderr
    for word in ("majority class (cytoplasm)", "light-unet", "aep", "IoU", "Dice", "nucleus"):
        assert word in done.stdout
    named = dict(re.findall(rf"^(.+): ({re.escape(str(folder))}.*)$", done.stderr, re.MULTILINE))
    assert {"training curves", "report, for a browser"} <= set(named)
    assert len(named) >= 3
    assert [path for path in named.values() if not Path(path).exists()] == []
    assert (folder / "runs" / "aep" / "evaluation" / "test" / "per_image.csv").is_file()
    assert len(list((folder / "predictions" / "masks").iterdir())) == 5


def test_the_demo_overwrites_nothing(cli: Any, demo: tuple[Path, Any]) -> None:
    done = cli("demo", "-o", demo[0])
    assert done.exit_code == 2
    assert "is not empty; give --overwrite or another -o" in done.stderr
