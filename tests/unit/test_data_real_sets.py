"""The real sets prepare with the counts and class shares that their descriptions state."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellenhance.data.importers.contract import ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.data.instances import InstanceSettings
from cellenhance.data.readers import open_image, read_mask
from cellenhance.data.samples import load_sample
from cellenhance.data.splits import load_split
from cellenhance.errors import DatasetError, ImageReadError
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
    n_groups: int | None = None
    layout: str = ""
    request: dict[str, Any] = field(default_factory=dict)
    """What the request says besides: folders, a rule for label maps, a channel ..."""


BINARY = {"instances": InstanceSettings(rule="binary")}
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
    RealSet(
        "isbi2012",
        ("membrane=0", "interior=255"),
        25,
        {"membrane": 22.4, "interior": 77.6},
        layout="numbered-pairs",
    ),
    RealSet(
        "hela-em-patches",
        ("envelope=1", "nucleus=2", "cytoplasm=3"),
        354,
        {"envelope": 35.3, "nucleus": 33.0, "cytoplasm": 31.8},
        layout="paired",
    ),
    RealSet(
        "vnc-sstem",
        ("membrane=0,32,64,96,128", "glia=159", "mito=191", "synapse=223", "inside=255"),
        12,
        {"membrane": 17.1, "glia": 3.2, "mito": 5.2, "synapse": 0.7, "inside": 73.8},
        layout="paired",
    ),
    RealSet(
        "lpc-nuclei",
        (),
        25,
        {"object": 100 * (21 * 1024 * 1344 * 0.190 + 4 * 1030 * 1349 * 0.230) / 34459048},
        layout="paired",
        request={
            **BINARY,
            "skip_unmatched": True,
            "folders": ImportOptions(
                Path("data/images/dna-images"), Path("data/preprocessed-data")
            ),
        },
    ),
    RealSet(
        "ovary-4class",
        ("background=0", "follicle=1", "nurse=2", "cytoplasm=3"),
        4,
        {"background": 69.8, "follicle": 7.1, "nurse": 8.0, "cytoplasm": 15.1},
        channels=3,
        exclude=("insitu7545.tif",),
        request={"folders": ImportOptions(Path("image"), Path("annot_struct"))},
    ),
    RealSet(
        "hepg2-huh7",
        (),
        5,
        {"object": 6.7},
        layout="text-matrices",
        request={**BINARY, "channel": 2},
    ),
    RealSet(
        "ctc-fluo/N2DH-GOWT1", (), 4, {"object": 7.6}, n_groups=1, layout="ctc", request=BINARY
    ),
    RealSet(
        "ctc-fluo/N2DL-HeLa",
        (),
        3,
        {"object": 12.1},
        "uint16",
        n_groups=1,
        layout="ctc",
        request=BINARY,
    ),
    RealSet("dsb2018", (), 136, {"object": 15.6}, channels=3, layout="paired", request=BINARY),
    # Shares of the samples below are counted from their mask files.
    RealSet(
        "dsb2018/stage1_train",
        (),
        16,
        {"object": 13.19},
        channels=3,
        layout="dsb2018",
        request=BINARY,
    ),
    RealSet(
        "format-samples/isbi-multipage",
        ("membrane=0", "interior=255"),
        6,
        {"interior": 75.47},
        n_groups=1,
        layout="stacks",
    ),
    RealSet(
        "format-samples/stardist-stack",
        (),
        32,
        {"object": 25.33},
        "uint16",
        n_groups=2,
        layout="stacks",
        request=BINARY,
    ),
    RealSet("format-samples/large-em", (), 1, {"object": 10.80}, layout="paired", request=BINARY),
    RealSet(
        "format-samples/ome-tiff",
        ("background=0", "cell=1"),
        3,
        {"cell": 21.80},
        "uint16",
        layout="paired",
    ),
    RealSet(
        "format-samples/odd-names-suffix",
        ("background=0", "cell=255"),
        4,
        {"cell": 9.23},
        "uint16",
        layout="paired",
    ),
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
            **real.request,
        )
    )
    assert real.layout in result.dataset.description.source
    n_groups = len({row.group for row in result.dataset.samples})
    assert real.n_groups is None or n_groups == real.n_groups
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


def test_nuclei_of_one_file_each_are_those_of_the_merged_label_maps(real_data: Path) -> None:
    folder = real_data / "dsb2018"
    found = find_source(folder / "stage1_train", "auto", ImportOptions())
    assert len(found.pairs) == 16
    for pair in found.pairs:
        merged = read_mask(folder / "masks" / f"{pair.id}.png")
        np.testing.assert_array_equal(pair.load_mask(expand_palette=False) > 0, merged > 0)


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("lpc-nuclei", r"no known layout .*data/images/dna-images/gnf \(4\).*--images DIR"),
        ("ovary-4class", r"no known layout .*annot_struct \(4\).*--images DIR"),
        ("format-samples/pixel-types", r"no known layout .*folders with images: \. \(7\)"),
    ],
)
def test_sets_that_need_an_option_say_which(real_data: Path, folder: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        find_source(real_data / folder, "auto", ImportOptions())


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
