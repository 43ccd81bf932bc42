"""What a run writes after its epochs; by a clock that the test turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellenhance.engine.training.records import EpochReport
from cellenhance.runs.folder import RunFolder, read_record
from cellenhance.tasks.train import log
from cellenhance.tasks.train.log import RunLog


def test_curves_are_drawn_now_and_then_and_at_the_end(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(log, "draw_curves", lambda rows: drawn.append(len(rows)))
    monkeypatch.setattr(log, "save_figure", lambda *_: None)
    now = [0.0]
    folder, record = RunFolder(tmp_path), read_record(RunFolder(tiny_run))
    with RunLog(folder, record, lambda _: None, lambda: now[0]) as write:
        for epoch in range(1, 8):
            write(EpochReport(epoch, 9, 0.1, {"total": 1.0}, None, False, 1.0, 0.0, 4))
            now[0] += 8
        # At 0, 24 and 48 seconds, when 1, 4 and 7 epochs were done.
        assert drawn == [1, 4, 7]
        write(EpochReport(8, 9, 0.1, {"total": 1.0}, None, False, 1.0, 0.0, 4))
        assert drawn == [1, 4, 7]
    assert drawn == [1, 4, 7, 8]
