"""Run folders: what counts as a run, the tables cut back to the last checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellenhance.errors import CheckpointError
from cellenhance.runs import folder as run_folder
from cellenhance.runs.folder import RunFolder


def make_run(root: Path, *, best: bool = True) -> Path:
    (root / "checkpoints").mkdir(parents=True)
    (root / "run.yaml").write_text("{}\n")
    if best:
        (root / "checkpoints" / "best.safetensors").touch()
    return root


def test_rows_are_appended_under_one_header(tmp_path: Path) -> None:
    path = tmp_path / "new" / "metrics.csv"
    run_folder.append_row(path, {"epoch": 1, "loss": 0.1 + 0.2})
    run_folder.append_row(path, {"epoch": 2, "loss": 0.5})
    assert path.read_text() == "epoch,loss\n1,0.30000000000000004\n2,0.5\n"
    assert run_folder.read_table(path)[1] == {"epoch": "2", "loss": "0.5"}
    assert run_folder.read_table(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    "tail",
    ["3,0.4,1\n", "3,0.4,1\n4,0.3,1\n", "3,0.", "3", "3,0.4,1\n4", ",,\n"],
    ids=[
        "a row too many",
        "two rows",
        "cut in a value",
        "cut early",
        "a row and a cut one",
        "empty",
    ],
)
def test_the_table_is_cut_back_to_the_checkpoint(tmp_path: Path, tail: str) -> None:
    kept = "epoch,loss,is_best\n1,0.9,1\n2,0.5,1\n"
    path = tmp_path / "metrics.csv"
    path.write_text(kept + tail)
    run_folder.cut_back(path, 2)
    assert path.read_text() == kept
    run_folder.append_row(path, {"epoch": 3, "loss": 0.25, "is_best": 0})
    assert path.read_text() == kept + "3,0.25,0\n"


def test_a_table_cut_back_to_nothing_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,loss\n1,0.9\n")
    run_folder.cut_back(path, 0)
    run_folder.append_row(path, {"epoch": 1, "loss": 0.8})
    assert path.read_text() == "epoch,loss\n1,0.8\n"


@pytest.mark.parametrize("content", ["", "epo", "epoch,lo", "epoch,loss"])
def test_a_header_cut_short_is_written_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(content)
    run_folder.cut_back(path, 0)
    run_folder.append_row(path, {"epoch": 1, "loss": 0.8})
    assert path.read_text() == "epoch,loss\n1,0.8\n"


def test_a_table_that_is_not_there_is_left_alone(tmp_path: Path) -> None:
    run_folder.cut_back(tmp_path / "metrics.csv", 2)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_folds_is_all_its_runs_in_order(tmp_path: Path) -> None:
    for fold in (10, 2, 1):
        make_run(tmp_path / f"fold-{fold}")
    (tmp_path / "fold-3").mkdir()
    assert run_folder.is_run(tmp_path)
    assert [path.parent.parent.name for path in run_folder.checkpoints_of(tmp_path)] == [
        "fold-1",
        "fold-2",
        "fold-10",
    ]


def test_what_is_a_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    checkpoint = run / "checkpoints" / "best.safetensors"
    assert run_folder.is_run(run)
    assert run_folder.is_run(checkpoint)
    assert run_folder.checkpoints_of(checkpoint) == [checkpoint]
    for other in (tmp_path, tmp_path / "none", tmp_path / "none.safetensors"):
        assert not run_folder.is_run(other)
        with pytest.raises(CheckpointError, match=other.name):
            run_folder.checkpoints_of(other)


def test_a_run_before_its_first_checkpoint_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", best=False)
    with pytest.raises(CheckpointError, match="did not finish its first epoch"):
        run_folder.checkpoints_of(run)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!!python/object/apply:os.getcwd []", "is not plain YAML"),
        ("a: [", "is not plain YAML"),
        ("- 1", "expected a mapping, found list"),
        ("nonsense: 1", "run.yaml"),
        (None, "cannot be read"),
    ],
)
def test_a_record_that_does_not_fit_is_one_error(
    tmp_path: Path, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        run_folder.read_record(RunFolder(tmp_path))


def test_a_record_that_is_no_text_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(CheckpointError, match=r"run\.yaml"):
        run_folder.read_record(RunFolder(tmp_path))
