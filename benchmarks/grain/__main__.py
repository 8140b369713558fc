# SPDX-License-Identifier: Apache-2.0
"""Command line: `python -m benchmarks.grain SHOT_DIR …`."""

from __future__ import annotations

import argparse
import datetime
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.grain.power import Sides, alike, at_other_times, ratios, robust, untouched, without_light
from benchmarks.grain.runs import (
    Analysis,
    Published,
    generated,
    grained,
    measured,
    own_noise,
    published,
)
from benchmarks.quality.shots import Shot, read_shot
from void_server.conform.grain_estimate import VERSION
from void_server.conform.grain_model import GrainModel
from void_server.engines.cleanplate import CleanplateSettings
from void_server.errors import VoidError

F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
LEAST = 500
"""Pixels of a frame below which its power is not measured: 500 tell it to some 10 %."""
HEADER = (
    f"  {'case':16} {'R':>5} {'G':>5} {'B':>5} +-{'R':>5} {'G':>5} {'B':>5}  {'by level, dark to bright':17} +-"
    f"{'':17}  {'nothing added RGB':17}  PSD dB   time  frames, pixels"
)
TEACHING = """\
Power of the grain inside the blend matte (blend = 1) over the plate's own at the same place or level: 1.00 is right,
the aim is 0.90 to 1.10. Levels are thirds of the inside by luminance. +- is the standard error over the frames, which
are spread over the shot. What is broader than 4 px counts as light and is taken off both sides.

A shot at rest with grain is measured as it is: result less truth, against plate less truth of the same pixels in other
frames, which show them; where the fill is without any grain, against the change from frame to frame of pixels of the
same place (`unseen`: colour), since the render's own noise stands still. A shot without grain is given a known one
(--strength, --size), twice: the difference of the two results is the grain in both, and no texture, which a fill of
plates without grain would leave there, as the engine decides otherwise without grain. The render's own noise is new in
every frame too: it is grain to any measure, lies on the plate outside, and is not in that difference. It is measured
where there is no texture, and is added to both: `own` of the outside, and as much of it as the fill carries of the
known grain inside.

cases  single     grain=on: fine detail of one frame
       mean       grain=off: a mean of up to eight frames
       relit      of single and mean, what is more than a half the plate's own, its shadow undone
       generated  a smooth picture of a model: the truth, blurred by 1 px, all made up
       unseen     a part that no frame shows (a rectangle at rest is removed), filled smoothly
PSD    mean over frequencies of the absolute difference of the spectra in dB, inside and outside
time   correlation of the grain that was added with that of another frame; 0 is right
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; 2 on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.grain",
        description="Measures whether the grain inside a result is that of the plate.",
        epilog=TEACHING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shots", nargs="+", type=Path, metavar="SHOT_DIR")
    parser.add_argument("--strength", type=float, default=0.03, help="of added grain (default: %(default)s)")
    parser.add_argument("--size", type=float, default=0.6, help="of added grain, px (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=6, help="frames that are filled (default: %(default)s)")
    parser.add_argument("--text", type=Path, metavar="FILE", help="append the tables to this text file")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE.png", help="plate | without | with grain, 200 %%"
    )
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    lines = [f"{datetime.date.today().isoformat()}  grain version {VERSION}"]
    print(lines[0])
    try:
        for folder in options.shots:
            said = _of_shot(read_shot(folder), options)
            print("\n".join(said), flush=True)
            lines += said
    except (VoidError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if options.text:
        with options.text.open("a", encoding="utf-8") as kept:
            kept.write("\n".join(lines) + "\n\n")
    return 0


@dataclass(frozen=True)
class _Measured:
    """A shot and what is known of its grain.

    Attributes:
        shot: with grain, its own or a known one.
        other: the same with another known grain; None of a shot that has its own.
        bare: without the known grain.
        strength: of the known grain at a level of 0.18, as a share of it.
        own: power of the render's own noise over that of the known grain.
        model: as the stage `grain` makes it.
    """

    shot: Shot
    other: Shot | None
    bare: Shot
    strength: float
    own: float
    model: GrainModel

    def scaled(self, noise: F32, level: F32, where: Bools) -> F32:
        """(N, 3) noise without light, over the known grain's strength at the level, (H, W, 3) both."""
        fine = without_light(noise, where)[where]
        if self.other is None:
            return fine
        return np.asarray(fine / (self.strength * np.sqrt(0.18 * np.maximum(level[where], 1e-4))), np.float32)

    def beside(
        self, position: int, inside: Bools, level: F32, *, still: bool, moved: bool = False
    ) -> tuple[F32, F32 | None]:
        """(M, 3) the plate's grain for a place in a frame, and its (M,) level if that matters.

        Args:
            level: (H, W, 3) of the result.
            still: leaves out what does not change over time.
            moved: the result has another colour there than the scene has; pixels of its colour are asked.
        """
        if self.other is not None:
            noise = self.shot.plates[position].astype(np.float32) - self.bare.plates[position]
            away = untouched(self.shot, position)
            return self.scaled(noise, _smooth(self.bare.plates[position].astype(np.float32)), away), None
        plates, clean = self.shot.plates, self.shot.clean
        if moved:
            away = untouched(self.shot, position) & untouched(self.shot, position + 1)
            change = (plates[position].astype(np.float32) - plates[position + 1]) / np.float32(np.sqrt(2))
            fine = self.scaled(change, change, away)
            chosen = alike(level[inside], _smooth(clean[position].astype(np.float32))[away], position)
            return fine[chosen], _smooth(clean[position].astype(np.float32))[away][chosen].mean(1)

        def noise_of(at: int) -> F32:
            other = plates[min(at + 1, len(plates) - 1)] if still else clean[at]
            scale = np.float32(np.sqrt(0.5)) if still else np.float32(1)
            return np.asarray((plates[at].astype(np.float32) - other) * scale, np.float32)

        noise, seen = at_other_times(self.shot, noise_of, position, pairs=still)
        return self.scaled(noise, noise, inside & seen), level[inside & seen].mean(1)


def _of_shot(shot: Shot, options: argparse.Namespace) -> list[str]:
    model = measured(shot)
    lines = [f"\n{shot.name}: {model.reason} confidence {model.confidence:.2f}"]
    known = _Measured(shot, None, shot, 0.0, 0.0, model)
    if not model.known:
        own = own_noise(shot) / (0.18 * options.strength**2)
        first, second = (grained(shot, options.strength, options.size, seed)[0] for seed in (1, 2))
        model = measured(first)
        known = _Measured(first, second, shot, options.strength, own, model)
        lines.append(
            f"with grain of {100 * options.strength:g} % at 0.18, {options.size:g} px: {model.reason}"
            f" confidence {model.confidence:.2f}"
        )
        if not model.known:
            return lines
        true = options.strength * np.sqrt(0.18 * np.maximum(model.levels, 0) * (1 + own))
        lines.append(f"  the render's own noise has {100 * own:.0f} % of the power of that grain")
        lines.append(f"  sigma measured over true, a channel: {_row((model.sigma / true).mean(1))}")
    lines.append(HEADER)
    settings = CleanplateSettings()
    found = Analysis(known.shot, settings)
    positions = _spread(known.shot, options.frames)
    for name, chosen in (("single", settings), ("mean", replace(settings, grain=False))):
        fills = found.fills(positions, known.shot.plates, settings=chosen)
        made = [published(known.shot, p, f, model) for p, f in zip(positions, fills, strict=True)]
        others: list[Published] | None = None
        if known.other is not None:
            again = found.fills(positions, known.other.plates, settings=chosen)
            others = [
                published(known.other, p, f, model, seed=1) for p, f in zip(positions, again, strict=True)
            ]
        lines.append(_line(name, known, positions, made, others))
        relit = [_relit(m) for m in made]
        if sum(np.count_nonzero(m.blend == 1) > LEAST for m in relit) > 1:
            lines.append(_line(f"{name}, relit", known, positions, relit, others))
        if options.picture and name == "mean":
            _draw(options.picture, known.shot, positions[0], made[0])
    smooth = [
        published(known.shot, p, generated(shot, p, f), model) for p, f in zip(positions, fills, strict=True)
    ]
    lines.append(_line("generated", known, positions, smooth, None, made_up=True))
    return lines + _unseen(known, options.frames)


def _spread(shot: Shot, frames: int) -> list[int]:
    """Positions over the shot, of frames with something to remove."""
    filled = [
        p
        for p in range(1, len(shot.plates) - 1)
        if np.count_nonzero(shot.remove[p] + shot.affected[p] > 0) > LEAST
    ]
    return [filled[round(float(i))] for i in np.linspace(0, len(filled) - 1, frames + 2)[1:-1]]


def _relit(made: Published) -> Published:
    """The same, measured where more than half is the plate's own surface with its shadow undone."""
    fill, whole = made.fill, np.zeros_like(made.blend)
    x0, y0, x1, y1 = fill.box
    whole[y0:y1, x0:x1] = 0 if fill.relit is None else fill.relit > 0.5
    return replace(made, blend=made.blend * whole)


def _unseen(known: _Measured, frames: int) -> list[str]:
    """A rectangle that is removed on every frame, filled smoothly and by texture."""
    shot, (height, width) = known.shot, known.shot.remove[0].shape
    matte = np.zeros((height, width), np.float32)
    matte[height // 8 : height // 8 + 96, width // 8 : width // 8 + 128] = 1
    nothing = np.zeros_like(matte)
    first = len(shot.plates) // 2
    near = slice(max(0, first - 4), first + frames + 4)
    count = len(shot.plates[near])
    part = Shot(
        shot.name,
        shot.numbers[near],
        shot.plates[near],
        shot.clean[near],
        [matte] * count,
        [nothing] * count,
    )
    local, lines = [p - near.start for p in range(first, first + frames)], []
    found = Analysis(part, CleanplateSettings())
    for way in ("smooth", "texture"):
        fills = found.completed(local, CleanplateSettings(unseen=way))
        made = [published(part, p, f, known.model) for p, f in zip(local, fills, strict=True)]
        made = [replace(m, blend=m.blend * _made_up(m)) for m in made]
        if way == "smooth":
            lines.append(_line("unseen", known, [p + near.start for p in local], made, None, made_up=True))
            continue
        # Texture brings a frame's grain: the finest detail of the result against that of the plate in the same place.
        inside = made[0].blend == 1
        there = [_finest(part.plates[p].astype(np.float32))[inside] for p in local]
        ratio = [
            np.array(
                [
                    np.mean([robust(_finest(getattr(m, which))[inside][:, c]) for m in made])
                    / np.mean([robust(t[:, c]) for t in there])
                    for c in range(3)
                ]
            )
            for which in ("picture", "bare")
        ]
        lines.append(
            f"  {'unseen, texture':16} {_row(ratio[0])}   finest detail over the plate's; without: {_row(ratio[1])}"
        )
    return lines


def _made_up(made: Published) -> F32:
    """(H, W) 1 where all of the fill was made up."""
    whole = np.zeros_like(made.blend)
    x0, y0, x1, y1 = made.fill.box
    whole[y0:y1, x0:x1] = made.fill.synthesised == 1
    return whole


def _finest(picture: F32) -> F32:
    """Second differences both ways: of smooth texture next to nothing stays."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return np.asarray(cv2.filter2D(picture, -1, kernel), np.float32)


def _smooth(picture: F32) -> F32:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.0), np.float32)


def _line(
    name: str,
    known: _Measured,
    positions: list[int],
    made: list[Published],
    others: list[Published] | None,
    *,
    made_up: bool = False,
) -> str:
    """One row of the table; `others` of the other grain, `made_up` of fills without any of their own."""
    sides, spectra, pixels = [], (_Spectra(), _Spectra()), 0
    for index, (position, one) in enumerate(zip(positions, made, strict=True)):
        inside = one.blend == 1
        if np.count_nonzero(inside) < LEAST:
            continue
        pixels += int(np.count_nonzero(inside))
        noises = []
        for which in ("picture", "bare"):
            picture = getattr(one, which)
            if made_up:
                noises.append(picture - one.bare)
            elif others is None:
                noises.append(picture - known.shot.clean[position])
            else:
                noises.append((picture - getattr(others[index], which)) / np.float32(np.sqrt(2)))
        level = _smooth(one.bare)
        beside, around = known.beside(position, inside, level, still=made_up, moved=name == "unseen")
        scaled = [known.scaled(noise, level, inside) for noise in noises]
        sides.append(Sides(scaled[0], scaled[1], level[inside].mean(1), beside, around))
        spectra[0].add(noises[0], inside)
        if known.other is None:
            there, away = known.shot.plates[position].astype(np.float32), untouched(known.shot, position)
            spectra[1].add(there - known.shot.clean[position], away)
        else:
            there, away = known.shot.plates[position].astype(np.float32), untouched(known.shot, position)
            spectra[1].add(there - known.bare.plates[position], away)
    if not sides:
        return f"  {name:16} nothing of it is large enough to be measured"
    found = ratios(sides, known.own)
    added = [(a.added, b.added, (a.blend == 1) & (b.blend == 1)) for a, b in pairwise(made)]
    time = [_correlation(a[i], b[i]) for a, b, i in added if i.any() and a[i].any()]
    return (
        f"  {name:16} {_row(found.whole)} +-{_row(found.whole_error)}  {_row(found.levels)} +-"
        f"{_row(found.levels_error)}  {_row(found.bare)}  {spectra[0].apart(spectra[1]):5.2f}"
        f"  {np.mean(time) if time else 0:+.3f}  {len(sides):2} {pixels // len(sides):6}  {found.verdict}"
    )


def _correlation(one: F32, two: F32) -> float:
    a, b = one.ravel().astype(np.float64), two.ravel().astype(np.float64)
    return float((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean()))


class _Spectra:
    """Power spectra of tiles of noise, each over its own power."""

    def __init__(self, side: int = 16) -> None:
        self._side, self._found = side, list[NDArray[np.float64]]()

    def add(self, noise: F32, where: Bools, most: int = 400) -> None:
        """Tiles of (H, W, 3) noise that lie in (H, W) `where`."""
        side = self._side
        full = cv2.erode(where.astype(np.uint8), np.ones((side, side), np.uint8), anchor=(0, 0))
        full[-side:], full[:, -side:] = 0, 0
        window = np.hanning(side + 2)[1:-1]
        for y, x in np.argwhere(full[::side, ::side])[:most] * side:
            tile = noise[y : y + side, x : x + side].astype(np.float64)
            tile = tile - tile.mean((0, 1))
            spread = np.square(tile).mean((0, 1))
            if (spread > 0).all():
                shown = np.fft.fft2(tile * np.outer(window, window)[..., None], axes=(0, 1))
                self._found.append((np.abs(shown) ** 2 / spread).mean(2))

    def apart(self, other: _Spectra) -> float:
        """Mean absolute difference in dB over radial frequencies, levels aside."""
        if not self._found or not other._found:
            return float("nan")
        side = self._side
        radius = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
        rings = np.clip((radius * side).round().astype(int), 0, side // 2)
        means = [
            np.array([np.median(s, axis=0)[rings == r].mean() for r in range(1, side // 2 + 1)])
            for s in (self._found, other._found)
        ]
        decibels = 10 * np.log10(means[0] / means[1])
        return float(np.abs(decibels - decibels.mean()).mean())


def _draw(path: Path, shot: Shot, position: int, made: Published, size: int = 160) -> None:
    """Plate, result without and with added grain around the region: 200 %, contrast raised."""
    rows, columns = np.nonzero(made.blend == 1)
    y = int(np.clip(np.median(rows) - size // 2, 0, made.blend.shape[0] - size))
    x = int(np.clip(np.median(columns) - size // 2, 0, made.blend.shape[1] - size))
    crops = [
        p[y : y + size, x : x + size].astype(np.float32)
        for p in (shot.plates[position], made.bare, made.picture)
    ]
    # Display-like, with what is finer than 4 px three times as strong.
    seen = [np.clip(c, 0, 1) ** (1 / 2.2) for c in crops]
    shown = [np.clip(c + 2 * (c - cv2.GaussianBlur(c, (0, 0), 4.0)), 0, 1) for c in seen]
    sheet = cv2.resize(np.concatenate(shown, axis=1), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(path), np.round(255 * sheet[..., ::-1]).astype(np.uint8))


def _row(values: NDArray[np.float64]) -> str:
    return " ".join(f"{v:5.2f}" for v in values)


if __name__ == "__main__":
    sys.exit(main())
