"""Tiny sources of every layout that `dataset prepare` reads, made of numbers drawn here."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import tifffile

Maker = Callable[[Path], None]
SHAPE = (12, 16)


def image(seed: int = 0, *, pages: int = 0) -> np.ndarray:
    """Grey noise; the seed makes images of a source differ."""
    shape = (pages, *SHAPE) if pages else SHAPE
    return np.random.default_rng(seed).integers(0, 200, shape, dtype=np.uint8)


def class_mask(*, pages: int = 0) -> np.ndarray:
    """255 on the left half, 0 on the right."""
    mask = np.zeros((pages, *SHAPE) if pages else SHAPE, np.uint8)
    mask[..., :8] = 255
    return mask


def label_map() -> np.ndarray:
    """Three objects of 16 px; 1 and 2 touch."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[2:6, 2:6], labels[2:6, 6:10], labels[7:11, 12:16] = 1, 2, 3
    return labels


def put(path: Path, array: np.ndarray) -> Path:
    """Write a TIFF or PNG by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="minisblack")
    else:
        iio.imwrite(path, array)
    return path


def make_paired(root: Path) -> None:
    for seed, stem in enumerate(("a", "b")):
        put(root / "images" / f"{stem}.tif", image(seed))
        put(root / "masks" / f"{stem}_mask.png", class_mask())


def make_npy_folds(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for seed, subset in enumerate(("train", "test")):
        np.save(root / f"{subset}_images_1.npy", image(seed)[None, None] / np.float32(255))
        np.save(root / f"{subset}_labels_1.npy", class_mask()[None, None])


def make_csv(root: Path) -> None:
    for seed, stem in enumerate(("a", "b", "c")):
        put(root / "files" / f"{stem}.tif", image(seed))
        put(root / "files" / f"{stem}-truth.tif", class_mask())
    rows = [
        "image,mask,group,subset,microscope",
        "files/a.tif,files/a-truth.tif,donor 1,train,M1",
        "files/b.tif,files/b-truth.tif,donor 1,train,M1",
        "files/c.tif,files/c-truth.tif,donor 2,test,M2",
    ]
    (root / "pairs.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def make_text_list(root: Path) -> None:
    for seed, stem in enumerate(("a", "b", "c")):
        put(root / "images" / f"{stem}.tif", image(seed))
        put(root / "masks" / f"{stem}.tif", class_mask())
    (root / "train.txt").write_text("images/a.tif masks/a.tif\nimages/b.tif masks/b.tif\n")
    (root / "test.txt").write_text("images/c.tif masks/c.tif\n")


def make_numbered_pairs(root: Path) -> None:
    for seed, (subset, number) in enumerate((("train", 0), ("train", 1), ("test", 0))):
        put(root / f"{subset}_img" / f"{number}.png", image(seed))
        put(root / f"{subset}_label" / f"{number}.png", class_mask())
    np.save(root / "train_label" / "0.png.npy", class_mask() // 255 + 1)


def make_stacks(root: Path) -> None:
    put(root / "train-volume.tif", image(pages=3))
    put(root / "train-labels.tif", class_mask(pages=3))


def make_dsb2018(root: Path) -> None:
    labels = label_map()
    for seed, name in enumerate(("0bf4", "13c8")):
        folder = root / "stage1_train" / name
        put(folder / "images" / f"{name}.png", image(seed))
        for value in (1, 2, 3):
            put(folder / "masks" / f"m{value}.png", np.uint8(255) * (labels == value))


def make_ctc(root: Path) -> None:
    for frame in range(3):
        put(root / "01" / f"t{frame:03d}.tif", image(frame))
        put(root / "01_GT" / "TRA" / f"man_track{frame:03d}.tif", label_map())
        put(root / "01_ST" / "SEG" / f"man_seg{frame:03d}.tif", label_map())
    put(root / "01_GT" / "SEG" / "man_seg001.tif", label_map())


def make_nnunet(root: Path) -> None:
    for seed, case in enumerate(("cell_001", "cell_002")):
        for channel in (0, 1):
            put(root / "imagesTr" / f"{case}_{channel:04d}.png", image(10 * seed + channel))
        put(root / "labelsTr" / f"{case}.png", np.where(class_mask() > 0, 1, 2).astype(np.uint8))
    put(root / "imagesTs" / "cell_003_0000.png", image(5))
    says = {
        "channel_names": {"0": "DAPI", "1": "GFP"},
        "labels": {"background": 0, "cell": 1, "ignore": 2},
        "numTraining": 2,
        "file_ending": ".png",
    }
    (root / "dataset.json").write_text(json.dumps(says), encoding="utf-8")


def make_cellpose(root: Path) -> None:
    for seed, stem in enumerate(("a", "b")):
        put(root / f"{stem}.tif", image(seed))
        put(root / f"{stem}_masks.tif", label_map())


def make_text_matrices(root: Path) -> None:
    for seed, stem in enumerate(("1", "7")):
        put(root / "images" / f"{stem}.png", image(seed))
        text = "\n".join(" ".join(map(str, row)) for row in label_map().tolist())
        path = root / "annotations" / stem
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


SQUARE = [[2, 2], [6, 2], [6, 6], [2, 6]]


def make_labelme(root: Path) -> None:
    for seed, stem in enumerate(("a", "b")):
        put(root / f"{stem}.png", image(seed))
        shape = {"label": "cell", "shape_type": "polygon", "points": SQUARE, "flags": {}}
        says: dict[str, Any] = {
            "version": "5.4.1",
            "flags": {},
            "shapes": [shape],
            "imagePath": f"{stem}.png",
            "imageData": None,
            "imageHeight": SHAPE[0],
            "imageWidth": SHAPE[1],
        }
        (root / f"{stem}.json").write_text(json.dumps(says), encoding="utf-8")


def make_coco(root: Path) -> None:
    put(root / "images" / "a.png", image())
    flat = [number for point in SQUARE for number in point]
    says = {
        "images": [{"id": 1, "file_name": "a.png", "height": SHAPE[0], "width": SHAPE[1]}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [flat]}],
    }
    (root / "annotations.json").write_text(json.dumps(says), encoding="utf-8")


def make_qupath(root: Path) -> None:
    put(root / "a.tif", image())
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[*SQUARE, SQUARE[0]]]},
        "properties": {"objectType": "annotation", "classification": {"name": "cell"}},
    }
    says = {"type": "FeatureCollection", "features": [feature]}
    (root / "a.geojson").write_text(json.dumps(says), encoding="utf-8")


def make_fiji_rois(root: Path) -> None:
    put(root / "a.tif", image())
    # A rectangle: magic, version, kind 1, then top, left, bottom and right.
    roi = struct.pack(">4sHBx4h", b"Iout", 227, 1, 2, 2, 6, 6).ljust(128, b"\0")
    with zipfile.ZipFile(root / "a_RoiSet.zip", "w") as archive:
        archive.writestr("cell.roi", roi)


def make_dataset(root: Path) -> None:
    from cellenhance.data.dataset.build import DatasetBuilder
    from cellenhance.data.dataset.manifest import DatasetDescription, SegmentationClass

    names = (("soil", "#000000"), ("cell", "#abcdef"))
    classes = tuple(
        SegmentationClass(index=i, name=name, color=color) for i, (name, color) in enumerate(names)
    )
    described = DatasetDescription(
        name="former",
        classes=classes,
        background="soil",
        channels=1,
        pixel_size_um=0.5,
        licence="CC0",
        warnings=("made darker by hand",),
    )
    builder = DatasetBuilder(root, described)
    for seed, stem in enumerate(("a", "b")):
        builder.add(stem, image(seed)[..., None], (class_mask() // 255).astype(np.uint8), "donor 1")
    builder.finish()


TWINS: dict[str, Maker] = {
    "dataset": make_dataset,
    "csv": make_csv,
    "text-list": make_text_list,
    "npy-folds": make_npy_folds,
    "nnunet": make_nnunet,
    "ctc": make_ctc,
    "dsb2018": make_dsb2018,
    "numbered-pairs": make_numbered_pairs,
    "text-matrices": make_text_matrices,
    "cellpose": make_cellpose,
    "stacks": make_stacks,
    "paired": make_paired,
    "labelme": make_labelme,
    "coco": make_coco,
    "qupath": make_qupath,
    "fiji-rois": make_fiji_rois,
}
"""A maker for each layout, by the name that ``--layout`` takes."""
