"""``dataset synthesize --kind``: scenes of the world as dataset folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.world.registry import KINDS

SMALL = ("--n-images", 3, "--size", 48)


def test_a_kind_becomes_a_dataset_with_its_classes(tmp_path: Path, cli: Callable[..., Any]) -> None:
    done = cli("dataset", "synthesize", "-o", tmp_path / "set", "--kind", "layer", *SMALL)
    assert done.exit_code == 0, done.stderr
    assert "3 samples written" in done.stderr
    dataset = load_dataset(tmp_path / "set")
    assert dataset.class_names == ("cytoplasm", "membrane", "nucleus")
    assert [row.id for row in dataset.samples] == ["layer_001", "layer_002", "layer_003"]
    assert dataset.description.background is None


def test_mixed_scenes_share_the_classes_of_regions(tmp_path: Path, cli: Callable[..., Any]) -> None:
    done = cli("dataset", "synthesize", "-o", tmp_path / "set", "--kind", "mixed", *SMALL)
    assert done.exit_code == 0, done.stderr
    dataset = load_dataset(tmp_path / "set")
    assert dataset.class_names == ("background", "interior", "boundary")
    assert dataset.description.background == "background"
    assert {row.id.split("_")[0] for row in dataset.samples} <= set(KINDS)


def test_the_same_seed_gives_the_same_set(tmp_path: Path, cli: Callable[..., Any]) -> None:
    words = ("--kind", "mixed", *SMALL, "--seed", 5)
    for name in ("a", "b"):
        assert cli("dataset", "synthesize", "-o", tmp_path / name, *words).exit_code == 0
    first, second = (load_dataset(tmp_path / name) for name in ("a", "b"))
    assert first.samples == second.samples
    assert first.description.fingerprint == second.description.fingerprint


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--kind", "nucleus"), "'nucleus' is unknown; did you mean 'nuclei'?"),
        (("--kind", "nuclei", "--size", 8), "--size 8: expected a whole number from 32 to 4096"),
        (("--kind", "nuclei", "--photons", 0), "photons"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, cli: Callable[..., Any], words: tuple[object, ...], said: str
) -> None:
    done = cli("dataset", "synthesize", "-o", tmp_path / "set", *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "set").exists()


def test_help_names_every_kind(cli: Callable[..., Any]) -> None:
    said = cli("dataset", "synthesize", "--help").stdout.replace("│", " ").split()
    named = {word.strip(",.;:") for word in said}
    assert {*KINDS, "mixed"} <= named
