"""Speed as ratios to the published program's way of working, measured in the same run.

The reference computes in float32 with channels first, calls network 2 once per translation, and
counts with scikit-learn. ``python benchmarks/speed.py`` prints Markdown; nothing is asserted.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import confusion_matrix as their_confusion
from torch import nn

from cellenhance.catalog import load_catalog
from cellenhance.engine.checkpoints import fold_batch_norm
from cellenhance.engine.device import choose_compute
from cellenhance.losses.objective import compute_objective
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.networks.blocks import Dropout, SegmentationNetwork
from cellenhance.networks.registry import build_network
from cellenhance.texts import counted

SIDE, CLASSES = 256, 2


def main() -> None:
    """Measure everything and print the table."""
    compute = choose_compute("cpu")
    threads = counted(torch.get_num_threads(), "thread")
    print(f"{threads}, {compute.reason}, torch {torch.__version__}\n")
    print("| what | reference | ours | ratio |\n|---|--:|--:|--:|")
    for batch in (1, 8):
        row(f"prediction, batch {batch}, s an image", *prediction(batch))
    for name, label in (("aep-code", "dropout 0.5"), ("aep", "no dropout")):
        row(f"training step, {label}, batch 8, s", *training(name))
    row("confusion matrix, 1024 x 1024, 3 classes, s", *confusion())
    flops = 2 * 2048**3
    square = torch.rand(2048, 2048, dtype=torch.bfloat16)
    product = clock(lambda: square @ square)
    network = build_network(load_catalog().resolve("aep"), 1, CLASSES).eval()
    ours = clock(fast_prediction(network, torch.rand(1, 1, SIDE, SIDE)))
    share = (19.553845248e9 / ours) / (flops / product)
    print(f"\nPrediction runs at {100 * share:.0f} % of the rate of a bf16 product of 2048^3.")
    print(f"`cellenhance --help` takes {help_seconds():.2f} s.")


def row(what: str, reference: float, ours: float) -> None:
    """Print one line of the table."""
    print(f"| {what} | {reference:.4f} | {ours:.4f} | {reference / ours:.1f} |", flush=True)


def clock(work: Callable[[], object], repeats: int = 7) -> float:
    """Return the median seconds of a call after two warm-ups."""
    work()
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def fast_prediction(network: SegmentationNetwork, image: torch.Tensor) -> Callable[[], object]:
    """Return our way: folded, channels last, bf16 inside, one image at a time."""
    folded = fold_batch_norm(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run() -> None:
        with torch.inference_mode(), choose_compute("cpu").autocast():
            for each in image.split(1):
                folded(each)

    return run


def prediction(batch: int) -> tuple[float, float]:
    """Return seconds an image of the reference and of ours."""
    network = build_network(load_catalog().resolve("aep"), 1, CLASSES).eval()
    image = torch.rand(batch, 1, SIDE, SIDE)

    def reference() -> None:
        with torch.inference_mode():
            network(image)

    return clock(reference) / batch, clock(fast_prediction(network, image)) / batch


class _TheirDropout(nn.Module):
    """The framework's dropout, as the published program has it."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(x, self.probability, self.training)


def training(name: str) -> tuple[float, float]:
    """Return seconds a step of the reference (dropout 0.5) and of the entry `name`, as we train."""
    theirs = build_network(load_catalog().resolve("aep-code"), 1, CLASSES).train()
    for module in theirs.modules():
        for child, layer in module.named_children():
            if isinstance(layer, Dropout):
                setattr(module, child, _TheirDropout(layer.probability))
    ours = build_network(load_catalog().resolve(name), 1, CLASSES).train()
    ours = ours.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    compute = choose_compute("cpu")
    plain = step(theirs, choose_compute("cpu", "fp32").autocast)
    return clock(plain, 3), clock(step(ours, compute.autocast), 3)


def step(network: SegmentationNetwork, autocast: Callable[[], object]) -> Callable[[], object]:
    """Return one step of Adam on a batch of 8."""
    image, mask = torch.rand(8, 1, SIDE, SIDE), torch.randint(0, CLASSES, (8, SIDE, SIDE))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def run() -> None:
        with autocast():  # type: ignore[attr-defined]
            output = network(image)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(compute_objective(output, mask, network.branch_names).total)
        optimizer.step()

    return run


def confusion() -> tuple[float, float]:
    """Return seconds of scikit-learn (int64, as argmax gives it) and of ours (uint8)."""
    rng = np.random.default_rng(0)
    truth, prediction_ = (rng.integers(0, 3, (1024, 1024)) for _ in range(2))
    small = [each.astype(np.uint8) for each in (truth, prediction_)]
    theirs = clock(lambda: their_confusion(truth.ravel(), prediction_.ravel()), 3)
    return theirs, clock(lambda: confusion_matrix(*small, 3))


def help_seconds() -> float:
    """Return the wall time of --help as a whole process."""
    command = [sys.executable, "-m", "cellenhance", "--help"]
    return clock(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True), 5)


if __name__ == "__main__":
    main()
