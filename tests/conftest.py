"""Fixtures shared by all tests: a tiny dataset, a tiny trained run, the command line."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# One thread for this process and those it starts, before torch is imported: the arrays are tiny,
# and threads that wait for each other on a busy machine take most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

RunCli = Callable[..., Any]

NOUNS = "files|images|epochs|samples|runs|pairs|masks|objects|groups|folds"
WRONG_PLURAL = re.compile(rf"(?<![\w.,])1 ({NOUNS})\b")
"""One of something, told as several."""

TINY_TRAINING = ("--set", "recipe.crop_px=32", "--batch-size", "2", "--precision", "fp32")
"""Options that make an epoch of `tiny_dataset` a few small steps."""


@pytest.fixture(autouse=True)
def _keep_the_loggers_as_they_were() -> Iterator[None]:
    """Undo what a command does to the package's logger, so that `caplog` works in every order."""
    logger = logging.getLogger("cellenhance")
    before = (list(logger.handlers), logger.propagate, logger.level)
    yield
    logger.handlers, logger.propagate = before[0], before[1]
    logger.setLevel(before[2])


def invoke(*words: object) -> Any:
    """Run a command in this process; the result has exit_code, stdout and stderr.

    Whatever a command says, it never says "1 images".
    """
    from typer.testing import CliRunner

    from cellenhance.cli.app import app

    done = CliRunner().invoke(app, [str(word) for word in words])
    assert WRONG_PLURAL.search(done.output) is None, done.output
    return done


@pytest.fixture
def cli() -> RunCli:
    """Return a function that runs ``cellenhance WORDS...`` in this process."""
    return invoke


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset folder of 8 synthetic images of 48 px: 4 train, 2 validate, 2 test."""
    from cellenhance.data.dataset.options import PartOptions
    from cellenhance.tasks.datasets.requests import SplitRequest, SynthesizeRequest
    from cellenhance.tasks.datasets.split import split_dataset
    from cellenhance.tasks.datasets.synthesize import synthesize_dataset

    path = tmp_path_factory.mktemp("shared") / "dataset"
    synthesize_dataset(SynthesizeRequest(output=path, n_images=8, size_px=48, cell_px=20, seed=3))
    halves = PartOptions(train=0.5, val=0.25, test=0.25)
    split_dataset(SplitRequest(dataset=path, parts=halves))
    split_dataset(SplitRequest(dataset=path, folds=2, name="folds"))
    return path


@pytest.fixture(scope="session")
def tiny_training() -> tuple[str, ...]:
    """Return the options that make an epoch of `tiny_dataset` a few small steps."""
    return TINY_TRAINING


@pytest.fixture(scope="session")
def tiny_run(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run folder of `aep`, trained for 2 epochs by the command line; only read it."""
    path = tmp_path_factory.mktemp("shared") / "run"
    done = invoke("train", tiny_dataset, "-m", "aep", "-o", path, "--epochs", 2, *TINY_TRAINING)
    assert done.exit_code == 0, done.stderr
    return path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real image sets; tests that need it are skipped aloud without it."""
    place = os.environ.get("CELLENHANCE_DATA")
    if not place:
        pytest.skip("CELLENHANCE_DATA is not set: no real image sets")
    return Path(place)
