"""``dataset augment``: replayable copies in the dtype of the files, groups kept, a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.options import PartOptions
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split
from cellenhance.tasks.datasets.requests import SplitRequest
from cellenhance.tasks.datasets.split import split_dataset


def samples_of(path: Path) -> dict[str, Any]:
    dataset = load_dataset(path)
    return {row.id: (row, load_sample(dataset, row)) for row in dataset.samples}


def test_copies_of_every_sample_in_turn_with_group_and_dtype(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = cli("dataset", "augment", tiny_dataset, "-o", out, "--n", 19)
    assert done.exit_code == 0, done.stderr
    assert "19 copies in 8 groups written" in " ".join(done.stderr.split())
    assert (out / "contact-sheet.png").stat().st_size > 1000
    sources, copies = samples_of(tiny_dataset), samples_of(out)
    assert len(copies) == 19
    counts = dict.fromkeys(sources, 0)
    for name, (row, sample) in copies.items():
        source, number = name.rsplit("__", 1)
        counts[source] += 1
        assert int(number) == counts[source]
        before = sources[source][1]
        assert row.group == sources[source][0].group
        assert sample.image.dtype == before.image.dtype
        assert sample.image.shape == before.image.shape
        assert not np.array_equal(sample.image, before.image)
        assert set(np.unique(sample.mask)) <= set(np.unique(before.mask))
    assert sorted(counts.values()) == [2] * 5 + [3] * 3
    assert len({sample.image.tobytes() for _, sample in copies.values()}) == 19
    split_dataset(SplitRequest(dataset=out, parts=PartOptions(train=0.5, val=0.25, test=0.25)))
    table = load_split(load_dataset(out), "default")
    groups = [
        {copies[each][0].group for each in table.subset(1, subset)}
        for subset in ("train", "val", "test")
    ]
    assert sum(map(len, groups)) == len(set().union(*groups)) == 8


def test_the_same_seed_makes_the_same_set_and_another_another(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    prints = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / name
        words = ("dataset", "augment", tiny_dataset, "-o", out, "--n", 3, "--seed", seed)
        assert cli(*words).exit_code == 0
        fingerprint = load_dataset(out).description.fingerprint
        assert fingerprint is not None
        prints.append(fingerprint.content_sha256)
    assert prints[0] == prints[1] != prints[2]


def test_eight_orientations_keep_every_count(cli: Any, tiny_dataset: Path, tmp_path: Path) -> None:
    """Without any other change the copies are the exact turns and mirrors of their source."""
    out = tmp_path / "out"
    words = ("dataset", "augment", tiny_dataset, "-o", out, "--n", 32, "--subset", "train")
    done = cli(*words, "--recipe", "low-level-fusion")
    assert done.exit_code == 0, done.stderr
    chosen = load_split(load_dataset(tiny_dataset), "default").subset(1, "train")
    sources, copies = samples_of(tiny_dataset), samples_of(out)
    assert {name.rsplit("__", 1)[0] for name in copies} == set(chosen)
    for source in chosen:
        image = sources[source][1].image
        turned = [np.rot90(image, k) for k in range(4)]
        expected = {each.tobytes() for k in turned for each in (k, k[:, ::-1])}
        found = {copies[f"{source}__{k + 1:04d}"][1].image.tobytes() for k in range(8)}
        assert found == expected


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--recipe", "isbi"], 2, "did you mean 'isbi2012'?"),
        (["--set", "recipe.epochs=3"], 2, "--set recipe.epochs: has no effect here"),
        (["--set", "recipe.augmentation.flop=true"], 2, "did you mean 'flip'?"),
        (["--subset", "training"], 2, "--subset training: expected train, val or test"),
        (["--split", "folds"], 2, "--split has no effect without --subset"),
        (["--n", "0"], 2, "--n"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    cli: Any, tiny_dataset: Path, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    done = cli("dataset", "augment", tiny_dataset, "-o", tmp_path / "out", *words)
    assert done.exit_code == code, done.stderr
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_exists_is_kept(cli: Any, tiny_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for more in ((), ("--overwrite",)):
        done = cli("dataset", "augment", tiny_dataset, "-o", tmp_path, "--n", 1, *more)
        assert done.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
