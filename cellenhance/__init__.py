"""Segment low-quality cell microscopy images and see what the network learned to enhance.

Every command is one function here, with its request and its result; the names in `__all__` are
imported when they are first used, so that the command line's help stays free of slow imports.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellenhance.catalog import ModelEntry as ModelEntry
    from cellenhance.data.dataset.manifest import Dataset as Dataset, load_dataset as load_dataset
    from cellenhance.data.dataset.options import (
        GivenSplitOptions as GivenSplitOptions,
        PartOptions as PartOptions,
    )
    from cellenhance.data.degrade.camera import Camera as Camera
    from cellenhance.data.degrade.settings import DegradeOptions as DegradeOptions
    from cellenhance.data.files.options import ReadingOptions as ReadingOptions
    from cellenhance.data.importers.options import (
        InstanceSettings as InstanceSettings,
        SourceOptions as SourceOptions,
    )
    from cellenhance.engine.image_pass import AppliedToImages as AppliedToImages
    from cellenhance.engine.model import Model as Model, load_model as load_model
    from cellenhance.engine.options import (
        ComputeOptions as ComputeOptions,
        DeviceOptions as DeviceOptions,
        TilingOptions as TilingOptions,
    )
    from cellenhance.engine.predictions import Prediction as Prediction
    from cellenhance.engine.training.options import (
        RecipeOptions as RecipeOptions,
        TrainingOptions as TrainingOptions,
    )
    from cellenhance.engine.translation import Translations as Translations
    from cellenhance.errors import CellEnhanceError as CellEnhanceError
    from cellenhance.metrics.scores import Scores as Scores
    from cellenhance.render.style import (
        DisplayOptions as DisplayOptions,
        FigureStyle as FigureStyle,
    )
    from cellenhance.tasks.benchmark.benchmark import (
        BenchmarkResult as BenchmarkResult,
        benchmark as benchmark,
    )
    from cellenhance.tasks.benchmark.requests import (
        BenchmarkRequest as BenchmarkRequest,
        FurtherTables as FurtherTables,
        RunChoice as RunChoice,
    )
    from cellenhance.tasks.compare.compare import compare as compare
    from cellenhance.tasks.compare.contour_overlay import (
        ContourOverlayResult as ContourOverlayResult,
        contour_overlay as contour_overlay,
    )
    from cellenhance.tasks.compare.records import CompareResult as CompareResult
    from cellenhance.tasks.compare.requests import (
        CompareRequest as CompareRequest,
        ContourOverlayRequest as ContourOverlayRequest,
    )
    from cellenhance.tasks.datasets.augment import augment_dataset as augment_dataset
    from cellenhance.tasks.datasets.camera import measure_camera as measure_camera
    from cellenhance.tasks.datasets.degrade import (
        DegradeResult as DegradeResult,
        degrade_dataset as degrade_dataset,
    )
    from cellenhance.tasks.datasets.export import (
        ExportResult as ExportResult,
        export_dataset as export_dataset,
    )
    from cellenhance.tasks.datasets.inspect import inspect_dataset as inspect_dataset
    from cellenhance.tasks.datasets.inspect_records import InspectReport as InspectReport
    from cellenhance.tasks.datasets.requests import (
        AugmentRequest as AugmentRequest,
        CameraRequest as CameraRequest,
        DegradeRequest as DegradeRequest,
        ExportRequest as ExportRequest,
        InspectRequest as InspectRequest,
        SplitRequest as SplitRequest,
        SynthesizeRequest as SynthesizeRequest,
    )
    from cellenhance.tasks.datasets.split import (
        SplitResult as SplitResult,
        split_dataset as split_dataset,
    )
    from cellenhance.tasks.datasets.synthesize import synthesize_dataset as synthesize_dataset
    from cellenhance.tasks.demo import DemoResult as DemoResult, run_demo as run_demo
    from cellenhance.tasks.doctor import Diagnosis as Diagnosis, diagnose as diagnose
    from cellenhance.tasks.evaluate.predictions import (
        evaluate_predictions as evaluate_predictions,
    )
    from cellenhance.tasks.evaluate.requests import (
        EvaluatePredictionsRequest as EvaluatePredictionsRequest,
        EvaluateRunRequest as EvaluateRunRequest,
        ScoringOptions as ScoringOptions,
    )
    from cellenhance.tasks.evaluate.run import (
        RunScores as RunScores,
        evaluate_run as evaluate_run,
    )
    from cellenhance.tasks.models import (
        ModelDetails as ModelDetails,
        ModelSummary as ModelSummary,
        list_models as list_models,
        show_model as show_model,
    )
    from cellenhance.tasks.predict.predict import (
        PredictedImage as PredictedImage,
        predict as predict,
    )
    from cellenhance.tasks.predict.requests import (
        PredictOutputs as PredictOutputs,
        PredictRequest as PredictRequest,
    )
    from cellenhance.tasks.prepare.prepare import prepare_dataset as prepare_dataset
    from cellenhance.tasks.prepare.requests import (
        PrepareRequest as PrepareRequest,
        SourceReadingOptions as SourceReadingOptions,
    )
    from cellenhance.tasks.prepare.write import PrepareResult as PrepareResult
    from cellenhance.tasks.pretrain.pretrain import (
        PretrainResult as PretrainResult,
        pretrain as pretrain,
    )
    from cellenhance.tasks.pretrain.requests import PretrainRequest as PretrainRequest
    from cellenhance.tasks.report.report import report as report
    from cellenhance.tasks.report.requests import ReportRequest as ReportRequest
    from cellenhance.tasks.requests import DemoRequest as DemoRequest
    from cellenhance.tasks.train.requests import TrainRequest as TrainRequest
    from cellenhance.tasks.train.run import TrainResult as TrainResult
    from cellenhance.tasks.train.train import train as train
    from cellenhance.tasks.translate.export_translations import (
        ExportedImage as ExportedImage,
        export_translations as export_translations,
    )
    from cellenhance.tasks.translate.requests import (
        ExportTranslationsRequest as ExportTranslationsRequest,
        TranslateRequest as TranslateRequest,
    )
    from cellenhance.tasks.translate.translate import (
        TranslateResult as TranslateResult,
        translate as translate,
    )

__version__ = "0.1.0"

_NAMES = {
    "cellenhance.catalog": "ModelEntry",
    "cellenhance.data.dataset.manifest": "Dataset load_dataset",
    "cellenhance.data.dataset.options": "GivenSplitOptions PartOptions",
    "cellenhance.data.degrade.camera": "Camera",
    "cellenhance.data.degrade.settings": "DegradeOptions",
    "cellenhance.data.files.options": "ReadingOptions",
    "cellenhance.data.importers.options": "InstanceSettings SourceOptions",
    "cellenhance.engine.image_pass": "AppliedToImages",
    "cellenhance.engine.model": "Model load_model",
    "cellenhance.engine.options": "ComputeOptions DeviceOptions TilingOptions",
    "cellenhance.engine.predictions": "Prediction",
    "cellenhance.engine.training.options": "RecipeOptions TrainingOptions",
    "cellenhance.engine.translation": "Translations",
    "cellenhance.errors": "CellEnhanceError",
    "cellenhance.metrics.scores": "Scores",
    "cellenhance.render.style": "DisplayOptions FigureStyle",
    "cellenhance.tasks.benchmark.benchmark": "BenchmarkResult benchmark",
    "cellenhance.tasks.benchmark.requests": "BenchmarkRequest FurtherTables RunChoice",
    "cellenhance.tasks.compare.compare": "compare",
    "cellenhance.tasks.compare.contour_overlay": "ContourOverlayResult contour_overlay",
    "cellenhance.tasks.compare.records": "CompareResult",
    "cellenhance.tasks.compare.requests": "CompareRequest ContourOverlayRequest",
    "cellenhance.tasks.datasets.augment": "augment_dataset",
    "cellenhance.tasks.datasets.camera": "measure_camera",
    "cellenhance.tasks.datasets.degrade": "DegradeResult degrade_dataset",
    "cellenhance.tasks.datasets.export": "ExportResult export_dataset",
    "cellenhance.tasks.datasets.inspect": "inspect_dataset",
    "cellenhance.tasks.datasets.inspect_records": "InspectReport",
    "cellenhance.tasks.datasets.requests": (
        "AugmentRequest CameraRequest DegradeRequest ExportRequest InspectRequest SplitRequest "
        "SynthesizeRequest"
    ),
    "cellenhance.tasks.datasets.split": "SplitResult split_dataset",
    "cellenhance.tasks.datasets.synthesize": "synthesize_dataset",
    "cellenhance.tasks.demo": "DemoResult run_demo",
    "cellenhance.tasks.doctor": "Diagnosis diagnose",
    "cellenhance.tasks.evaluate.predictions": "evaluate_predictions",
    "cellenhance.tasks.evaluate.requests": (
        "EvaluatePredictionsRequest EvaluateRunRequest ScoringOptions"
    ),
    "cellenhance.tasks.evaluate.run": "RunScores evaluate_run",
    "cellenhance.tasks.models": "ModelDetails ModelSummary list_models show_model",
    "cellenhance.tasks.predict.predict": "PredictedImage predict",
    "cellenhance.tasks.predict.requests": "PredictOutputs PredictRequest",
    "cellenhance.tasks.prepare.prepare": "prepare_dataset",
    "cellenhance.tasks.prepare.requests": "PrepareRequest SourceReadingOptions",
    "cellenhance.tasks.prepare.write": "PrepareResult",
    "cellenhance.tasks.pretrain.pretrain": "PretrainResult pretrain",
    "cellenhance.tasks.pretrain.requests": "PretrainRequest",
    "cellenhance.tasks.report.report": "report",
    "cellenhance.tasks.report.requests": "ReportRequest",
    "cellenhance.tasks.requests": "DemoRequest",
    "cellenhance.tasks.train.requests": "TrainRequest",
    "cellenhance.tasks.train.run": "TrainResult",
    "cellenhance.tasks.train.train": "train",
    "cellenhance.tasks.translate.export_translations": "ExportedImage export_translations",
    "cellenhance.tasks.translate.requests": "ExportTranslationsRequest TranslateRequest",
    "cellenhance.tasks.translate.translate": "TranslateResult translate",
}
"""The public names by the module that they come from."""
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cellenhance' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted(__all__)
