"""Start weights from pictures: with labels where there are some, without where there are none."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import DEFAULT_COLORS, SegmentationClass
from cellenhance.data.dataset.samples import SampleStore
from cellenhance.data.files.writers import write_text
from cellenhance.data.normalize import Normalization
from cellenhance.data.world.scene import REGION_NAMES
from cellenhance.engine import seeding
from cellenhance.engine.checkpoints import checkpoint_sha256
from cellenhance.engine.device import choose_compute, free_memory_bytes
from cellenhance.engine.pretraining.pretrainer import Pretrainer, Report
from cellenhance.engine.pretraining.settings import PretrainSettings
from cellenhance.engine.training.initialisation import find_start, initialise_from
from cellenhance.engine.training.interruption import ERRORS, deferred_signals
from cellenhance.errors import CheckpointError, OutputExistsError, SettingsError
from cellenhance.networks.registry import build_network
from cellenhance.progress import ProgressCallback, silent
from cellenhance.runs.folder import collect_versions
from cellenhance.runs.header import ModelHeader, TrainingState
from cellenhance.settings import merge_layers, parse_assignments, validate_settings
from cellenhance.tasks.pretrain.requests import PretrainRequest
from cellenhance.tasks.pretrain.sources import OpenedSource, open_source

logger = logging.getLogger(__name__)

_DATA_SHARE = 0.5
"""Share of the free memory that decoded images may take before they go to disk."""
_TIMED_STEPS = 3
_DECIDING = ("model", "seed", "init", "settings", "sources", "device", "precision", "threads")
"""What of a record decides the weights."""


@dataclass(frozen=True, slots=True)
class PretrainPlan:
    """What a run would do."""

    n_steps: int
    n_images: int
    shares: dict[str, float]
    seconds_per_step: float
    device: str


@dataclass(frozen=True, slots=True)
class PretrainResult:
    """The file that was written."""

    path: Path
    sha256: str
    n_steps: int


def pretrain(
    request: PretrainRequest,
    report: Report = lambda _: None,
    progress: ProgressCallback = silent,
) -> PretrainResult:
    """Make start weights and return where they lie.

    Raises
    ------
    OutputExistsError
        The output is there, or an unfinished run, and neither resume nor overwrite was asked for.
    SettingsError, DatasetError, CatalogError, DeviceError
        The request does not fit the sources, the catalogue or the machine.
    CheckpointError
        The run to be resumed was started otherwise.
    InterruptedRunError, TerminatedRunError
        Ctrl-C or SIGTERM came; the state was saved first.
    """
    _check_output(request)
    pretrainer, header, record = _prepare(request, progress)
    if request.resume and request.output.exists():
        logger.info("%s is finished already", request.output)
        return _result(request, pretrainer.settings)
    state = _start_state(request, pretrainer, record)
    _write_record(request, record)
    with deferred_signals() as received:
        state = pretrainer.fit(
            state, request.state_path, header, report, lambda: received() is not None
        )
        number = received()
    if not state.finished:
        assert number is not None
        raise ERRORS[number](
            f"stopped after step {state.step}, state saved in {request.state_path}; go on with "
            "--resume"
        )
    pretrainer.save_start(request.output, header)
    _write_record(request, record | {"cpu_seconds": round(state.seconds)})
    request.state_path.unlink(missing_ok=True)
    return _result(request, pretrainer.settings)


def plan_pretraining(request: PretrainRequest, progress: ProgressCallback = silent) -> PretrainPlan:
    """Return what `pretrain` would do, with a few steps timed; writes nothing."""
    pretrainer, _, record = _prepare(request, progress)
    pretrainer.train_step(0)
    started = time.perf_counter()
    for step in range(1, 1 + _TIMED_STEPS):
        pretrainer.train_step(step)
    return PretrainPlan(
        n_steps=pretrainer.settings.steps,
        n_images=sum(each["images"] for each in record["sources"]),
        shares={each["source"]: each["share"] for each in record["sources"]},
        seconds_per_step=(time.perf_counter() - started) / _TIMED_STEPS,
        device=pretrainer.compute.reason,
    )


def _check_output(request: PretrainRequest) -> None:
    if request.output.suffix != ".safetensors":
        raise SettingsError(f"-o {request.output}: expected a file that ends in .safetensors")
    if request.resume and request.overwrite:
        raise SettingsError("--resume and --overwrite contradict each other; give one of them")
    there = [each for each in (request.output, request.state_path) if each.exists()]
    if there and not (request.resume or request.overwrite):
        raise OutputExistsError(
            f"{there[0]}: exists already; go on with --resume, replace it with --overwrite, or "
            "choose another -o"
        )


def _prepare(
    request: PretrainRequest, progress: ProgressCallback
) -> tuple[Pretrainer, ModelHeader, dict[str, Any]]:
    """Return the run before its first step, the header of its file, and its record."""
    settings = _settings(request)
    compute = choose_compute(request.compute.device, request.compute.precision)
    entry = load_catalog().resolve(request.model)
    with seeding.seeded(request.seed, "initialisation"):
        network = build_network(entry, 1, len(REGION_NAMES))
    start = find_start(request.init, entry)
    if start is not None:
        logger.info("%s: %s", start.name, initialise_from(network, start).summary())
    store = SampleStore(int(free_memory_bytes(torch.device("cpu")) * _DATA_SHARE))
    sources = [open_source(each, store, progress) for each in request.sources]
    if len(sources) > settings.batch_size:
        raise SettingsError(
            f"{len(sources)} sources do not fit a batch of {settings.batch_size} crops; "
            f"use --set batch_size={len(sources)}"
        )
    pretrainer = Pretrainer(
        network,
        [each.pictures for each in sources],
        [each.share for each in sources],
        settings,
        request.seed,
        compute,
    )
    classes = tuple(
        SegmentationClass(index=i, name=name, color=DEFAULT_COLORS[i])
        for i, name in enumerate(REGION_NAMES)
    )
    header = ModelHeader(
        entry=entry, in_channels=1, classes=classes, normalization=Normalization(method="per-image")
    )
    record = _record(request, settings, sources, pretrainer)
    return (
        pretrainer,
        header,
        record | {"init": None if start is None else checkpoint_sha256(start)},
    )


def _settings(request: PretrainRequest) -> PretrainSettings:
    given = parse_assignments(request.set)
    steps = {} if request.steps is None else {"steps": request.steps}
    return validate_settings(PretrainSettings, merge_layers(given, steps), where="--set")


def _record(
    request: PretrainRequest,
    settings: PretrainSettings,
    sources: list[OpenedSource],
    pretrainer: Pretrainer,
) -> dict[str, Any]:
    return {
        "model": request.model,
        "seed": request.seed,
        "settings": settings.model_dump(mode="json"),
        "sources": [
            {
                "source": text,
                "share": each.share,
                "images": each.n_images,
                "content_sha256": each.content_sha256,
            }
            for text, each in zip(request.sources, sources, strict=True)
        ],
        "device": str(pretrainer.compute.device),
        "precision": pretrainer.compute.precision,
        "threads": torch.get_num_threads(),
        "versions": collect_versions(),
        "command": request.command,
    }


def _write_record(request: PretrainRequest, record: dict[str, Any]) -> None:
    write_text(request.record_path, yaml.safe_dump(record, sort_keys=False))


def _start_state(
    request: PretrainRequest, pretrainer: Pretrainer, record: dict[str, Any]
) -> TrainingState:
    if not (request.resume and request.state_path.exists()):
        request.output.unlink(missing_ok=True)
        request.state_path.unlink(missing_ok=True)
        return TrainingState()
    old = yaml.safe_load(request.record_path.read_text(encoding="utf-8"))
    for key in _DECIDING:
        if old.get(key) != record[key]:
            raise CheckpointError(
                f"{request.record_path}: the run was started with other settings ({key}: "
                f"{old.get(key)}, now {record[key]}); repeat the first command with --resume: "
                f"{old.get('command')}"
            )
    state = pretrainer.load(request.state_path)
    logger.info("going on at step %d", state.step)
    return state


def _result(request: PretrainRequest, settings: PretrainSettings) -> PretrainResult:
    return PretrainResult(request.output, checkpoint_sha256(request.output), settings.steps)
