"""The kinds in docs/reference/world.md, made from the code: ``python -m tests.docs.world_page``.

Without arguments it rewrites the page and its pictures; a test holds the page equal.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.manifest import class_color
from cellenhance.data.world.recording import WorldSettings, record_scene
from cellenhance.data.world.registry import KINDS, draw_scene
from cellenhance.data.world.scene import Kind

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "reference" / "world.md"
PICTURES = DOCS / "images" / "world"
BEGIN, END = "<!-- kinds begin -->", "<!-- kinds end -->"
_SIDE_PX, _GAP_PX, _N_SCENES = 200, 3, 3
_SEED = 4


def kinds() -> str:
    """Return the Markdown between the markers."""
    return "\n" + "\n".join(_section(kind) for kind in KINDS.values())


def written() -> str:
    """Return what the page has between the markers."""
    text = PAGE.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def _section(kind: Kind) -> str:
    objects = " and ".join(kind.object_classes)
    lines = [
        f"## {kind.name}",
        "",
        f"![{kind.summary}](../images/world/{kind.name}.jpg)",
        "",
        f"{kind.summary[0].upper()}{kind.summary[1:]}. Classes: {', '.join(kind.class_names)}.",
        f"Objects: pixels of the class {objects}."
        if len(kind.object_classes) == 1
        else f"Objects: pixels of the classes {objects}.",
        "",
        "| range | from | to | what it is |",
        "|---|--:|--:|---|",
    ]
    for name, field in type(kind.ranges).model_fields.items():
        low, high = getattr(kind.ranges, name)
        lines.append(f"| `{name}` | {low:g} | {high:g} | {field.description} |")
    return "\n".join([*lines, ""])


def picture(kind: str) -> bytes:
    """Return scenes of a kind in a row, the last one also as its mask and as recorded: a JPEG."""
    tiles = []
    for index in range(_N_SCENES):
        rng = np.random.default_rng([_SEED, index])
        scene = draw_scene(kind, _SIDE_PX, rng)
        tiles.append(_as_grey(scene.clean))
    colors = np.array([list(bytes.fromhex(class_color(each)[1:])) for each in range(8)], np.uint8)
    tiles.append(colors[scene.mask])
    tiles.append(_as_grey(record_scene(scene, WorldSettings(), rng)[..., 0]))
    gap = np.full((_SIDE_PX, _GAP_PX, 3), 255, np.uint8)
    row = np.hstack([part for tile in tiles for part in (tile, gap)][:-1])
    buffer = BytesIO()
    iio.imwrite(buffer, row, extension=".jpg", quality=85)
    return buffer.getvalue()


def _as_grey(image: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = np.percentile(image, (0.3, 99.7))
    grey = np.clip((image.astype(float) - low) / max(high - low, 1e-9), 0, 1)
    return np.repeat((255 * grey).astype(np.uint8)[..., None], 3, axis=2)


def main() -> None:
    """Put the sections into the page and the pictures beside it."""
    text = PAGE.read_text(encoding="utf-8")
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:start] + kinds() + text[stop:], encoding="utf-8")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in KINDS:
        (PICTURES / f"{name}.jpg").write_bytes(picture(name))


if __name__ == "__main__":
    main()
