"""Pictures of single images on a page: calibration over all, best and worst, translations."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.inputs import InputImage
from cellenhance.data.files.options import ReadingOptions
from cellenhance.data.files.readers import image_stem
from cellenhance.engine.evaluation import evaluate_samples
from cellenhance.engine.translation import require_aep
from cellenhance.metrics.calibration import calibration_errors, count_confidence, reliability
from cellenhance.metrics.scores import OverlapScores
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.figures import draw_png, print_png
from cellenhance.render.panels.panels import class_entries, draw_panels
from cellenhance.render.report.curves import draw_reliability
from cellenhance.render.report.page import Paragraph, Picture, Section
from cellenhance.render.tables import format_percent
from cellenhance.tasks.evaluate.images import SeenImage, result_panels
from cellenhance.tasks.report.record import STYLE, ReportedRun
from cellenhance.tasks.translate.drawing import TranslationDrawing
from cellenhance.tasks.translate.measure_filters import filters_of_run
from cellenhance.tasks.truth import find_truth


def image_sections(
    run: ReportedRun, n_images: int, progress: ProgressCallback = silent
) -> list[Section]:
    """Return calibration, the best and the worst images, from one more pass over all of them."""
    ranked = _ranked_ids(run)
    worst = ranked[:n_images]
    best = [each for each in ranked[::-1][:n_images] if each not in worst]
    seen: dict[str, SeenImage] = {}
    counts: NDArray[np.float64] | None = None
    samples = run.subset.samples(progress, "drawing")
    for each in evaluate_samples(run.predictor, samples, probabilities=True):
        assert each.probabilities is not None
        counted = count_confidence(each.sample.mask, each.probabilities)
        counts = counted if counts is None else counts + counted
        name = each.sample.id
        if name in best or name in worst:
            scores = OverlapScores.from_matrix(run.looks.names, each.matrix)
            read = partial(run.subset.read_image, name)
            seen[name] = SeenImage(name, read, each.sample.mask, each.mask, scores)
    assert counts is not None  # a subset is never empty
    return [
        _calibration_section(counts),
        Section("Worst images", tuple(_picture(run, seen[each]) for each in worst)),
        *([Section("Best images", tuple(_picture(run, seen[each]) for each in best))] * bool(best)),
    ]


def _ranked_ids(run: ReportedRun) -> list[str]:
    """Return the images by their mIoU, the worst first; those without one are left out."""
    images = [each for each in run.scores.images if not math.isnan(each.scores.miou)]
    return [each.id for each in sorted(images, key=lambda each: each.scores.miou)]


def _calibration_section(counts: NDArray[np.float64]) -> Section:
    error = float(calibration_errors(counts[0]))
    found = reliability(counts[0])
    text = (
        f"Expected calibration error {format_percent(error)} % (top label, {len(found.n_px)} bins, "
        "all pixels pooled; 0 is best): how far, on average, the probability of the chosen class "
        "is from the share of pixels where that class is right. It says how far probabilities can "
        "be trusted, not how good the masks are."
    )
    figure = draw_reliability(found, "Top label, all pixels")
    alt = "Reliability diagram: share of right pixels against the probability of the chosen class"
    return Section("Calibration", (Paragraph(text), Picture(draw_png(figure), alt)))


def _picture(run: ReportedRun, image: SeenImage) -> Picture:
    figure = draw_panels(
        [result_panels(image, run.looks)],
        STYLE,
        caption=image.id,
        legend=class_entries(run.looks.names, run.looks.colors),
        pixel_size_um=run.subset.dataset.description.pixel_size_um,
    )
    miou = format_percent(image.scores.miou)
    alt = f"{image.id}: input, truth, result and where it is wrong"
    return Picture(draw_png(figure, STYLE.dpi), alt, f"{image.id}: mean IoU of this image {miou} %")


def translation_sections(
    run: ReportedRun, n_images: int, progress: ProgressCallback = silent
) -> list[Section]:
    """Return what an AEP network learned to enhance; nothing for other networks."""
    if not run.model.network.has_translations:
        return []
    dataset = run.subset.dataset
    paths = [dataset.root / dataset.row(each).image for each in _ranked_ids(run)[:n_images]]
    images = [InputImage(path, image_stem(path)) for path in paths]
    filters = filters_of_run(run.folder, run.model, run.predictor.compute, progress)
    truth = find_truth(images, dataset.root / "masks", run.predictor.header.class_names)
    network = require_aep(run.model)
    drawing = TranslationDrawing(run.predictor, network, filters, STYLE, truth)
    pictures = tuple(
        Picture(
            print_png(drawing.draw(image, ReadingOptions()).figure, STYLE.dpi),
            f"{image.path.stem}: input, filters, enhanced images, branches and result",
        )
        for image in images
    )
    text = (
        "Network 1 makes one additive filter for each enhanced image, network 2 segments each of "
        "them, and a weighted sum of all outputs is the result. Enhanced images are made for "
        "segmentation, not for intensity measurement. Filter k is not class k."
    )
    return [Section("What the network enhanced", (Paragraph(text), *pictures))]
