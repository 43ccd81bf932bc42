"""What is written is read again, value by value."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellenhance.data.files.readers import open_image, read_image, read_mask
from cellenhance.data.files.writers import write_image, write_mask
from cellenhance.errors import ImageReadError

DTYPES = st.sampled_from([np.uint8, np.uint16, np.int16, np.uint32, np.float32, np.float64])


def shapes(n_max: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, n_max))


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    dtype = draw(DTYPES)
    finite: dict[str, Any] = {}
    if np.dtype(dtype).kind == "f":
        finite = {"allow_nan": False, "allow_infinity": False}
    return draw(
        hnp.arrays(dtype, draw(shapes(5)), elements=hnp.from_dtype(np.dtype(dtype), **finite))
    )


@settings(max_examples=60, deadline=None)
@given(images())
def test_images_survive_bit_for_bit(image: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        write_image(path, image)
        again = read_image(path)
        assert again.dtype == image.dtype
        np.testing.assert_array_equal(again, image)
        with open_image(path) as source:
            region = source.read_region(0, slice(1, 9), slice(2, 11))
        np.testing.assert_array_equal(region, image[1:9, 2:11])


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 50), st.integers(1, 50))))
def test_masks_survive_bit_for_bit(mask: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_mask(Path(folder) / "m.tif", mask)
        np.testing.assert_array_equal(read_mask(Path(folder) / "m.tif"), mask)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damaged_tiffs_read_or_raise_our_error(data: st.DataObject) -> None:
    """Any byte of a small TIFF changed, any tail cut: never another exception."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        write_image(path, np.arange(200, dtype=np.uint16).reshape(10, 20, 1))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
        message = None
        try:
            image = read_image(path)
        except ImageReadError as error:
            message = str(error)
        assert image.ndim == 3 if message is None else str(path) in message
