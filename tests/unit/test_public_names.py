"""``import cellenhance``: its names come when they are used, and a model is one object."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
import typing
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import entropy

import cellenhance
from cellenhance.engine.device import choose_compute
from cellenhance.engine.inference import load_predictor
from cellenhance.errors import CheckpointError, DatasetError, SettingsError
from cellenhance.options import Options
from tests.docs.readme_tables import leaf_commands


def test_importing_the_package_imports_nothing_slow() -> None:
    code = (
        "import sys, cellenhance; dir(cellenhance); "
        "print([name for name in ('torch', 'numpy', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_comes_from_where_type_checkers_are_told() -> None:
    tree = ast.parse(Path(cellenhance.__file__).read_text(encoding="utf-8"))
    told = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cellenhance.")
        for alias in node.names
    }
    assert sorted(told) == sorted(set(cellenhance.__all__) - {"__version__"})
    for name, module in told.items():
        assert getattr(cellenhance, name) is getattr(import_module(str(module)), name)
    assert set(cellenhance.__all__) <= set(dir(cellenhance))


FUNCTIONS = {
    "benchmark": "benchmark",
    "compare": "compare",
    "contour-overlay": "contour_overlay",
    "dataset augment": "augment_dataset",
    "dataset camera": "measure_camera",
    "dataset degrade": "degrade_dataset",
    "dataset export": "export_dataset",
    "dataset inspect": "inspect_dataset",
    "dataset prepare": "prepare_dataset",
    "dataset split": "split_dataset",
    "dataset synthesize": "synthesize_dataset",
    "demo": "run_demo",
    "doctor": "diagnose",
    "evaluate": "evaluate_run",
    "export-translations": "export_translations",
    "models": "list_models",
    "predict": "predict",
    "pretrain": "pretrain",
    "report": "report",
    "train": "train",
    "translate": "translate",
}
"""The function of each command."""
WITHOUT_REQUEST = {"doctor", "models"}


def test_every_command_is_a_function_of_the_package() -> None:
    assert set(FUNCTIONS) == {words for words, _ in leaf_commands()}


@pytest.mark.parametrize("words", sorted(set(FUNCTIONS) - WITHOUT_REQUEST))
def test_the_function_of_a_command_takes_one_public_request(words: str) -> None:
    hints = typing.get_type_hints(getattr(cellenhance, FUNCTIONS[words]))
    request = next(iter(hints.values()))
    assert request.__name__.endswith("Request")
    assert getattr(cellenhance, request.__name__) is request


@pytest.mark.parametrize("words", sorted(set(FUNCTIONS) - WITHOUT_REQUEST))
def test_the_groups_of_a_public_request_are_public_too(words: str) -> None:
    hints = typing.get_type_hints(getattr(cellenhance, FUNCTIONS[words]))
    request = next(iter(hints.values()))
    if issubclass(request, Options):
        for field in request.model_fields.values():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Options):
                group = field.annotation
                assert getattr(cellenhance, group.__name__) is group


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = cellenhance.no_such_thing


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> cellenhance.Model:
    return cellenhance.load_model(str(tiny_run), device="cpu")


def counts(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).poisson(100, shape).astype(np.uint16)


def test_a_grey_image_gives_a_mask_and_probabilities(
    model: cellenhance.Model, tiny_run: Path
) -> None:
    image = counts(50, 61)
    found = model.predict(image)
    assert (found.mask.shape, found.mask.dtype) == ((50, 61), np.uint8)
    assert found.probabilities.shape == (len(model.classes), 50, 61)
    np.testing.assert_allclose(found.probabilities.sum(axis=0), 1, atol=1e-5)
    assert np.array_equal(found.mask, found.probabilities.argmax(axis=0))
    checkpoint = tiny_run / "checkpoints" / "best.safetensors"
    direct = load_predictor([checkpoint], choose_compute("cpu", "fp32")).predict(image[..., None])
    assert np.array_equal(found.probabilities, direct.probabilities)
    assert np.array_equal(found.mask, model.predict(image[..., None]).mask)


def test_a_prediction_says_how_sure_it_is_and_may_be_averaged_over_orientations(
    model: cellenhance.Model,
) -> None:
    image = counts(40, 56)
    found, averaged = model.predict(image), model.predict(image, tta=True)
    for each in (found, averaged):
        expected = entropy(each.probabilities, base=3, axis=0)
        np.testing.assert_allclose(each.entropy, expected, atol=1e-5)
        assert each.disagreement is not None
        assert each.disagreement.shape == (40, 56)
        assert each.disagreement.min() >= 0
    assert not np.array_equal(found.probabilities, averaged.probabilities)
    turned = model.predict(image[::-1].copy(), tta=True)
    np.testing.assert_allclose(turned.probabilities[:, ::-1], averaged.probabilities, atol=1e-5)


def test_translations_are_sigmas_of_sums(model: cellenhance.Model) -> None:
    found = model.translate(counts(50, 61))
    assert found.filters.shape == (3, 50, 61)
    assert found.sums.shape == found.enhanced.shape == (3, 50, 61, 1)
    assert found.image.shape == (50, 61, 1)
    assert found.filters.min() >= 0
    np.testing.assert_array_equal(found.sums, found.image[None] + found.filters[..., None])
    np.testing.assert_allclose(found.enhanced, 1 / (1 + np.exp(-found.sums)), atol=1e-6)


def test_facts_of_a_model(model: cellenhance.Model) -> None:
    assert model.name == "aep"
    assert model.n_channels == 1
    assert model.has_translations
    assert set(model.classes) == {"cytoplasm", "membrane", "nucleus"}


@pytest.mark.parametrize(
    ("image", "named"),
    [
        (counts(20, 20, 3), "C = 1"),
        (counts(2, 20, 20, 1), "shape"),
        (counts(0, 20), "shape"),
        (np.full((20, 20), np.nan), "finite"),
        (np.full((20, 20), "a"), "finite"),
    ],
)
def test_arrays_that_are_no_image_are_refused_in_one_line(
    model: cellenhance.Model, image: np.ndarray, named: str
) -> None:
    for method in (model.predict, model.translate):
        with pytest.raises(DatasetError, match=named) as error:
            method(image)
        assert "\n" not in str(error.value)


def test_intensities_that_training_never_saw_are_warned_of(
    model: cellenhance.Model, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="cellenhance"):
        model.predict(counts(20, 20) + np.uint16(60_000))
    assert "training saw" in caplog.text


def test_folds_predict_together_but_do_not_translate(tiny_run: Path, tmp_path: Path) -> None:
    for fold in ("fold-1", "fold-2"):
        (tmp_path / fold / "checkpoints").mkdir(parents=True)
        for name in ("run.yaml", "checkpoints/best.safetensors"):
            (tmp_path / fold / name).write_bytes((tiny_run / name).read_bytes())
    both = cellenhance.load_model(tmp_path, device="cpu")
    assert not both.has_translations
    image = counts(32, 32)
    single = cellenhance.load_model(tiny_run, device="cpu").predict(image)
    np.testing.assert_allclose(both.predict(image).probabilities, single.probabilities, atol=1e-6)
    with pytest.raises(SettingsError, match="filters of its own"):
        both.translate(image)


def test_a_path_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a run"):
        cellenhance.load_model(tmp_path)
