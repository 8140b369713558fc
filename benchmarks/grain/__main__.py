# SPDX-License-Identifier: Apache-2.0
"""Command line: `python -m benchmarks.grain SHOT_DIR …`."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

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
LEVELS = 3
TEACHING = """\
Power of the grain inside the blend matte (blend = 1) over that outside it, at the same level: 1.00 is right, the aim is
0.90 to 1.10. Levels are thirds of the inside by luminance. A shot at rest with grain is measured as it is: result less
truth, against plate less truth; where the fill is without any grain, against half the change from frame to frame, since
the render's own noise stands still. A shot without grain is given a known one (--strength, --size), and the result less
the same result of the plates without it is the grain in it, exactly. The render's own noise is new in every frame too:
it is grain to any measure, lies on the plate outside, and is not in that difference. It is measured where there is no
texture, and is added to both: `own` of the outside, and as much of it as the fill carries of the known grain inside.

cases  single     grain=on: fine detail of one frame
       mean       grain=off: a mean of up to eight frames
       generated  a smooth picture of a model: the truth, blurred by 1 px, all made up
       unseen     a part that no frame shows (a rectangle at rest is removed), filled smoothly
PSD    mean over frequencies of the absolute difference of the spectra in dB, inside and outside
time   correlation of the grain that was added with that of the next frame; 0 is right
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
    parser.add_argument("--frames", type=int, default=3, help="frames that are filled (default: %(default)s)")
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


def _of_shot(shot: Shot, options: argparse.Namespace) -> list[str]:
    model = measured(shot)
    lines = [f"\n{shot.name}: {model.reason} confidence {model.confidence:.2f}"]
    middle = len(shot.plates) // 2
    positions = list(range(middle, middle + options.frames))
    noises: list[F32] | None = None
    bare, own = shot, 0.0
    if not model.known:
        own = own_noise(shot) / (0.18 * options.strength**2)
        shot, noises = grained(shot, options.strength, options.size)
        model = measured(shot)
        lines.append(
            f"with grain of {100 * options.strength:g} % at 0.18, {options.size:g} px: {model.reason}"
            f" confidence {model.confidence:.2f}"
        )
        if not model.known:
            return lines
        true = options.strength * np.sqrt(0.18 * np.maximum(model.levels, 0) * (1 + own))
        lines.append(f"  the render's own noise has {100 * own:.0f} % of the power of that grain")
        lines.append(f"  sigma measured over true, a channel: {_row((model.sigma / true).mean(1))}")
    lines.append(
        f"  {'case':20} {'R':>5} {'G':>5} {'B':>5}   by level, mean of channels   without: R G B    PSD dB   time"
    )
    settings = CleanplateSettings()
    found = Analysis(shot, settings)
    at_rest = noises is None
    for name, chosen in (("single", settings), ("mean", replace(settings, grain=False))):
        fills = found.fills(positions, shot.plates, settings=chosen)
        results = [published(shot, p, f, model) for p, f in zip(positions, fills, strict=True)]
        if noises is None:
            truths = [shot.clean[p].astype(np.float32) for p in positions]
        else:
            same = found.fills(positions, bare.plates, settings=chosen)
            unknown = GrainModel.unknown("")
            truths = [published(bare, p, f, unknown).bare for p, f in zip(positions, same, strict=True)]
        outside = [
            shot.plates[p].astype(np.float32) - (shot.clean[p] if noises is None else bare.plates[p])
            for p in positions
        ]
        lines.append(_line(name, shot, positions, results, truths, outside, own))
        if options.picture and name == "mean":
            _draw(options.picture, shot, positions[0], results[0])
    changes = _changes(shot, positions) if at_rest else outside
    made = [published(shot, p, generated(shot, p, f), model) for p, f in zip(positions, fills, strict=True)]
    lines.append(_line("generated", shot, positions, made, [m.bare for m in made], changes, own))
    lines += _unseen(shot, positions, model, changes, own)
    return lines


def _unseen(shot: Shot, positions: list[int], model: GrainModel, outside: list[F32], own: float) -> list[str]:
    """A rectangle that is removed on every frame, filled smoothly and by texture."""
    height, width = shot.remove[0].shape
    matte = np.zeros((height, width), np.float32)
    matte[height // 8 : height // 8 + 48, width // 8 : width // 8 + 64] = 1
    nothing = np.zeros_like(matte)
    near = slice(max(0, positions[0] - 4), positions[-1] + 5)
    part = Shot(
        shot.name,
        shot.numbers[near],
        shot.plates[near],
        shot.clean[near],
        [matte] * len(shot.plates[near]),
        [nothing] * len(shot.plates[near]),
    )
    local, lines = [p - near.start for p in positions], []
    found = Analysis(part, CleanplateSettings())
    for way in ("smooth", "texture"):
        fills = found.completed(local, CleanplateSettings(unseen=way))
        made = [published(part, p, f, model) for p, f in zip(local, fills, strict=True)]
        made = [replace(m, blend=m.blend * _made_up(m)) for m in made]
        share = np.mean(
            [
                f.synthesised[m.blend[f.box[1] : f.box[3], f.box[0] : f.box[2]] == 1].mean()
                for f, m in zip(fills, made, strict=True)
            ]
        )
        if way == "smooth":
            lines.append(
                _line(f"unseen, {100 * share:.0f} %", part, local, made, [m.bare for m in made], outside, own)
            )
            continue
        # Texture brings a frame's grain: the finest detail of the result against that of the plate in the same place.
        inside = made[0].blend == 1
        there = [_finest(part.plates[p].astype(np.float32))[inside] for p in local]
        ratio = [
            np.array(
                [
                    np.mean([_robust(_finest(getattr(m, which))[inside][:, c]) for m in made])
                    / np.mean([_robust(t[:, c]) for t in there])
                    for c in range(3)
                ]
            )
            for which in ("picture", "bare")
        ]
        lines.append(
            f"  {'unseen, texture':20} {_row(ratio[0])}   finest detail over the plate's; without: {_row(ratio[1])}"
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


def _changes(shot: Shot, positions: Sequence[int]) -> list[F32]:
    """The grain of a shot at rest: what changes from frame to frame."""
    return [
        np.asarray((shot.plates[p].astype(np.float32) - shot.plates[p + 1]) / np.sqrt(2), np.float32)
        for p in positions
    ]


def _line(
    name: str,
    shot: Shot,
    positions: list[int],
    made: list[Published],
    truths: list[F32],
    outside: list[F32],
    own: float,
) -> str:
    """One row of the table; `own` is the power of what noise `outside` lacks, over that of `outside`."""
    ratios = {which: _ratios(shot, positions, made, truths, outside, which) for which in ("picture", "bare")}
    (whole, levels), (bare, bare_levels) = ratios["picture"], ratios["bare"]
    whole, levels = ((a + own * b) / (1 + own) for a, b in ((whole, bare), (levels, bare_levels)))
    added = [m.added for m in made]
    both = [
        (a, b, (m.blend == 1) & (n.blend == 1))
        for a, b, m, n in zip(added, added[1:], made, made[1:], strict=False)
    ]
    time = [_correlation(a[i], b[i]) for a, b, i in both if i.any() and a[i].any()]
    psd = _psd_distance(shot, positions, made, truths, outside)
    return (
        f"  {name:20} {_row(whole)}   {_row(levels)}             {_row(bare)}   {psd:5.2f}"
        f"   {np.mean(time) if time else 0:+.3f}"
    )


def _ratios(
    shot: Shot, positions: list[int], made: list[Published], truths: list[F32], outside: list[F32], which: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(3,) power inside over outside a channel, and (LEVELS,) the same by level."""
    inner, outer, levels, around = [], [], [], []
    for p, m, truth, out in zip(positions, made, truths, outside, strict=True):
        inside, away = m.blend == 1, _away(shot, p, m)
        level = cv2.GaussianBlur(shot.clean[p].astype(np.float32), (0, 0), 2.0)
        noise = getattr(m, which) - truth
        inner.append(noise[inside])
        outer.append(out[away])
        levels.append(cv2.GaussianBlur(m.bare, (0, 0), 2.0)[inside])
        around.append(level[away])
    noise, other, level, beside = (
        np.concatenate(v).astype(np.float64) for v in (inner, outer, levels, around)
    )
    expected = np.empty_like(noise)
    for c in range(3):
        edges = np.quantile(beside[:, c], np.linspace(0, 1, 17))
        bins = np.clip(np.searchsorted(edges, beside[:, c]) - 1, 0, 15)
        power = [_robust(other[bins == b, c]) for b in range(16)]
        middle = [float(beside[bins == b, c].mean()) for b in range(16)]
        expected[:, c] = np.interp(level[:, c], middle, power)
    whole = np.array([_robust(noise[:, c] / np.sqrt(expected[:, c])) for c in range(3)])
    order = np.array_split(np.argsort(level.mean(1)), LEVELS)
    scaled = noise / np.sqrt(expected)
    by_level = np.array([np.mean([_robust(scaled[o, c]) for c in range(3)]) for o in order])
    return whole, by_level


def _robust(values: NDArray[np.float64]) -> float:
    """Variance by the median absolute deviation: a few edges are no grain."""
    return float((1.4826 * np.median(np.abs(values - np.median(values)))) ** 2)


def _away(shot: Shot, position: int, made: Published) -> NDArray[np.bool_]:
    touched = (made.blend > 0) | (shot.remove[position] > 0) | (shot.affected[position] > 0)
    if position + 1 < len(shot.remove):
        touched |= (shot.remove[position + 1] > 0) | (shot.affected[position + 1] > 0)
    return np.asarray(cv2.dilate(touched.astype(np.uint8), np.ones((17, 17), np.uint8)) == 0)


def _correlation(one: F32, two: F32) -> float:
    a, b = one.ravel().astype(np.float64), two.ravel().astype(np.float64)
    return float((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean()))


def _psd_distance(
    shot: Shot,
    positions: list[int],
    made: list[Published],
    truths: list[F32],
    outside: list[F32],
    side: int = 16,
) -> float:
    """Mean absolute difference in dB over radial frequencies, levels aside."""
    spectra: list[list[NDArray[np.float64]]] = [[], []]
    for p, m, truth, out in zip(positions, made, truths, outside, strict=True):
        for kind, noise, where in ((0, m.picture - truth, m.blend == 1), (1, out, _away(shot, p, m))):
            full = cv2.erode(where.astype(np.uint8), np.ones((side, side), np.uint8), anchor=(0, 0))
            full[-side:], full[:, -side:] = 0, 0
            for y, x in np.argwhere(full[::side, ::side])[:400] * side:
                tile = noise[y : y + side, x : x + side].astype(np.float64)
                tile = tile - tile.mean((0, 1))
                spread = np.square(tile).mean((0, 1))
                if (spread > 0).all():
                    window = np.hanning(side + 2)[1:-1]
                    spectra[kind].append(
                        (
                            np.abs(np.fft.fft2(tile * np.outer(window, window)[..., None], axes=(0, 1))) ** 2
                            / spread
                        ).mean(2)
                    )
    if not all(spectra):
        return float("nan")
    inner, outer = (np.median(s, axis=0) for s in spectra)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    rings = np.clip((radius * side).round().astype(int), 0, side // 2)
    means = [[s[rings == r].mean() for r in range(1, side // 2 + 1)] for s in (inner, outer)]
    decibels = 10 * np.log10(np.array(means[0]) / np.array(means[1]))
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
