"""A synthetic low-light dataset folder, ready to split and train."""

from __future__ import annotations

from pathlib import Path

from cellenhance.data.dataset.build import DatasetBuilder, check_output_folder
from cellenhance.data.dataset.manifest import (
    Dataset,
    DatasetDescription,
    SegmentationClass,
    class_color,
)
from cellenhance.data.files.storage import replacing_folder
from cellenhance.data.synthesize import (
    CLASS_NAMES,
    PIXEL_SIZE_UM,
    SynthesizeSettings,
    synthesize_image,
)
from cellenhance.progress import ProgressCallback, silent


def synthesize_dataset(
    output: Path,
    settings: SynthesizeSettings,
    *,
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> Dataset:
    """Write `settings.n_images` images with their masks as a dataset folder.

    Raises
    ------
    SettingsError
        `output` exists (with `overwrite`: and is no dataset of ours).
    """
    check_output_folder(output, overwrite=overwrite)
    description = DatasetDescription(
        name="synthetic low-light cells",
        classes=tuple(
            SegmentationClass(index=i, name=name, color=class_color(i))
            for i, name in enumerate(CLASS_NAMES)
        ),
        channels=1,
        pixel_size_um=PIXEL_SIZE_UM,
        source=f"cellenhance dataset synthesize, {settings.model_dump_json()}",
        licence="CC0-1.0",
    )
    with replacing_folder(output, overwrite=overwrite) as folder:
        builder = DatasetBuilder(folder, description)
        for index in range(settings.n_images):
            image, mask = synthesize_image(settings, index)
            builder.add(f"cells_{index + 1:03d}", image, mask)
            progress(index + 1, settings.n_images, "drawing")
        built = builder.finish()
    return Dataset(output, built.description, built.samples)
