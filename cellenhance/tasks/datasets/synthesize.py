"""A synthetic dataset folder, ready to split and train: dim cell layers, or scenes of the world."""

from __future__ import annotations

from collections.abc import Iterator

from cellenhance.arrays import ImageArray, MaskArray
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
    synthesize_image,
)
from cellenhance.data.synthesize_settings import SynthesizeSettings
from cellenhance.data.world.recording import WorldSettings, record_world_image
from cellenhance.data.world.registry import class_names_of
from cellenhance.progress import ProgressCallback, silent
from cellenhance.settings import SettingsT, validate_settings
from cellenhance.tasks.datasets.requests import SynthesizeRequest

_LICENCE = "CC0-1.0"


def synthesize_dataset(request: SynthesizeRequest, progress: ProgressCallback = silent) -> Dataset:
    """Write synthetic images with their masks as a dataset folder.

    Raises
    ------
    SettingsError
        The output exists (with overwriting: and is not a cellenhance dataset), or the world has no
        scenes of this kind.
    """
    if request.kind is None:
        layers = _settings(SynthesizeSettings, request)
        description, images = _describe_layers(layers), _draw_layers(layers)
    else:
        world = _settings(WorldSettings, request)
        description, images = _describe_world(world), _draw_world(world)
    output = request.output
    check_output_folder(output, overwrite=request.overwrite)
    with replacing_folder(output, overwrite=request.overwrite) as folder:
        builder = DatasetBuilder(folder, description)
        for done, (sample_id, image, mask) in enumerate(images, start=1):
            builder.add(sample_id, image, mask)
            progress(done, request.n_images, "drawing")
        built = builder.finish()
    return Dataset(output, built.description, built.samples)


def _settings(model: type[SettingsT], request: SynthesizeRequest) -> SettingsT:
    """Return what the request says of the settings `model`."""
    values = {name: getattr(request, name) for name in model.model_fields}
    return validate_settings(model, values, where="the options of synthesize")


def _describe_layers(settings: SynthesizeSettings) -> DatasetDescription:
    return DatasetDescription(
        name="synthetic low-light cells",
        classes=_classes(CLASS_NAMES),
        channels=1,
        pixel_size_um=PIXEL_SIZE_UM,
        source=f"cellenhance dataset synthesize, {settings.model_dump_json()}",
        licence=_LICENCE,
    )


def _draw_layers(settings: SynthesizeSettings) -> Iterator[tuple[str, ImageArray, MaskArray]]:
    for index in range(settings.n_images):
        yield (f"cells_{index + 1:03d}", *synthesize_image(settings, index))


def _describe_world(settings: WorldSettings) -> DatasetDescription:
    names = class_names_of(settings.kind)
    return DatasetDescription(
        name=f"synthetic scenes: {settings.kind}",
        classes=_classes(names),
        background="background" if "background" in names else None,
        channels=1,
        source=f"cellenhance dataset synthesize, {settings.model_dump_json()}",
        licence=_LICENCE,
    )


def _draw_world(settings: WorldSettings) -> Iterator[tuple[str, ImageArray, MaskArray]]:
    for index in range(settings.n_images):
        scene = record_world_image(settings, index)
        yield f"{scene.kind}_{index + 1:03d}", scene.image, scene.mask


def _classes(names: tuple[str, ...]) -> tuple[SegmentationClass, ...]:
    return tuple(
        SegmentationClass(index=index, name=name, color=class_color(index))
        for index, name in enumerate(names)
    )
