"""``dataset camera``: stacks and folders of frames into camera.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cellenhance.data.degrade.camera import load_camera
from cellenhance.data.files.writers import write_image

GAIN, OFFSET, READ_NOISE = 1.5, 120.0, 2.0


def record(electrons: float, n: int = 4, side: int = 150) -> np.ndarray[Any, np.dtype[np.uint16]]:
    rng = np.random.default_rng(int(electrons))
    seen = rng.poisson(electrons, (n, side, side)) + rng.normal(0, READ_NOISE, (n, side, side))
    return np.rint(OFFSET + GAIN * seen).astype(np.uint16)


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Return a folder with a dark stack, a flat stack, and a folder of two levels."""
    tifffile.imwrite(tmp_path / "dark.tif", record(0, 8), photometric="minisblack")
    tifffile.imwrite(tmp_path / "flat.tif", record(500), photometric="minisblack")
    for level in (100, 1000):
        for index, frame in enumerate(record(level)):
            path = tmp_path / "flats" / f"level_{level}" / f"{index}.tif"
            write_image(path, frame[..., None])
    return tmp_path


def test_stacks_and_folders_give_the_camera(cli: Any, frames: Path) -> None:
    output = frames / "camera.yaml"
    words = ("dataset", "camera", frames / "dark.tif", frames / "flat.tif", frames / "flats")
    done = cli(*words, "-o", output)
    assert done.exit_code == 0, done.stderr
    assert "camera of 3 light levels written" in done.stderr
    assert "gain, counts per electron" in done.stdout
    camera = load_camera(output)
    assert camera.gain_adu == pytest.approx(GAIN, rel=0.02)
    assert camera.offset_adu == pytest.approx(OFFSET, rel=0.002)
    assert camera.read_noise_e == pytest.approx(READ_NOISE, rel=0.02)
    by_glob = cli("dataset", "camera", frames / "dark.tif", frames / "fl*t.tif", frames / "flats/*")
    assert by_glob.exit_code == 0, by_glob.stderr
    twice = cli("dataset", "camera", frames / "dark.tif", frames / "flat.tif", frames / "flat.tif")
    once = cli("dataset", "camera", frames / "dark.tif", frames / "flat.tif")
    assert twice.stdout == once.stdout
    assert "nothing written; -o camera.yaml keeps it" in by_glob.stderr
    done = cli(*words, "--json")
    assert json.loads(done.stdout)["gain_adu"] == camera.gain_adu
    done = cli(*words, "-o", output)
    assert done.exit_code == 2
    assert "give --overwrite" in done.stderr


def test_single_frames_and_saturated_flats_are_refused_in_one_line(cli: Any, frames: Path) -> None:
    single, bright = frames / "single.tif", frames / "bright.tif"
    tifffile.imwrite(single, record(500)[0])
    tifffile.imwrite(bright, np.minimum(record(500), 880), photometric="minisblack")
    (frames / "empty").mkdir()
    for flat, message in (
        (single, "holds 1 frame; noise shows between frames"),
        (bright, "the flat is saturated; use less light"),
        (frames / "empty", "holds no frames"),
        (frames / "none.tif", "there is no such file"),
    ):
        done = cli("dataset", "camera", frames / "dark.tif", flat, "-o", frames / "camera.yaml")
        assert done.exit_code == 3, done.stderr
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert not (frames / "camera.yaml").exists()


def test_a_bent_camera_and_dark_frames_cut_at_0_are_said(cli: Any, frames: Path) -> None:
    bent = record(3000).astype(float)
    tifffile.imwrite(
        frames / "bent.tif",
        np.rint(OFFSET + (bent - OFFSET) * 0.5).astype(np.uint16),
        photometric="minisblack",
    )
    words = ("dataset", "camera", frames / "dark.tif", frames / "flat.tif", frames / "bent.tif")
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    assert "the camera is not linear there" in " ".join(done.stderr.split())
    cut = np.clip(record(0).astype(int) - int(OFFSET), 0, None).astype(np.uint16)
    tifffile.imwrite(frames / "cut.tif", cut, photometric="minisblack")
    done = cli("dataset", "camera", frames / "cut.tif", frames / "flat.tif")
    assert "raise the camera's offset" in " ".join(done.stderr.split())
