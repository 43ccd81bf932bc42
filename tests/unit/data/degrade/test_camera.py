"""Gain, offset and read noise come back from synthetic frames within 2 %."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cellenhance.data.degrade.camera import (
    Camera,
    compute_camera,
    load_camera,
    measure_frames,
    save_camera,
)
from cellenhance.errors import DatasetError

GAIN, OFFSET, READ_NOISE = 2.2, 300.0, 1.6


def frames(
    electrons: float, n: int, *, gain: float = GAIN, side: int = 200, drift: float = 0.0
) -> Iterator[NDArray[np.uint16]]:
    """Frames of a camera with 10 % fixed pattern in its light and 3 counts in its offset."""
    rng = np.random.default_rng([int(electrons), n])
    pattern = 1 + 0.1 * rng.standard_normal((side, side))
    offsets = OFFSET + 3 * rng.standard_normal((side, side))
    for frame in range(n):
        light = electrons * (1 + drift * frame) * np.clip(pattern, 0.1, None)
        read = rng.normal(0, READ_NOISE, (side, side))
        yield np.rint(offsets + gain * (rng.poisson(light) + read)).astype(np.uint16)


def measured(electrons: float, n: int = 8, **options: float) -> Camera:
    dark = measure_frames("dark", frames(0, n, **options))  # type: ignore[arg-type]
    levels = [electrons * k for k in (0.25, 0.5, 1)]
    return compute_camera(
        dark,
        [measure_frames(f"{level:g}", frames(level, n, **options)) for level in levels],  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("gain", [0.5, 2.2, 20.0])
def test_a_known_camera_is_found_within_2_percent(gain: float) -> None:
    camera = measured(400, gain=gain)
    assert camera.gain_adu == pytest.approx(gain, rel=0.02)
    assert camera.offset_adu == pytest.approx(OFFSET, rel=0.002)
    assert camera.read_noise_e == pytest.approx(READ_NOISE, rel=0.02)
    assert camera.gain_error_adu is not None
    assert abs(camera.gain_adu - gain) < 4 * camera.gain_error_adu
    assert camera.worst_deviation is not None
    assert camera.worst_deviation < 0.02


def test_a_lamp_that_drifts_does_no_harm() -> None:
    assert measured(400, drift=0.02).gain_adu == pytest.approx(GAIN, rel=0.02)


def test_one_level_of_two_frames_is_enough_and_its_error_is_larger() -> None:
    dark = measure_frames("dark", frames(0, 2))
    one = compute_camera(dark, [measure_frames("flat", frames(300, 2))])
    assert one.gain_adu == pytest.approx(GAIN, rel=0.02)
    assert one.worst_deviation is None
    many = measured(400)
    assert one.gain_error_adu is not None
    assert many.gain_error_adu is not None
    assert one.gain_error_adu > 2 * many.gain_error_adu


def test_two_frames_give_half_the_variance_of_their_difference() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(50, 4, (2, 12, 7))
    found = measure_frames("pair", [a, b])
    assert found.variance == pytest.approx(np.var(a - b, ddof=1) / 2, rel=1e-12)
    assert found.mean == pytest.approx((a.mean() + b.mean()) / 2, rel=1e-12)
    assert (found.n_frames, found.n_pixels) == (2, 84)


def test_the_error_of_a_variance_is_that_of_repeated_measurements() -> None:
    rng = np.random.default_rng(1)
    found = [measure_frames("x", rng.normal(0, 3, (4, 20, 20))) for _ in range(300)]
    spread = np.std([each.variance for each in found], ddof=1)
    assert found[0].variance_error == pytest.approx(spread, rel=0.15)


def test_what_cannot_be_measured_is_refused_in_one_line() -> None:
    dark = measure_frames("dark", frames(0, 2))
    with pytest.raises(DatasetError, match=r"one: holds 1 frame; noise shows between"):
        measure_frames("one", frames(100, 1))
    with pytest.raises(DatasetError, match="expected frames of one size"):
        measure_frames("odd", [np.zeros((4, 4)), np.zeros((4, 5))])
    clipped = [np.minimum(frame, 900) for frame in frames(400, 2)]
    with pytest.raises(DatasetError, match="the flat is saturated; use less light"):
        compute_camera(dark, [measure_frames("flat", clipped)])
    with pytest.raises(DatasetError, match="DARK comes first"):
        compute_camera(measure_frames("flat", frames(300, 2)), [dark])


def test_dark_frames_that_are_cut_off_at_0_are_known() -> None:
    rng = np.random.default_rng(2)
    for offset, expected in ((2, True), (100, False)):
        counts = np.clip(np.rint(rng.normal(offset, 3, (2, 50, 50))), 0, None)
        assert measure_frames("dark", counts).is_cut_at_0 is expected


def test_the_file_round_trips_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    camera = measured(400, n=2)
    save_camera(tmp_path / "camera.yaml", camera)
    assert load_camera(tmp_path / "camera.yaml") == camera
    assert camera.as_settings() == {
        "gain_adu": camera.gain_adu,
        "offset_adu": camera.offset_adu,
        "read_noise_e": camera.read_noise_e,
    }
    for text, message in (
        ("gain_adu: 0\noffset_adu: 1\nread_noise_e: 1", "'gain_adu'"),
        ("gain: 2\noffset_adu: 1\nread_noise_e: 1", "'gain_adu' is missing|unknown key 'gain'"),
        ("!!python/object/apply:os.getcwd []", "not plain YAML"),
        ("[1, 2]", "expected a mapping, found list"),
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(DatasetError, match=message):
            load_camera(tmp_path / "bad.yaml")
    with pytest.raises(DatasetError, match="check the path"):
        load_camera(tmp_path / "none.yaml")
