"""Use a trained model from Python, without the terminal.

``python examples/use_from_python.py runs/aep image.tif results`` writes the mask, the probabilities
and, for AEP models, the filters and enhanced images of one image into a folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import tifffile

from cellenhance import load_model


def main() -> None:
    """Segment one image and save what the network made of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="run folder or checkpoint")
    parser.add_argument("image", type=Path, help="one image of the kind the model was trained on")
    parser.add_argument("output", type=Path, help="folder for the results")
    options = parser.parse_args()

    model = load_model(options.run, device="auto")
    image = np.asarray(imageio.imread(options.image))  # (H, W) or (H, W, C), not normalised
    options.output.mkdir(parents=True, exist_ok=True)

    prediction = model.predict(image)
    tifffile.imwrite(options.output / "mask.tif", prediction.mask)
    np.save(options.output / "probabilities.npy", prediction.probabilities)  # (K, H, W)
    for index, name in enumerate(model.classes):
        share = np.mean(prediction.mask == index)
        print(f"{name}: {share:.1%} of the pixels")

    if model.has_translations:
        translations = model.translate(image)
        # Made for segmentation, not for intensity measurement; filter k is not class k.
        np.savez(
            options.output / "translations.npz",
            image=translations.image,  # (H, W, C) the normalised input x
            filters=translations.filters,  # (N, H, W) f_k
            sums=translations.sums,  # (N, H, W, C) x + f_k
            enhanced=translations.enhanced,  # (N, H, W, C) sigma(x + f_k)
        )
        for number, added in enumerate(translations.filters, start=1):
            print(f"filter {number}: adds {added.mean():.3f} on average, at most {added.max():.3f}")


if __name__ == "__main__":
    main()
