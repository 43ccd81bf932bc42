"""What ``cellenhance evaluate`` writes, for runs, folds, several runs and anybody's masks."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from sklearn import metrics as oracle

from cellenhance.data.files.readers import read_image
from cellenhance.runs.stored_confusion import load_image_confusion

FILES = {
    "confusion.csv",
    "confusion.png",
    "image_confusion.csv",
    "per_image.csv",
    "summary.json",
    "table.md",
    "table.tex",
    "worst",
}


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """Return a run of one's own, without what other tests wrote into it."""
    return Path(
        shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("evaluation"))
    )


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_evaluation_is_a_folder_of_files(cli: Any, run: Path) -> None:
    done = cli("evaluate", run, "--dpi", 50)
    assert done.exit_code == 0, done.stderr
    folder = run / "evaluation" / "test"
    assert names(folder) == FILES
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["subset"], summary["fold"], summary["model"]) == ("test", 1, "aep")
    assert summary["intervals"]["n_resamples"] == 2000
    assert summary["branches"]["branch 1"]["intervals"]["seed"] == 0
    counts = [
        [int(row[name]) for name in summary["classes"]] for row in table(folder / "confusion.csv")
    ]
    matrices = load_image_confusion(folder / "image_confusion.csv")["result"].matrices
    assert counts == matrices.sum(axis=0).tolist()
    rows = table(folder / "per_image.csv")
    assert [int(row["n_px"]) + int(row["n_ignored_px"]) for row in rows] == [48 * 48] * 2
    assert all(row["group"] for row in rows)
    worst = sorted((folder / "worst").iterdir())
    assert [path.name[:2] for path in worst] == ["1-", "2-"]
    ranked = sorted(rows, key=lambda row: float(row["miou"]))
    assert [path.stem[2:] for path in worst] == [row["id"] for row in ranked]
    assert read_image(worst[0]).std() > 0


def test_the_tables_name_the_branch_that_the_validation_part_chose(cli: Any, run: Path) -> None:
    done = cli("evaluate", run, "--worst", 0)
    folder = run / "evaluation" / "test"
    summary = json.loads((folder / "summary.json").read_text())
    chosen = summary["without_ensemble"]
    found = chosen["validation_miou"]
    assert found[chosen["branch"]] == max(found.values())
    validation = json.loads(cli("evaluate", run, "--subset", "val", "--json").stdout)
    for name, value in found.items():
        assert validation["branches"][name]["pooled"]["miou"] == value
    assert "without_ensemble" not in validation
    row = f"without ensemble ({chosen['branch']}, chosen on val)"
    for text in (done.stdout, *((folder / f"table.{kind}").read_text() for kind in ("md", "tex"))):
        for words in (row, "ensemble, learned weights (the result)", "ensemble, fixed weights"):
            assert words in " ".join(text.split()), words
    assert not (folder / "worst").exists()


def test_files_of_a_former_evaluation_do_not_stay(cli: Any, run: Path) -> None:
    folder = run / "evaluation" / "test"
    words = ("--threshold-metric", "iou", "--format", "svg", "--format", "pdf", "--worst", 1)
    assert cli("evaluate", run, *words).exit_code == 0
    assert {path.suffix for path in (folder / "worst").iterdir()} == {".svg", ".pdf"}
    assert names(folder) >= {"threshold_sweep.csv", "confusion.svg", "confusion.pdf"}
    assert cli("evaluate", run, "--worst", 0).exit_code == 0
    assert names(folder) == FILES - {"worst"}


def test_a_report_leaves_the_files_of_an_evaluation_alone(cli: Any, run: Path) -> None:
    assert cli("evaluate", run, "--metrics", "hd95", "--worst", 0).exit_code == 0
    folder = run / "evaluation" / "test"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert cli("report", run).exit_code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_metrics_and_thresholds_are_shown_and_written(cli: Any, run: Path) -> None:
    words = ("--metrics", "hd95,pq,roc-auc,ece", "--threshold-metric", "dice")
    done = cli("evaluate", run, *words, "--pixel-size", 0.5, "--worst", 0)
    assert done.exit_code == 0, done.stderr
    folder = run / "evaluation" / "test"
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary["metrics"]) == [
        "hausdorff_95",
        "panoptic_quality",
        "roc_auc",
        "calibration_error",
        "hausdorff_95_um",
    ]
    assert summary["metrics"]["hausdorff_95"]["unit"] == "px"
    assert summary["threshold"]["chosen_on"] == "val"
    assert set(summary["threshold"]["classes"]) == {"membrane", "nucleus"}
    assert len(table(folder / "threshold_sweep.csv")) == 2 * 19
    rows = table(folder / "per_image.csv")
    assert {"roc_auc_nucleus", "calibration_error", "dice_membrane_at_threshold"} <= set(rows[0])
    for word in ("roc_auc", "threshold", "calibration_error", "[low, high]"):
        assert word in done.stdout + done.stderr
        assert (
            word.replace("_", "\\_") in (folder / "table.md").read_text() or word == "[low, high]"
        )


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--metrics", "beauty"], 2, "there is no metric 'beauty'"),
        (["--threshold-metric", "roc-auc"], 2, "a threshold makes a mask"),
        (["--threshold-metric", "iou", "--subset", "val"], 2, "never on the images scored"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_computed_is_refused_before_work(
    cli: Any, run: Path, words: list[str], code: int, message: str
) -> None:
    done = cli("evaluate", run, *words)
    assert done.exit_code == code, done.stderr
    assert message in done.stderr
    assert not (run / "evaluation").exists()


def test_thresholds_need_a_validation_part(
    cli: Any, run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_dataset, other)
    split = other / "splits" / "default.csv"
    split.write_text(split.read_text().replace(",val\n", ",train\n"))
    done = cli("evaluate", run, "--dataset", other, "--threshold-metric", "iou")
    assert done.exit_code == 2
    assert "has no validation part to choose a threshold on" in done.stderr
    done = cli("evaluate", run, "--dataset", other, "--json")
    assert done.exit_code == 0, done.stderr
    assert "no branch was chosen" in done.stderr
    assert "without_ensemble" not in json.loads(done.stdout)


def test_folds_are_a_table_of_means(cli: Any, run: Path, tmp_path: Path) -> None:
    cv = tmp_path / "cv"
    for fold in ("fold-1", "fold-2"):
        shutil.copytree(run, cv / fold)
    done = cli("evaluate", cv, "--worst", 0)
    assert done.exit_code == 0, done.stderr
    for words in ("population standard deviation over 2 folds", "± 0.00", "branch 2"):
        assert words in " ".join(done.stdout.split()), words
    folder = cv / "evaluation" / "test"
    assert names(folder) == {"summary.json", "table.md", "table.tex"}
    assert list(json.loads((folder / "summary.json").read_text())["folds"]) == ["fold-1", "fold-2"]
    assert names(cv / "fold-2" / "evaluation" / "test") == FILES - {"worst"}


def test_several_runs_are_one_table(cli: Any, run: Path, tmp_path: Path) -> None:
    other, out = tmp_path / "other", tmp_path / "out"
    shutil.copytree(run, other)
    words = ("evaluate", run, other, "-o", out, "--worst", 0)
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    assert names(out) == {"summary.json", "table.md", "table.tex", "run", "other"}
    rows = (out / "table.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in rows if line.startswith(("| run", "| other"))] == [
        "| run",
        "| other",
    ] * 2
    assert not (run / "evaluation").exists()
    refused = cli(*words)
    assert refused.exit_code == 2
    assert "give --overwrite or another -o" in refused.stderr
    assert cli(*words, "--overwrite").exit_code == 0
    twice = cli("evaluate", run, run)
    assert twice.exit_code == 2
    assert "is given twice" in twice.stderr


def test_masks_of_anybody_give_the_numbers_of_another_library(cli: Any, tmp_path: Path) -> None:
    """255 is a class like any other here, and 7 marks what does not count."""
    rng = np.random.default_rng(8)
    values, truths, masks = np.array([0, 3, 255], np.uint8), [], []
    for index in range(4):
        truth = rng.choice(np.array([0, 3, 255, 7], np.uint8), (40, 30 + index))
        mask = rng.choice(values, truth.shape)
        mask[truth == 3] = 3 if index == 0 else mask[truth == 3]
        for folder, array in (("truth", truth), ("theirs", mask)):
            (tmp_path / folder).mkdir(exist_ok=True)
            iio.imwrite(tmp_path / folder / f"{index}.png", array)
        truths.append(truth[truth != 7])
        masks.append(mask[truth != 7])
    words = ("--predictions", tmp_path / "theirs", "--truth", tmp_path / "truth", "--ignore", 7)
    done = cli("evaluate", *words, "-o", tmp_path / "out", "--metrics", "boundary-f1", "--dpi", 50)
    assert done.exit_code == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["classes"] == ["0", "3", "255"]
    truth, mask = np.concatenate(truths), np.concatenate(masks)
    counts = [
        [int(row[name]) for name in ("0", "3", "255")]
        for row in table(tmp_path / "out" / "confusion.csv")
    ]
    assert counts == oracle.confusion_matrix(truth, mask, labels=values).tolist()
    assert summary["n_ignored_pixels"] == sum(40 * (30 + i) for i in range(4)) - truth.size
    for average, scores in (
        ("pooled", [(truth, mask)]),
        ("per_image_mean", [*zip(truths, masks, strict=True)]),
    ):
        for name, score in (
            ("iou", oracle.jaccard_score),
            ("dice", oracle.f1_score),
            ("precision", oracle.precision_score),
            ("recall", oracle.recall_score),
        ):
            expected = np.mean([score(*each, labels=values, average=None) for each in scores], 0)
            found = list(summary[average][name].values())
            assert found == pytest.approx(expected, abs=1e-12, rel=0), (average, name)
        accuracy = np.mean([oracle.accuracy_score(*each) for each in scores])
        assert summary[average]["accuracy"] == pytest.approx(accuracy, abs=1e-12, rel=0)
    assert names(tmp_path / "out") == FILES
    assert len(names(tmp_path / "out" / "worst")) == 4
    assert "boundary_f1" in summary["metrics"]


def test_without_an_output_masks_write_nothing(cli: Any, tmp_path: Path) -> None:
    for folder in ("truth", "theirs"):
        (tmp_path / folder).mkdir()
        iio.imwrite(tmp_path / folder / "a.png", np.eye(9, dtype=np.uint8))
    words = ("evaluate", "--predictions", tmp_path / "theirs", "--truth", tmp_path / "truth")
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    assert "no intervals: 1 image say" in done.stderr
    assert names(tmp_path) == {"truth", "theirs"}
    refused = cli(*words, "--metrics", "roc-auc")
    assert refused.exit_code == 2
    assert "needs probabilities, which masks do not have" in refused.stderr
    refused = cli(*words, "--threshold-metric", "iou")
    assert "--threshold-metric belongs to a RUN" in refused.stderr
    for option in (("--tta",), ("--tile", 64), ("--precision", "bf16"), ("--device", "cpu")):
        refused = cli(*words, *option)
        assert refused.exit_code == 2
        assert f"{option[0]} belongs to a RUN" in refused.stderr


def test_masks_of_a_dataset_are_grouped_and_shown_with_their_images(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_dataset / "masks", tmp_path / "theirs")
    words = ("--predictions", tmp_path / "theirs", "--truth", tiny_dataset / "masks")
    done = cli("evaluate", *words, "-o", tmp_path / "out", "--worst", 1, "--dpi", 60)
    assert done.exit_code == 0, done.stderr
    rows = table(tmp_path / "out" / "per_image.csv")
    known = {row["id"]: row["group"] for row in table(tiny_dataset / "samples.csv")}
    assert {row["id"]: row["group"] for row in rows} == known
    [panel] = (tmp_path / "out" / "worst").iterdir()
    height, width = read_image(panel).shape[:2]
    assert width / height > 2  # four panels side by side, not three


def test_predictions_of_a_part_are_scored_when_the_rest_is_left_out_aloud(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    first = sorted((tiny_dataset / "masks").iterdir())[0]
    (tmp_path / "theirs").mkdir()
    shutil.copy(first, tmp_path / "theirs")
    words = ("--predictions", tmp_path / "theirs", "--truth", tiny_dataset / "masks", "--json")
    refused = cli("evaluate", *words)
    assert refused.exit_code == 3
    assert "or leave them out with --skip-unmatched" in refused.stderr
    done = cli("evaluate", *words, "--skip-unmatched")
    assert done.exit_code == 0, done.stderr
    assert "left out: 7 in" in done.stderr
    assert json.loads(done.stdout)["n_images"] == 1
