"""The real sets prepare with the counts and class shares that their descriptions state."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cellenhance.data.readers import open_image
from cellenhance.data.samples import load_sample
from cellenhance.data.splits import load_split
from cellenhance.errors import ImageReadError
from cellenhance.tasks.prepare_dataset import prepare_dataset
from cellenhance.tasks.prepare_request import PrepareRequest

pytestmark = pytest.mark.real_data


@dataclass(frozen=True)
class RealSet:
    """A set as its README describes it; shares in percent of the labelled pixels."""

    folder: str
    classes: tuple[str, ...]
    n_samples: int
    shares: dict[str, float]
    dtype: str = "uint8"
    channels: int = 1
    exclude: tuple[str, ...] = ()
    ignored: float = 0.0
    split: dict[str, int] = field(default_factory=dict)


WBC = ("background=0", "cytoplasm=128", "nucleus=255")
SETS = (
    RealSet(
        "nucleolus-3class",
        ("background=0", "nucleolus=1", "nucleoplasm=2"),
        15,
        {"background": 76.3, "nucleolus": 5.0, "nucleoplasm": 18.6},
    ),
    RealSet(
        "corneal-endothelium",
        ("interior=0,255", "membrane=127"),
        22,
        {"interior": 79, "membrane": 21},
        ignored=71,
    ),
    RealSet(
        "cornea-npy-folds",
        (),
        29,
        {"background": 79, "membrane": 21},
        dtype="float32",
        split={"train": 18, "val": 6, "test": 5},
    ),
    RealSet("isbi2012", ("membrane=0", "interior=255"), 25, {"membrane": 22.4, "interior": 77.6}),
    RealSet(
        "nist-phase", ("background=0", "cell=1"), 58, {"background": 74.7, "cell": 25.3}, "uint16"
    ),
    RealSet(
        "wbc-3class/Dataset 1",
        WBC,
        180,
        {"background": 69.0, "cytoplasm": 18.6, "nucleus": 12.5},
        channels=3,
    ),
    RealSet(
        "wbc-3class/Dataset 2",
        WBC,
        26,
        {"background": 77.1, "cytoplasm": 12.5, "nucleus": 10.4},  # without the two left out
        channels=3,
        exclude=("034", "076"),
    ),
)


@pytest.mark.parametrize("real", SETS, ids=lambda real: real.folder)
def test_real_sets_prepare_with_the_stated_shares(
    real_data: Path, tmp_path: Path, real: RealSet
) -> None:
    result = prepare_dataset(
        PrepareRequest(
            source=real_data / real.folder,
            output=tmp_path / "set",
            classes=real.classes,
            exclude=real.exclude,
        )
    )
    fingerprint = result.dataset.description.fingerprint
    assert fingerprint is not None
    assert fingerprint.n_samples == real.n_samples
    assert fingerprint.dtypes == (real.dtype,)
    assert result.dataset.description.channels == real.channels
    digits = 0.5 if any(isinstance(share, int) for share in real.shares.values()) else 0.0501
    for name, share in real.shares.items():
        assert 100 * fingerprint.class_shares[name] == pytest.approx(share, abs=digits)
    assert 100 * fingerprint.ignored_share == pytest.approx(real.ignored, abs=0.5)
    assert load_sample(result.dataset, result.dataset.samples[-1]).mask.ndim == 2
    if real.split:
        table = load_split(result.dataset)
        assert {s: len(table.subset(1, s)) for s in ("train", "val", "test")} == real.split  # type: ignore[arg-type]


def test_the_identical_pair_of_the_blood_cells_is_found(real_data: Path, tmp_path: Path) -> None:
    request = PrepareRequest(
        source=real_data / "wbc-3class" / "Dataset 1", output=tmp_path / "set", classes=WBC
    )
    result = prepare_dataset(request)
    assert result.equal_images == (("112", "139"),)
    assert result.dataset.row("139").group == "112"


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "n_planes", "pixel_size_um"),
    [
        ("stardist-stack/img2d.tif", (512, 512, 1), "uint16", 1, None),
        ("stardist-stack/img3d.tif", (61, 57, 1), "uint16", 31, None),
        ("large-em/images/001.tif", (2341, 3293, 1), "uint8", 1, None),
        ("isbi-multipage/train-volume.tif", (512, 512, 1), "uint8", 6, None),
        ("odd-names-suffix/細胞 画像 01.tif", (256, 256, 1), "uint16", 1, None),
        ("ome-tiff/images/img_033471.ome.tif", (256, 256, 1), "uint16", 1, 0.65),
        ("ome-tiff/two_channel_CYX.ome.tif", (256, 256, 2), "uint16", 1, None),
        ("pixel-types/float32_0to1.tif", (256, 256, 1), "float32", 1, None),
        ("pixel-types/int16_negative_offset.tif", (256, 256, 1), "int16", 1, None),
        ("pixel-types/bigtiff_uint16.tif", (256, 256, 1), "uint16", 1, None),
        ("pixel-types/uint16.png", (256, 256, 1), "uint16", 1, None),
    ],
)
def test_odd_formats_are_read(
    real_data: Path,
    name: str,
    shape: tuple[int, int, int],
    dtype: str,
    n_planes: int,
    pixel_size_um: float | None,
) -> None:
    with open_image(real_data / "format-samples" / name) as source:
        assert source.info.n_planes == n_planes
        assert source.info.pixel_size_um == pixel_size_um
        plane = source.read_plane(n_planes - 1)
    assert (plane.shape, str(plane.dtype)) == (shape, dtype)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("float32_raw_with_nan.tif", "40 of 65536 pixels are NaN"),
        ("truncated.tif", "damaged, truncated"),
        ("not_an_image.png", "holds text"),
    ],
)
def test_damaged_samples_are_refused(real_data: Path, name: str, message: str) -> None:
    path = real_data / "format-samples" / "pixel-types" / name
    with pytest.raises(ImageReadError, match=message):  # noqa: SIM117
        with open_image(path) as source:
            source.read_plane()
