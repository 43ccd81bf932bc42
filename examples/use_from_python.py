"""Use cellenhance from a notebook: from images and masks to a trained model and its pictures.

Each ``# %%`` begins a cell in Jupyter (jupytext), VS Code and Spyder. As a script,
``python examples/use_from_python.py WORK`` runs all of it in the folder WORK, in under a minute:
the images are few and small, and so is what the model learns.

A request has the options of the command of the same name, under the same names; an invalid value
raises a `SettingsError` of one line that states what was expected.
"""

# %% What every cell uses
import logging
import sys
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import tifffile

import cellenhance as ce

WORK = Path(sys.argv[1] if len(sys.argv) > 1 else "cellenhance-work")
logging.basicConfig(format="%(message)s")
logging.getLogger("cellenhance").setLevel(logging.INFO)  # notes and warnings, as in a terminal

# %% Images and masks: drawn here; in your lab these are two folders
LAB = WORK / "lab"
ce.synthesize_dataset(ce.SynthesizeRequest(output=LAB, n_images=10, size_px=64, overwrite=True))

# %% Prepare: which mask value is which class
prepared = ce.prepare_dataset(
    ce.PrepareRequest(
        source=LAB,
        output=WORK / "dataset",
        classes=("cytoplasm=0", "membrane=1", "nucleus=2"),
        overwrite=True,
    )
)
print(f"{len(prepared.dataset.samples)} samples of {', '.join(prepared.dataset.class_names)}")

# %% Split into training, validation and test images
split = ce.split_dataset(
    ce.SplitRequest(
        dataset=WORK / "dataset",
        parts=ce.PartOptions(train=0.6, val=0.2, test=0.2),
        overwrite=True,
    )
)
for part in split.subsets:
    print(f"{part.subset}: {part.n_images} images")

# %% Train; several folds (fold="all") would give several results
[trained] = ce.train(
    ce.TrainRequest(
        dataset=WORK / "dataset",
        output=WORK / "run",
        model="aep",
        overwrite=True,
        recipe=ce.TrainingOptions(epochs=2, batch_size=2, set=("recipe.crop_px=32",)),
        compute=ce.ComputeOptions(device="auto"),
    )
)
print(trained.summary)

# %% Evaluate on the test images, which training never saw
[scored] = ce.evaluate_run(ce.EvaluateRunRequest(run=trained.folder, overwrite=True))
for name, iou in scored.scores.pooled.iou.items():
    print(f"IoU of {name}: {iou:.3f}")

# %% Segment a folder of images into masks and previews
IMAGES = WORK / "dataset" / "images"
ce.predict(
    ce.PredictRequest(
        runs=(trained.folder,),
        inputs=(str(IMAGES),),
        output=WORK / "predictions",
        overwrite=True,
    )
)

# %% Draw what the network learned to enhance, one figure for each image
ce.translate(
    ce.TranslateRequest(
        run=trained.folder,
        inputs=(str(IMAGES / "cells_001.tif"),),
        output=WORK / "figures",
        style=ce.FigureStyle(dpi=150, formats=("png", "pdf")),
        overwrite=True,
    )
)

# %% One image in memory: the mask, the probabilities, the filters and the enhanced images
model = ce.load_model(trained.folder)
image = np.asarray(imageio.imread(IMAGES / "cells_001.tif"))  # (H, W) or (H, W, C), as it is
prediction = model.predict(image)
tifffile.imwrite(WORK / "mask.tif", prediction.mask)
np.save(WORK / "probabilities.npy", prediction.probabilities)  # (K, H, W)
for index, name in enumerate(model.classes):
    print(f"{name}: {np.mean(prediction.mask == index):.1%} of the pixels")
print(f"mean entropy {prediction.entropy.mean():.3f}: 0 is sure of a class, 1 undecided")  # (H, W)

# %% Translations are made for segmentation, not for intensity measurement; filter k is not class k
translations = model.translate(image)
np.savez(
    WORK / "translations.npz",
    image=translations.image,  # (H, W, C) the normalised input x
    filters=translations.filters,  # (N, H, W) f_k
    sums=translations.sums,  # (N, H, W, C) x + f_k
    enhanced=translations.enhanced,  # (N, H, W, C) sigma(x + f_k)
)
for number, added in enumerate(translations.filters, start=1):
    print(f"filter {number}: adds {added.mean():.3f} on average, at most {added.max():.3f}")
