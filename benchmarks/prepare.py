"""Seconds and memory that `dataset prepare` needs for many small images.

    OMP_NUM_THREADS=1 python benchmarks/prepare.py [--images 10000] [--side 64]

Makes the source in a temporary folder, prepares it in a process of its own, as a user would, and
prints seconds, images a second, and the most memory of that process above an empty command's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imagecodecs
import numpy as np

WORDS = ("--class", "background=0", "--class", "cell=255")


def make_source(root: Path, n_images: int, side: int) -> None:
    """Write pairs of 16-bit images and 0/255 masks, 1000 a subfolder."""
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(side), np.arange(side))
    for index in range(n_images):
        image = rng.poisson(100 + ramp + index % 50).astype(np.uint16)
        mask = np.where(ramp > side + index % 7, 255, 0).astype(np.uint8)
        for folder, pixels in (("images", image), ("masks", mask)):
            path = root / folder / f"plate{index // 1000}" / f"well{index:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(imagecodecs.png_encode(pixels, level=1))


def run(*words: str | Path) -> tuple[float, float]:
    """Run a command; return its seconds and its most memory in MiB."""
    started = time.perf_counter()
    command = [sys.executable, "-c", PEAK, *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - started, float(done.stdout.splitlines()[-1]) / 1024


PEAK = """
import resource, sys
from cellenhance.cli.app import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    if end.code:
        raise
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=64)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        make_source(root / "few", 4, given.side)
        make_source(root / "many", given.images, given.side)
        _, least = run("dataset", "prepare", root / "few", "-o", root / "a", *WORDS, "-q")
        seconds, most = run("dataset", "prepare", root / "many", "-o", root / "b", *WORDS, "-q")
        print(f"{given.images} pairs of {given.side} x {given.side} px")
        print(f"prepare   {seconds:7.1f} s  {given.images / seconds:6.0f} images/s")
        print(f"memory    {most:7.0f} MiB, {most - least:.0f} MiB above 4 images")


if __name__ == "__main__":
    main()
