"""The published protocols: what they need, how they train, what their sources report.

Declarations only. Numbers are percent as published; a row is compared with the model of ours that
is nearest to it. What is tainted in a source is said in `notes`, not mended in its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row of a published table.

    Attributes
    ----------
    name : as the source calls it
    model : the entry of our catalogue nearest to it, "" where there is none
    values : the cells of the protocol's columns as text, "57.90±1.33" or "92.3", "-" for none
    """

    name: str
    model: str
    values: str


@dataclass(frozen=True, slots=True)
class Protocol:
    """One published way of comparing models.

    Attributes
    ----------
    classes : names in index order
    data : what to get and where its public copy is described
    prepare : the command that makes a dataset of it
    split : the published division
    n_folds, n_images : what the split and the dataset should have; None where it is not stated
    columns : scores that the source reports, "{0}" stands for the name of class 0: columns of the
        main table or further metrics
    metrics : further metrics to compute
    published : rows of its tables; empty where none was found
    probing : whether decoder levels are probed
    notes : what a reader must know to compare
    """

    name: str
    source: str
    classes: tuple[str, ...]
    data: str
    prepare: str
    split: str
    n_folds: int | None
    n_images: int | None
    models: tuple[str, ...]
    recipe: str
    columns: tuple[str, ...]
    published: tuple[PublishedRow, ...]
    notes: tuple[str, ...]
    metrics: tuple[str, ...] = ()
    probing: bool = False


_IOU_DICE_2 = ("mIoU", "IoU {0}", "IoU {1}", "mDice", "Dice {0}", "Dice {1}")
_IOU_DICE_3 = (
    *("mIoU", "IoU {0}", "IoU {1}", "IoU {2}"),
    *("mDice", "Dice {0}", "Dice {1}", "Dice {2}"),
)
_AEP_MODELS = ("unet", "unetpp", "attention-unet", "aep-paper")
_AEP_NOTES = (
    "± is the population standard deviation over folds, here and there",
    "which network made the published tables (31 M U-Net or the light one of the code), and "
    "whether its dropout was on at test time, is not known",
    "the published program scored validation images without the last partial batch; here all count",
)

PROTOCOLS: tuple[Protocol, ...] = (
    Protocol(
        name="aep-liver",
        source="Kato & Hotta 2021, arXiv 2108.13118, Tables I and II",
        classes=("cytoplasm", "membrane", "nucleus"),
        data="50 images of mouse liver, 256 x 256 px (Imanishi et al. 2018, cited in arXiv "
        "2108.13118); they are not in the paper's repository, so ask its authors",
        prepare="cellenhance dataset prepare LIVER -o DATASET --class cytoplasm=#000000 "
        "--class membrane=#ff0000 --class nucleus=#00ff00",
        split="5 folds of 35 training, 5 validation and 10 test images",
        n_folds=5,
        n_images=50,
        models=_AEP_MODELS,
        recipe="aep-paper",
        columns=_IOU_DICE_3,
        published=(
            PublishedRow(
                "U-Net",
                "unet",
                "57.90±1.33  71.38±4.80  40.32±3.84  62.01±2.65  "
                "72.36±0.73  83.21±3.31  57.36±3.95  76.52±2.01",
            ),
            PublishedRow(
                "U-Net++",
                "unetpp",
                "57.29±1.23  71.38±4.67  39.80±4.20  60.68±3.16  "
                "71.84±0.59  83.21±3.22  56.82±4.35  75.48±2.42",
            ),
            PublishedRow(
                "Attention U-Net",
                "attention-unet",
                "58.06±1.21  71.98±3.83  40.00±3.49  62.19±2.79  "
                "72.46±0.69  83.65±2.58  57.06±3.64  76.65±2.08",
            ),
            PublishedRow(
                "proposed (automated)",
                "aep-paper",
                "59.53±1.72  71.91±3.91  43.27±2.32  63.42±3.38  "
                "73.84±1.06  83.60±2.64  60.36±2.26  77.56±2.50",
            ),
            PublishedRow(
                "w/o ensemble",
                "aep-no-ensemble",
                "59.27±1.81  72.40±3.92  42.44±2.27  62.98±3.57  -  -  -  -",
            ),
            PublishedRow(
                "fixed",
                "aep-fixed",
                "59.41±0.73  72.01±0.73  42.94±0.73  63.26±0.73  -  -  -  -",
            ),
        ),
        notes=(
            *_AEP_NOTES,
            "the identical ±0.73 of 'fixed' looks like a typesetting error",
        ),
    ),
    Protocol(
        name="aep-irpe",
        source="Kato & Hotta 2021, arXiv 2108.13118, Table III",
        classes=("background", "membrane"),
        data="1,032 tiles of iRPE cells, 256 x 256 px (Majurski et al. 2019, CVPR Workshops), as "
        "numbered .npy folds; described in github.com/usagisukisuki/AEP",
        prepare="cellenhance dataset prepare FOLDER_OF_NPY -o DATASET",
        split="3 folds of 688 training, 44 validation and 300 test images",
        n_folds=3,
        n_images=1032,
        models=_AEP_MODELS,
        recipe="aep-paper",
        columns=_IOU_DICE_2,
        published=(
            PublishedRow(
                "U-Net",
                "unet",
                "62.86±0.37  76.09±0.09  49.64±0.69  76.38±0.32  86.42±0.06  66.34±0.61",
            ),
            PublishedRow(
                "U-Net++",
                "unetpp",
                "62.33±0.68  74.97±0.68  49.69±0.89  76.04±0.54  85.69±0.45  66.38±0.79",
            ),
            PublishedRow(
                "Attention U-Net",
                "attention-unet",
                "63.95±0.45  76.07±0.40  51.82±0.53  77.34±0.35  86.41±0.26  68.26±0.46",
            ),
            PublishedRow(
                "proposed",
                "aep-paper",
                "64.05±0.45  75.92±0.33  52.19±0.75  77.45±0.37  86.31±0.22  68.58±0.65",
            ),
        ),
        notes=_AEP_NOTES,
    ),
    Protocol(
        name="isbi2012",
        source="github.com/BrianWU-S/electron_microscopy_image_segmentation, PDF report; IoU and "
        "thinned scores re-computed from its prediction images",
        classes=("membrane", "interior"),
        data="the 30 labelled slices of ISBI-2012, 512 x 512 px, described in "
        "github.com/BrianWU-S/electron_microscopy_image_segmentation",
        prepare="cellenhance dataset prepare FOLDER -o DATASET --images train_img --masks "
        "train_label --class membrane=0 --class interior=255",
        split="25 slices to train, 5 to test; no validation part",
        n_folds=1,
        n_images=30,
        models=("unet-nobn", "unetpp-keras"),
        recipe="isbi2012",
        columns=(
            "accuracy",
            *("v_rand_simplified_{1}", "v_info_simplified_{1}"),
            *("v_rand_thinned_{1}", "v_info_thinned_{1}"),
            *("IoU {1}", "IoU {0}"),
        ),
        metrics=(
            "accuracy",
            *("v_rand_simplified", "v_info_simplified", "v_rand_thinned", "v_info_thinned"),
        ),
        published=(
            PublishedRow("U-Net #1", "unet-nobn", "92.3  93.4  97.8  92.9  97.3  90.9  67.5"),
            PublishedRow("U-Net #2", "", "92.0  78.0  94.5  77.7  94.3  90.6  65.5"),
            PublishedRow("U-Net #3", "", "91.5  79.5  94.2  78.9  93.8  89.9  64.6"),
            PublishedRow("U-Net++ #3", "unetpp-keras", "90.8  45.4  83.1  45.0  83.1  89.4  59.7"),
        ),
        notes=(
            "published are single runs on 5 slices at the threshold 0.5, weights chosen by the "
            "training loss",
            "U-Net #1 filled turned images by their nearest pixels, #2 and #3 with 0; U-Net++ #3 "
            "trained 50 epochs with Dice on 256 px",
            "serial sections resemble their neighbours: keep blocks of them in one group, or "
            "images of the test part were almost seen",
        ),
    ),
    Protocol(
        name="flmi",
        source="Guo et al. 2021 (PRCV), low-level feature fusion; "
        "github.com/cbmi-group/icss-segmentation",
        classes=("background", "structure"),
        data="ER or MITO, 256 x 256 px (ieee-dataport.org, 'Fluorescence microscopy image datasets "
        "for deep learning segmentation of intracellular organelle networks'), or NUCLEUS "
        "(bbbc.broadinstitute.org/BBBC038), described in github.com/cbmi-group/icss-segmentation",
        prepare="cellenhance dataset prepare FOLDER_WITH_LISTS -o DATASET --class background=0 "
        "--class structure=255",
        split="lists: ER 154 training images (1,232 augmented) and 38 test images, MITO 165 and "
        "18, NUCLEUS 795 and 143; no validation part",
        n_folds=1,
        n_images=None,
        models=(
            *("unet", "unetpp", "segnet", "segnet-fusion", "deeplabv3plus-r50"),
            *("deeplabv3plus-r50-cat", "fcn-32s", "fcn-cat", "hrnet-w32-small"),
            *("hrnet-w32-small-full", "ag-net"),
        ),
        recipe="low-level-fusion",
        columns=("IoU {1}", "Dice {1}", "accuracy", "roc_auc_{1}", "hausdorff_{1}"),
        metrics=("accuracy", "roc_auc", "hausdorff"),
        published=(),
        probing=True,
        notes=(
            "no table of results was found, so none is printed",
            "the source chose weights and thresholds on its test list; here the validation part "
            "chooses weights and the threshold is fixed",
            "its networks started from ImageNet weights where they could; here from random ones",
        ),
    ),
    Protocol(
        name="micro-objects",
        source="Samani et al. 2019, arXiv 1907.03576, abstract",
        classes=("background", "bead", "cell"),
        data="bright-field images of cells and silica beads, 480 x 640 px, with LabelMe "
        "annotations, described in github.com/ektas0330/cell-segmentation",
        prepare="cellenhance dataset prepare FOLDER -o DATASET --class background=0 --class bead=1 "
        "--class cell=2",
        split="90 % of the images to train, 10 % to test",
        n_folds=1,
        n_images=None,
        models=("xception-unet",),
        recipe="micro-objects",
        columns=("mIoU",),
        published=(PublishedRow("Xception-ResNet U-Net", "xception-unet", "91"),),
        notes=(
            "published is the mean over images and classes of masks that may overlap (sigmoid "
            "above 0.51); ours are exclusive and pooled over pixels",
            "the source validated on crops of its training images, and its encoder started from "
            "ImageNet weights",
        ),
    ),
)


def protocol_names() -> tuple[str, ...]:
    """Return the names of all protocols."""
    return tuple(each.name for each in PROTOCOLS)
