"""Segment low-quality cell microscopy images and see what the network learned to enhance.

The names in `__all__` are imported when they are first used, so that the command line's help
stays free of slow imports.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellenhance.engine.model import Model, load_model
    from cellenhance.engine.predictions import Prediction
    from cellenhance.engine.whole_translations import Translations
    from cellenhance.tasks.evaluate.run import EvaluateRunRequest, evaluate_run
    from cellenhance.tasks.predict.predict import PredictRequest, predict
    from cellenhance.tasks.prepare.prepare import prepare_dataset
    from cellenhance.tasks.prepare.requests import PrepareRequest
    from cellenhance.tasks.pretrain.pretrain import PretrainRequest, pretrain
    from cellenhance.tasks.train.requests import TrainRequest
    from cellenhance.tasks.train.train import train
    from cellenhance.tasks.translate.export_translations import (
        ExportTranslationsRequest,
        export_translations,
    )

__version__ = "0.1.0"

__all__ = [
    "EvaluateRunRequest",
    "ExportTranslationsRequest",
    "Model",
    "PredictRequest",
    "Prediction",
    "PrepareRequest",
    "PretrainRequest",
    "TrainRequest",
    "Translations",
    "__version__",
    "evaluate_run",
    "export_translations",
    "load_model",
    "predict",
    "prepare_dataset",
    "pretrain",
    "train",
]

_HOMES = {
    "EvaluateRunRequest": "cellenhance.tasks.evaluate.run",
    "ExportTranslationsRequest": "cellenhance.tasks.translate.export_translations",
    "Model": "cellenhance.engine.model",
    "PredictRequest": "cellenhance.tasks.predict.predict",
    "Prediction": "cellenhance.engine.predictions",
    "PrepareRequest": "cellenhance.tasks.prepare.requests",
    "PretrainRequest": "cellenhance.tasks.pretrain.pretrain",
    "TrainRequest": "cellenhance.tasks.train.requests",
    "Translations": "cellenhance.engine.whole_translations",
    "evaluate_run": "cellenhance.tasks.evaluate.run",
    "export_translations": "cellenhance.tasks.translate.export_translations",
    "load_model": "cellenhance.engine.model",
    "predict": "cellenhance.tasks.predict.predict",
    "prepare_dataset": "cellenhance.tasks.prepare.prepare",
    "pretrain": "cellenhance.tasks.pretrain.pretrain",
    "train": "cellenhance.tasks.train.train",
}


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
