"""A stained blood smear: leukocytes with round, bent or lobed nuclei among red cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.draws import between, happens
from cellenhance.data.world.fields import Field, grainy_field, smooth_field
from cellenhance.data.world.light import OpticsRanges, through_optics
from cellenhance.data.world.outlines import Outline, Stamped, draw_outline, stamp
from cellenhance.data.world.placing import place_apart
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris, equal_spots

CLASS_NAMES = ("background", "cytoplasm", "nucleus")


class SmearRanges(OpticsRanges):
    """What is drawn anew for every smear."""

    radius_px: PositiveRange = Setting((18, 75), description="radius of the leukocytes")
    crowding: PositiveRange = Setting((0.1, 0.45), description="share of the area they would fill")
    waviness: ShareRange = Setting((0.01, 0.12), description="unevenness of the cells / radius")
    round_nuclei: ShareRange = Setting((0.2, 0.5), description="share with a round nucleus")
    lobes: Range = Setting((1, 5), description="lobes of the other nuclei; 1: a bent band")
    cytoplasm: PositiveRange = Setting((0.12, 0.7), description="absorbance of the cytoplasm")
    nucleus: PositiveRange = Setting((0.9, 2.2), description="absorbance of the nuclei")
    clumping: ShareRange = Setting((0.05, 0.4), description="depth of the chromatin's clumps")
    granules: Range = Setting((0, 160), description="mean number of granules in a cell")
    vacuoles: ShareRange = Setting((0.2, 0.2), description="share of scenes with bright vacuoles")
    red_cells: Range = Setting((0, 1.2), description="share of the area that red cells would fill")
    red_absorbance: PositiveRange = Setting((0.08, 0.7), description="absorbance of red cells")
    pallor: ShareRange = Setting((0, 0.8), description="depth of their pale centres")
    debris: Range = Setting((0, 6), description="mean number of dark specks and platelets")
    light_loss: ShareRange = Setting((0, 0.3), description="light lost at the darkest place")
    white: ShareRange = Setting((0.75, 1.0), description="brightness of the brightest pixels")


def draw_smear(size_px: int, rng: np.random.Generator, ranges: SmearRanges | None = None) -> Scene:
    """Return a smear in transmitted light; a leukocyte with its nucleus is an object."""
    r = ranges or SmearRanges()
    cells = _draw_cells(size_px, r, rng)
    bodies = stamp(size_px, cells)
    lobes = [lobe for cell in cells for lobe in _draw_nucleus(cell, r, rng)]
    nuclei = stamp(size_px, lobes)
    # A lobe belongs to its own cell and ends inside it.
    depth = np.minimum(nuclei.depth, bodies.to_border - 1)
    depth = np.where(nuclei.nearest == bodies.owner, depth, np.float32(-1))
    is_nucleus = (depth > 0) & (bodies.owner > 0)
    absorbance = _red_cells(size_px, r, rng) * (1 - bodies.coverage())
    absorbance += _cytoplasm(bodies, r, rng)
    cover = np.clip(depth + np.float32(0.5), 0, 1) * (bodies.owner > 0)
    absorbance += cover * (_chromatin(bodies, depth, r, rng) - absorbance)
    absorbance += 0.8 * debris(size_px, between(r.debris, rng), rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(np.exp(-absorbance), r, rng),
        mask=np.where(is_nucleus, 2, bodies.owner > 0).astype(np.uint8),
        labels=connected_labels(bodies.owner),
        class_names=CLASS_NAMES,
    )


def _draw_cells(size_px: int, r: SmearRanges, rng: np.random.Generator) -> list[Outline]:
    radius = between(r.radius_px, rng)
    wanted = between(r.crowding, rng) * (size_px + radius) ** 2 / (np.pi * radius**2)
    radii = radius * np.exp(0.15 * rng.standard_normal(max(1, int(rng.poisson(wanted)))))
    centres, kept = place_apart(size_px, radii, rng, clustered=0.3, closeness=1.0, overhang=0.3)
    waviness = between(r.waviness, rng)
    return [
        draw_outline(
            (float(centre[0]), float(centre[1])),
            float(radii[index]),
            rng,
            owner=owner,
            stretch=rng.uniform(1, 1.35),
            waviness=waviness,
        )
        for owner, (centre, index) in enumerate(zip(centres, kept, strict=True), start=1)
    ]


def _draw_nucleus(cell: Outline, r: SmearRanges, rng: np.random.Generator) -> list[Outline]:
    """Return the outlines that unite to a nucleus: one, or beads on an arc."""
    radius, centre = cell.radius_px, np.array(cell.centre)
    if happens(between(r.round_nuclei, rng), rng):
        size = radius * rng.uniform(0.5, 0.88)
        place = centre + (radius - size) * rng.uniform(-0.6, 0.6, 2)
        return [
            draw_outline(
                (float(place[0]), float(place[1])),
                size,
                rng,
                owner=cell.owner,
                stretch=rng.uniform(1, 1.4),
                waviness=rng.uniform(0, 0.15),
            )
        ]
    n_lobes = round(between(r.lobes, rng))
    n_beads = 7 * max(2, n_lobes)
    along = np.linspace(0, 1, n_beads)
    arc = rng.uniform(0.6, 1.6) * np.pi
    angle = rng.uniform(0, 2 * np.pi) + arc * along
    away = radius * rng.uniform(0.3, 0.55)
    depth = 0.0 if n_lobes == 1 else rng.uniform(0.45, 0.9)  # of the waists between lobes
    waist = 1 - depth * (0.5 + 0.5 * np.cos(2 * np.pi * n_lobes * along))
    thick = radius * rng.uniform(0.22, 0.36) * np.maximum(waist, 0.12)
    wobble = 1 + 0.12 * np.sin(rng.uniform(2, 7) * along + rng.uniform(0, 6))
    y = centre[0] + away * wobble * np.sin(angle)
    x = centre[1] + away * wobble * np.cos(angle)
    bead = draw_outline((0.0, 0.0), radius, rng, owner=cell.owner, waviness=0.03)
    return [
        replace(bead, centre=(float(y[i]), float(x[i])), radius_px=float(thick[i]))
        for i in range(n_beads)
    ]


def _cytoplasm(bodies: Stamped, r: SmearRanges, rng: np.random.Generator) -> Field:
    size_px, n = len(bodies.depth), int(bodies.owner.max(initial=0))
    strength = np.array([between(r.cytoplasm, rng) for _ in range(n + 1)], np.float32)
    texture = 1 + 0.15 * grainy_field(size_px, 8, 0.8, rng)
    many = rng.random(n + 1) < 0.5  # granulocytes beside lymphocytes
    places = rng.uniform(0, size_px, (int(rng.poisson(between(r.granules, rng) * (n + 1))), 2))
    heights = rng.uniform(0.1, 0.8) * rng.uniform(0.3, 1, len(places))
    spots = equal_spots(size_px, places, heights, rng.uniform(0.7, 1.8))
    if happens(between(r.vacuoles, rng), rng):
        texture -= 0.8 * np.clip(2 * (smooth_field(size_px, rng.uniform(2, 5), rng) - 1.7), 0, 1)
    edge = 1 + 0.3 * np.exp(-np.clip(bodies.depth, 0, None) / np.float32(1.5))
    grey = strength[bodies.nearest] * np.clip(texture, 0.1, 2) * edge
    cytoplasm: Field = bodies.coverage() * (grey + spots * many[bodies.nearest])
    return cytoplasm.astype(np.float32)


def _chromatin(bodies: Stamped, depth: Field, r: SmearRanges, rng: np.random.Generator) -> Field:
    size_px = len(depth)
    clumps = 1 + between(r.clumping, rng) * grainy_field(size_px, rng.uniform(2, 10), 0.9, rng)
    rim = 1 + 0.15 * np.exp(-np.clip(depth, 0, None) / np.float32(2))
    n = int(bodies.nearest.max(initial=0)) + 1
    strength = between(r.nucleus, rng) * np.exp(0.1 * rng.standard_normal(n))
    chromatin: Field = strength.astype(np.float32)[bodies.nearest] * np.clip(clumps, 0.4, 1.6) * rim
    return chromatin


def _red_cells(size_px: int, r: SmearRanges, rng: np.random.Generator) -> Field:
    """Return the absorbance of red cells: discs with pale centres that may overlap."""
    radius = rng.uniform(14, 45)
    wanted = between(r.red_cells, rng) * (size_px + radius) ** 2 / (np.pi * radius**2)
    pallor, strength = between(r.pallor, rng), between(r.red_absorbance, rng)
    absorbance = np.zeros((size_px, size_px), np.float32)
    layers: tuple[list[Outline], list[Outline]] = ([], [])
    for owner in range(1, int(rng.poisson(wanted)) + 1):
        cell = draw_outline(
            tuple(rng.uniform(-radius / 2, size_px + radius / 2, 2)),
            radius * float(np.exp(0.1 * rng.standard_normal())),
            rng,
            owner=owner,
            stretch=rng.uniform(1, 1.3),
            waviness=0.05,
        )
        layers[owner % 2].append(cell)
    for layer in layers:  # two layers, so that some cells lie over others
        discs = stamp(size_px, layer)
        hollow = np.clip((discs.depth / np.float32(radius) - 0.3) / 0.5, 0, 1)
        absorbance += strength * discs.coverage() * (1 - pallor * hollow)
    return absorbance


KIND = Kind(
    name="smear",
    summary="a stained blood smear: leukocytes with round, bent or lobed nuclei among red cells",
    class_names=CLASS_NAMES,
    object_classes=("cytoplasm", "nucleus"),
    ranges=SmearRanges(),
    draw=draw_smear,
)
