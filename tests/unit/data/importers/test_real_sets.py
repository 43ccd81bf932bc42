"""The real sets prepare with the counts and class shares that their descriptions state.

Every set and every odd file has a line here: a command and what its README promises, or the one
line with which it is refused.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split, split_names
from cellenhance.data.files.readers import open_image, read_mask
from cellenhance.data.importers.options import InstanceSettings
from cellenhance.errors import ImageReadError
from cellenhance.tasks.prepare.prepare import prepare_dataset
from cellenhance.tasks.prepare.requests import PrepareRequest, SourceReadingOptions

pytestmark = pytest.mark.real_data


@dataclass(frozen=True)
class RealSet:
    """A command (without ``-o``) and the set as its README describes it.

    Attributes
    ----------
    shares : percent of the labelled pixels; a whole number is as rough as the README's, and of
        the format samples they are counted from the mask files
    n_groups : 0 for one a sample
    ignored : percent of all pixels
    layout : as it is recognised
    said : parts of notes and warnings
    """

    words: str
    n_samples: int
    shares: dict[str, float]
    dtypes: tuple[str, ...] = ("uint8",)
    channels: int = 1
    n_groups: int = 0
    ignored: float = 0.0
    pixel_size_um: float | None = None
    split: dict[str, int] = field(default_factory=dict)
    layout: str = "paired"
    said: tuple[str, ...] = ()


WBC = "--class background=0 --class cytoplasm=128 --class nucleus=255"
OVARY = "--class background=0 --class follicle=1 --class nurse=2 --class cytoplasm=3"
OVARY_RGB = (
    "--class background=#0000ff --class follicle=#ff0000 --class nurse=#00ff00 "
    "--class cytoplasm=#ffe500"
)
RGB = ("images are RGB: kept as three channels",)
SETS = (
    RealSet(
        "nucleolus-3class --class background=0 --class nucleolus=1 --class nucleoplasm=2",
        15,
        {"background": 76.3, "nucleolus": 5.0, "nucleoplasm": 18.6},
    ),
    RealSet(
        "corneal-endothelium --class interior=0,255 --class membrane=127",
        22,
        {"interior": 79, "membrane": 21},
        ignored=71,
    ),
    RealSet(
        "corneal-endothelium/Training_data --images org --masks gt_all --class rest=0 "
        "--class border=255",
        22,
        {},  # the README gives no share; some masks are RGBA, some grey
        ignored=71,
    ),
    RealSet(
        "cornea-npy-folds",
        29,
        {"background": 79, "membrane": 21},
        dtypes=("float32",),
        split={"train": 18, "val": 6, "test": 5},
        layout="npy-folds",
    ),
    RealSet(
        "isbi2012 --class membrane=0 --class interior=255",
        25,
        {"membrane": 22.4, "interior": 77.6},
        layout="numbered-pairs",
    ),
    RealSet(
        "nist-phase --class background=0 --class cell=1",
        58,
        {"background": 74.7, "cell": 25.3},
        dtypes=("uint16",),
    ),
    RealSet(
        f"'wbc-3class/Dataset 1' {WBC}",
        180,
        {"background": 69.0, "cytoplasm": 18.6, "nucleus": 12.5},
        channels=3,
        n_groups=179,
        said=(*RGB, "identical images: 112, 139; they share a group"),
    ),
    RealSet(
        f"'wbc-3class/Dataset 2' {WBC} --snap-masks",
        28,
        {"background": 77.8, "cytoplasm": 12.0, "nucleus": 10.2},
        channels=3,
        said=("--snap-masks: 100 pixels in 2 masks", "034.png 97, 076.png 3"),
    ),
    RealSet(
        f"'wbc-3class/Dataset 2' {WBC} --exclude 034 --exclude 076",
        26,
        {"background": 77.1, "cytoplasm": 12.5, "nucleus": 10.4},  # without the two left out
        channels=3,
    ),
    RealSet(
        f"ovary-4class --images image --masks annot_struct {OVARY} --exclude insitu7545.tif",
        4,
        {"background": 69.8, "follicle": 7.1, "nurse": 8.0, "cytoplasm": 15.1},
        channels=3,
        said=("most of the contrast is in red",),
    ),
    RealSet(  # the same picture as a TIFF whose channel axis comes first
        f"ovary-4class --images image --masks annot_struct {OVARY} --exclude insitu7545.jpg",
        4,
        {"background": 69.8, "follicle": 7.1, "nurse": 8.0, "cytoplasm": 15.1},
        channels=3,
    ),
    RealSet(
        f"ovary-4class --images image --masks segm_rgb {OVARY_RGB} --exclude insitu7545.tif",
        4,
        {"background": 69.63, "follicle": 6.86, "nurse": 6.91, "cytoplasm": 16.61},  # as segm/
        channels=3,
    ),
    RealSet(
        "vnc-sstem --class membrane=0,32,64,96,128 --class glia=159 --class mitochondria=191 "
        "--class synapse=223 --class intracellular=255",
        12,
        {"membrane": 17.1, "glia": 3.2, "mitochondria": 5.2, "synapse": 0.7, "intracellular": 73.8},
    ),
    RealSet(
        "vnc-sstem --images stack1/raw --masks stack1/mitochondria --class other=0 "
        "--class mitochondria=255 --snap-masks",
        12,
        {"mitochondria": 5.2},  # agrees with the value 191 of labels/
        said=("--snap-masks: 223 pixels in 10 masks",),
    ),
    RealSet(
        "vnc-sstem --images stack1/raw --masks stack1/synapses --class other=0 "
        "--class synapse=255 --snap-masks",
        12,
        {"synapse": 0.7},
    ),
    RealSet(
        "vnc-sstem --images stack1/raw --masks stack1/membranes --class other=0 "
        "--class membrane=255",
        12,
        {"membrane": 20.8},  # 1-bit masks: membrane and glia
    ),
    RealSet(
        "hela-em-patches --class envelope=1 --class nucleus=2 --class cytoplasm=3",
        354,
        {"envelope": 35.3, "nucleus": 33.0, "cytoplasm": 31.8},
        n_groups=352,  # a few are identical
    ),
    RealSet(
        "ctc-fluo/N2DH-GOWT1 --instances binary",
        4,
        {"object": 7.6},
        n_groups=1,
        pixel_size_um=0.2405,
        layout="ctc",
    ),
    RealSet(
        "ctc-fluo/N2DL-HeLa --instances binary",
        3,
        {"object": 12.1},
        dtypes=("uint16",),
        n_groups=1,
        pixel_size_um=0.645,
        said=("the challenge does not segment every cell",),
        layout="ctc",
    ),
    RealSet(
        "dsb2018 --instances binary --grey mean",
        136,
        {"object": 15.6},
        said=("opaque alpha channel of 136 images dropped", "left out: stage1_train/"),
    ),
    RealSet(
        "dsb2018/stage1_train --instances binary",
        16,
        {"object": 13.19},
        channels=3,
        layout="dsb2018",
    ),
    RealSet(
        "hepg2-huh7 --instances binary",
        5,
        {"object": 6.7},
        channels=3,
        said=("most of the contrast is in blue", "--channel 2 keeps blue alone"),
        layout="text-matrices",
    ),
    RealSet(
        "hepg2-huh7 --instances binary --channel 2", 5, {"object": 6.7}, layout="text-matrices"
    ),
    RealSet(
        "lpc-nuclei/data --images images/dna-images/ic100 --masks preprocessed-data/ic100 "
        "--instances binary --skip-unmatched",
        21,
        {"object": 19.0},
        said=("1 file without a partner left out", "dna-25", "grey stored as RGB"),
    ),
    RealSet(
        "lpc-nuclei/data --images images/dna-images/gnf --masks preprocessed-data/gnf "
        "--instances binary",
        4,
        {"object": 23.0},
    ),
    RealSet(
        "format-samples/stardist-stack --instances binary",
        32,  # an image and 31 planes
        {"object": 25.33},
        dtypes=("uint16",),
        n_groups=2,
        layout="stacks",
    ),
    RealSet("format-samples/labelme-wbc", 6, {}, channels=3, layout="labelme"),
    RealSet(
        "format-samples/labelme-original/semantic",
        3,
        {},
        channels=3,
        ignored=1.87,
        layout="labelme",
    ),
    RealSet("format-samples/labelme-original/primitives", 1, {}, channels=3, layout="labelme"),
    RealSet("format-samples/labelme-original/embedded-image", 1, {}, channels=3, layout="labelme"),
    RealSet("format-samples/labelme-original/coco", 3, {}, channels=3, layout="coco"),
    RealSet(
        "format-samples/large-em --instances binary --tile 1024", 12, {"object": 10.80}, n_groups=1
    ),
    RealSet(
        "format-samples/isbi-multipage --class membrane=0 --class interior=255",
        6,
        {"interior": 75.47},
        n_groups=1,
        layout="stacks",
    ),
    RealSet(
        "format-samples/odd-names-suffix --class rest=0 --class cell=255",
        4,
        {"cell": 9.23},
        dtypes=("uint16",),
    ),
    RealSet(
        "format-samples/ome-tiff --class rest=0 --class cell=1",
        3,
        {"cell": 21.80},
        dtypes=("uint16",),
        pixel_size_um=0.65,
        said=("left out: two_channel_CYX.ome.tif",),
    ),
)


@pytest.fixture
def prepare(
    real_data: Path, tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """Return a function that runs ``dataset prepare WORDS -o set`` where the sets are."""
    monkeypatch.chdir(real_data)
    return lambda words: cli("dataset", "prepare", *shlex.split(words), "-o", tmp_path / "set")


def test_every_set_and_every_folder_of_samples_has_its_line(real_data: Path) -> None:
    places = [shlex.split(real.words)[0] for real in SETS]
    folders = [path for path in real_data.iterdir() if path.is_dir()]
    samples = [path for path in (real_data / "format-samples").iterdir() if path.is_dir()]
    read_below = "pixel-types"  # files without masks, one by one
    for folder in folders:
        assert any(Path(place).parts[0] == folder.name for place in places), folder.name
    for folder in samples:
        in_a_line = any(folder.name in place for place in places)
        assert in_a_line or folder.name == read_below, folder.name


@pytest.mark.parametrize("real", SETS, ids=lambda real: real.words)
def test_real_sets_prepare_as_they_are_described(
    prepare: Callable[[str], Any], tmp_path: Path, real: RealSet
) -> None:
    done = prepare(real.words)
    assert done.exit_code == 0, done.stderr
    for part in real.said:
        assert part in done.stderr.replace("\n", " ")
    dataset = load_dataset(tmp_path / "set")
    description, fingerprint = dataset.description, dataset.description.fingerprint
    assert fingerprint is not None
    assert fingerprint.n_samples == real.n_samples
    assert fingerprint.dtypes == real.dtypes
    assert description.channels == real.channels
    assert description.pixel_size_um == real.pixel_size_um
    assert f"({real.layout}" in description.source
    assert len({row.group for row in dataset.samples}) == (real.n_groups or real.n_samples)
    for name, share in real.shares.items():
        digits = 0.5 if isinstance(share, int) else 0.0501
        assert 100 * fingerprint.class_shares[name] == pytest.approx(share, abs=digits)
    assert 100 * fingerprint.ignored_share == pytest.approx(real.ignored, abs=0.5)
    assert load_sample(dataset, dataset.samples[-1]).mask.ndim == 2
    assert split_names(dataset.root) == (["default"] if real.split else [])
    if real.split:
        table = load_split(dataset)
        assert {s: len(table.subset(1, s)) for s in ("train", "val", "test")} == real.split


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("corneal-endothelium", "--class class0=0 --class class1=127 --class class2=255"),
        (f"wbc-3class {WBC}", "in 2 masks (Dataset 2/034.png, Dataset 2/076.png): 2 (2 px)"),
        ("vnc-sstem", "--class class8=255"),
        (
            "vnc-sstem --images stack1/raw --masks stack1/mitochondria --class a=0 --class b=255",
            "--snap-masks",
        ),
        ("ctc-fluo", "masks are label maps, one number per object (layout ctc"),
        ("dsb2018", "--instances interior-boundary"),
        ("lpc-nuclei", "folders with images: data/images/dna-images/gnf (4)"),
        (
            "lpc-nuclei --images data/images/dna-images --masks data/preprocessed-data "
            "--instances binary",
            "dna-25.png",
        ),
        ("ovary-4class", "--images DIR --masks DIR"),
        (
            f"ovary-4class --images image --masks annot_struct {OVARY}",
            "insitu7545.jpg and insitu7545.tif have the same stem",
        ),
        ("format-samples/pixel-types", "no known layout"),
        ("format-samples/labelme-original/semantic/data_dataset_voc", "no known layout"),
        ("format-samples/pixel-types/truncated.tif", "expected a folder"),
    ],
)
def test_sets_that_need_a_word_from_the_user_are_refused_in_one_line(
    prepare: Callable[[str], Any], tmp_path: Path, words: str, message: str
) -> None:
    done = prepare(words)
    assert done.exit_code == 3, done.output
    [line] = [each for each in done.stderr.splitlines() if each.startswith("error: ")]
    assert message in line
    assert done.stderr.splitlines()[-1] == line
    assert not (tmp_path / "set").exists()


def test_rasterised_polygons_agree_with_the_masks_they_were_traced_from(
    real_data: Path, tmp_path: Path
) -> None:
    folder = real_data / "format-samples" / "labelme-wbc"
    result = prepare_dataset(PrepareRequest(source=folder, output=tmp_path / "set"))
    assert result.dataset.class_names == ("background", "cytoplasm", "nucleus")
    for row in result.dataset.samples:
        reference = read_mask(folder / "reference_masks" / f"{row.id}.png")
        agreement = np.mean(load_sample(result.dataset, row).mask == reference)
        assert agreement > 0.995


def test_the_channels_of_a_stack_and_of_a_jpeg_are_the_same_picture(real_data: Path) -> None:
    folder = real_data / "ovary-4class" / "image"
    with (
        open_image(folder / "insitu7545.tif") as stack,
        open_image(folder / "insitu7545.jpg") as jpeg,
    ):
        first, second = stack.read_plane(), jpeg.read_plane()
    assert first.shape == second.shape == (647, 1024, 3)
    # The JPEG is lossy; a transposed or shifted axis would differ by tens.
    assert np.abs(first.astype(int) - second.astype(int)).mean() < 8


def test_merged_nuclei_are_the_union_of_the_original_masks(real_data: Path, tmp_path: Path) -> None:
    request = PrepareRequest(
        source=real_data / "dsb2018" / "stage1_train",
        output=tmp_path / "set",
        instances=InstanceSettings(rule="binary"),
        reading=SourceReadingOptions(grey="mean"),
    )
    dataset = prepare_dataset(request).dataset
    for row in dataset.samples:
        merged = read_mask(real_data / "dsb2018" / "masks" / f"{row.id}.png")
        np.testing.assert_array_equal(load_sample(dataset, row).mask, merged > 0)


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
