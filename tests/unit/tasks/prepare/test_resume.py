"""An interrupted preparation goes on where it stopped, and ends as an uninterrupted one."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from cellenhance.data.dataset import unfinished
from cellenhance.data.files import storage
from cellenhance.data.files.writers import write_image, write_mask
from cellenhance.errors import DatasetError
from cellenhance.tasks.prepare.prepare import prepare_dataset
from cellenhance.tasks.prepare.requests import PrepareRequest

N_IMAGES = 5


@pytest.fixture
def request_(tmp_path: Path) -> PrepareRequest:
    rng = np.random.default_rng(1)
    for index in range(N_IMAGES):
        image = rng.integers(0, 999, (40, 40, 1), dtype=np.uint16)
        write_image(tmp_path / "lab" / "images" / f"c{index}.tif", image)
        write_mask(tmp_path / "lab" / "masks" / f"c{index}.tif", (image[..., 0] > 500).astype("u1"))
    return PrepareRequest(
        source=tmp_path / "lab", output=tmp_path / "set", classes=("rest=0", "cell=1")
    )


def stop_after(n_images: int) -> object:
    def progress(done: int, total: int, what: str) -> None:  # noqa: ARG001
        if what == "writing" and done == n_images:
            raise KeyboardInterrupt

    return progress


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def interrupt(request: PrepareRequest, n_images: int = 3) -> Path:
    """Stop a preparation by Ctrl-C; return what it leaves."""
    with pytest.raises(KeyboardInterrupt):
        prepare_dataset(request, stop_after(n_images))  # type: ignore[arg-type]
    assert not request.output.exists()
    [left] = [each for each in request.output.parent.iterdir() if each.name.startswith(".set.")]
    return left


def taken_over(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if "reused" in each.getMessage()]


@pytest.fixture
def straight(request_: PrepareRequest) -> dict[str, bytes]:
    other = request_.model_copy(
        update={"output": request_.output.parent / "straight", "name": "lab"}
    )
    prepare_dataset(other)
    return contents(other.output)


def test_the_next_run_takes_over_what_was_finished(
    request_: PrepareRequest, straight: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cellenhance")
    interrupt(request_)
    assert "3 of 5 images kept; the same command goes on from there" in caplog.text
    prepare_dataset(request_)
    assert taken_over(caplog) == ["3 of 5 images reused from an interrupted run"]
    assert contents(request_.output) == straight
    assert sorted(each.name for each in request_.output.parent.iterdir()) == [
        "lab",
        "set",
        "straight",
    ]


def test_damaged_files_are_written_anew(
    request_: PrepareRequest, straight: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cellenhance")
    left = interrupt(request_)
    whole = (left / "images" / "c0.tif").read_bytes()
    (left / "images" / "c0.tif").write_bytes(whole[: len(whole) // 2])
    other = np.zeros((40, 40), np.uint8)
    write_mask(left / "masks" / "c1.tif", other)
    with (left / unfinished.JOURNAL_FILE).open("a") as file:
        file.write('{"key": "half a line')
    prepare_dataset(request_)
    assert taken_over(caplog) == ["1 of 5 images reused from an interrupted run"]
    assert contents(request_.output) == straight


def test_a_changed_source_is_noticed(
    request_: PrepareRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cellenhance")
    interrupt(request_)
    changed = np.full((40, 40, 1), 7, np.uint16)
    write_image(request_.source / "images" / "c0.tif", changed)
    prepare_dataset(request_)
    assert taken_over(caplog).pop() == "2 of 5 images reused from an interrupted run"


def test_other_options_take_nothing_over(
    request_: PrepareRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cellenhance")
    interrupt(request_)
    prepare_dataset(request_.model_copy(update={"tile": 32}))
    assert taken_over(caplog) == ["0 of 5 images reused from an interrupted run"]
    names = {Path(name).stem for name in contents(request_.output / "images")}
    assert names == {f"c{i}_r{r:03d}_c{c:03d}" for i in range(5) for r in (0, 1) for c in (0, 1)}


def test_an_error_leaves_nothing(request_: PrepareRequest) -> None:
    def progress(done: int, total: int, what: str) -> None:  # noqa: ARG001
        if what == "writing" and done == 2:
            raise DatasetError("as a file that vanished would")

    with pytest.raises(DatasetError):
        prepare_dataset(request_, progress)
    assert [each.name for each in request_.output.parent.iterdir()] == ["lab"]


def test_what_a_living_process_or_another_machine_writes_is_left_alone(
    request_: PrepareRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = interrupt(request_)
    alive = left.with_name(left.name.replace(str(os.getpid()), str(os.getppid())))
    left.rename(alive)
    assert unfinished.find_unfinished(request_.output) is None
    left = alive.rename(left)
    monkeypatch.setattr(storage, "_host", lambda: "abcdef")
    assert unfinished.find_unfinished(request_.output) is None
    monkeypatch.undo()
    assert unfinished.find_unfinished(request_.output) == left
