"""``compare`` as a user runs it: runs and masks side by side, scores, grids, and refusals."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio.v3 import imread, imwrite

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.files.writers import write_mask
from cellenhance.tasks.evaluate.predictions import evaluate_predictions
from cellenhance.tasks.evaluate.requests import EvaluatePredictionsRequest

SMALL = ("--dpi", "60", "--width-mm", "120")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Three images with truth, and two programs: one right, one off by 0, 2 and 4 pixels."""
    for index, name in enumerate("abc"):
        truth = np.zeros((100, 120), np.uint8)
        truth[20:60, 30:80] = 1
        masks = {"truth": truth, "right": truth, "off": np.roll(truth, 2 * index, axis=1)}
        for kind, mask in masks.items():
            (tmp_path / kind).mkdir(exist_ok=True)
            write_mask(tmp_path / kind / f"{name}.tif", mask)
        (tmp_path / "images").mkdir(exist_ok=True)
        imwrite(tmp_path / "images" / f"{name}.png", (30 + 100 * truth).astype(np.uint8))
    return tmp_path


def both(lab: Path, *words: object) -> tuple[object, ...]:
    masks = ("--masks", f"one={lab / 'right'}", "--masks", f"other={lab / 'off'}")
    return ("compare", lab / "images", *masks, "-o", lab / "out", *SMALL, *words)


def fails(done: Any, code: int) -> str:
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return str(done.stderr.splitlines()[-1])


def test_without_truth_it_is_said_that_there_are_no_scores(cli: Any, lab: Path) -> None:
    done = cli(*both(lab))
    assert done.exit_code == 0, done.output
    assert "3 of 3 images without a true mask, so without scores" in done.stderr
    assert not (lab / "out" / "scores.csv").exists()
    assert "no true mask" not in cli(*both(lab, "--truth", lab / "truth", "--overwrite")).stderr


def test_masks_of_others_are_scored_like_evaluate_does(cli: Any, lab: Path) -> None:
    done = cli(*both(lab, "--truth", lab / "truth", "--json"))
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["models"] == ["one", "other"]
    assert [len(each["figures"]) for each in result["images"]] == [1, 1, 1]
    expected = evaluate_predictions(
        EvaluatePredictionsRequest(predictions=lab / "off", truth=lab / "truth")
    ).scores
    for each, image in zip(result["images"], expected.images, strict=True):
        assert each["image"] == image.id
        assert each["scores"]["one"]["miou"] == 1
        assert each["scores"]["other"] == image.scores.to_json()
    with (lab / "out" / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["model"]) for row in rows[:2]] == [("a", "one"), ("a", "other")]
    assert float(rows[5]["iou_1"]) == expected.images[2].scores.iou["1"]
    assert imread(lab / "out" / "comparisons" / "a.png").shape[1] == round(120 / 25.4 * 60)


def test_without_truth_there_are_figures_and_no_scores(cli: Any, lab: Path) -> None:
    done = cli(*both(lab, "--format", "svg", "--insets", 1))
    assert done.exit_code == 0, done.output
    assert (lab / "out" / "comparisons" / "c.svg").is_file()
    assert not (lab / "out" / "scores.csv").exists()
    assert done.stderr.splitlines()[-1] == f"3 written to {lab / 'out'}"


def test_a_grid_is_one_figure_of_the_images_asked_for(cli: Any, lab: Path) -> None:
    words = ("--truth", lab / "truth", "--grid", "best,worst", "--format", "pdf")
    done = cli(*both(lab, *words, "--json"))
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert [Path(path).name for path in result["grid"]] == ["grid.pdf"]
    assert not (lab / "out" / "comparisons").exists()
    assert done.stderr.splitlines()[-1] == f"1 written to {lab / 'out'}"


def test_a_grid_ranks_by_the_mean_iou_of_all_models() -> None:
    from cellenhance.metrics.scores import OverlapScores
    from cellenhance.tasks.compare.compare import _pick
    from cellenhance.tasks.compare.records import ComparedImage

    def scored(name: str, *hits: int) -> ComparedImage:
        matrices = [np.array([[hit, 10 - hit], [0, 10]]) for hit in hits]
        scores = [OverlapScores.from_matrix(["x", "y"], matrix) for matrix in matrices]
        return ComparedImage(name, (), "", dict(zip("AB", scores, strict=False)))

    images = [scored("low", 1, 2), scored("mixed", 9, 1), scored("top", 9, 8)]
    assert _pick(images, ("worst", "median", "best")) == {
        "low": ["worst"],
        "mixed": ["median"],
        "top": ["best"],
    }
    assert _pick(images[:1], ("best", "worst")) == {"low": ["best", "worst"]}


def test_runs_and_the_truth_of_their_dataset(
    cli: Any, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    dataset = load_dataset(tiny_dataset)
    image = tiny_dataset / dataset.samples[0].image
    words = ("--masks", f"perfect={tiny_dataset / 'masks'}", "-o", tmp_path, *SMALL, "--json")
    done = cli("compare", tiny_run, image, *words)
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["models"] == [tiny_run.name, "perfect"]
    assert tuple(result["classes"]) == dataset.class_names
    [only] = result["images"]
    assert only["scores"]["perfect"]["miou"] == 1
    predicted = tmp_path / "predicted"
    assert cli("predict", tiny_run, image, "-o", predicted).exit_code == 0
    truth = tmp_path / "truth"
    truth.mkdir()
    (truth / image.name).write_bytes((tiny_dataset / dataset.samples[0].mask).read_bytes())
    classes = tuple(f"{name}={index}" for index, name in enumerate(dataset.class_names))
    request = EvaluatePredictionsRequest(
        predictions=predicted / "masks", truth=truth, classes=classes
    )
    expected = evaluate_predictions(request).scores.images[0].scores
    assert only["scores"][tiny_run.name] == expected.to_json()


def test_runs_of_equal_names_get_their_parents(
    cli: Any, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    import shutil

    copies = [tmp_path / "first" / "aep", tmp_path / "second" / "aep"]
    for copy in copies:
        shutil.copytree(tiny_run, copy)
    image = tiny_dataset / load_dataset(tiny_dataset).samples[0].image
    done = cli("compare", *copies, image, "-o", tmp_path / "out", *SMALL, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["models"] == ["first/aep", "second/aep"]
    line = fails(cli("compare", copies[0], copies[0], image, "-o", tmp_path / "x"), 2)
    assert "is given twice" in line


def test_classes_of_other_names_than_the_runs_are_refused(
    cli: Any, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    image = tiny_dataset / load_dataset(tiny_dataset).samples[0].image
    words = ("--masks", f"x={tiny_dataset / 'masks'}", "--class", "a=0", "-o", tmp_path / "out")
    assert "expected the classes of the runs" in fails(cli("compare", tiny_run, image, *words), 2)


def test_existing_outputs_need_overwrite(cli: Any, lab: Path) -> None:
    assert cli(*both(lab)).exit_code == 0
    assert "exists already; give --overwrite" in fails(cli(*both(lab)), 2)
    assert cli(*both(lab, "--overwrite")).exit_code == 0


def test_a_folder_without_a_mask_for_an_image_names_it(cli: Any, lab: Path) -> None:
    (lab / "off" / "b.tif").unlink()
    line = fails(cli(*both(lab)), 3)
    assert f"{lab / 'off'}: has no mask for b" in line
    assert not (lab / "out").exists()


def test_an_image_that_fails_does_not_stop_the_others(cli: Any, lab: Path) -> None:
    write_mask(lab / "off" / "b.tif", np.zeros((9, 9), np.uint8))
    done = cli(*both(lab, "--truth", lab / "truth"))
    assert "2 written, 1 failed" in fails(done, 4)
    assert "b.tif is 9 x 9 pixels, but its image" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--grid", "best"), 2, "3 of 3 have no true mask; give --truth DIR"),
        (("--grid", "first"), 2, "--grid first: expected some of best, median, worst"),
        (("--masks", "one=elsewhere"), 2, "the name is taken"),
        (("--masks", "nameless"), 2, "expected NAME=DIR"),
        (("--masks", "third=nowhere"), 3, "there is no such file or folder"),
        (("--width-mm", "40"), 2, "give at least --width-mm"),
    ],
)
def test_options_that_do_not_fit(
    cli: Any, lab: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    if "--width-mm" in words:
        words = (*words, *(f"--masks=m{n}={lab / 'off'}" for n in range(3)))
    assert message in fails(cli(*both(lab, *words)), code)


def test_nothing_to_compare(cli: Any, lab: Path) -> None:
    line = fails(cli("compare", lab / "images", "-o", lab / "out"), 2)
    assert "no run given" in line
