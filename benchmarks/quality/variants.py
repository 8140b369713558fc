# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.quality.variants SHOT_DIR OUT_DIR --kind blurred|defocused`: a ground-truth shot made harder.

The removed object is blurred, by its own motion or by a lens out of focus; the clean plates stay as they are, bit by
bit, so the truth stays exact. A blurred object is the mean of composites of its shifted copies (Porter and Duff,
"Compositing digital images", SIGGRAPH 1984, averaged over the shutter or the lens):

    mean over shifts s of  o(x - s) + (1 - m(x - s)) b(x)  =  (o * k)(x) + (1 - (m * k)(x)) b(x)

with m the roto, o the object's light times m, k the path of the shifts as a kernel that sums to 1, and b what is behind
the object. Where nothing is in front, b is the plate. Behind the object it is the clean plate under the object's own
shadow: the gain of plate over clean goes on smoothly in log light. Only what shows through the softened edge is taken
from there; as the clean plate is known, an error of that gain is a shadow a little too dark, never a wrong truth.
Grain is not blurred: it is measured, left out of the averages and put back. Shadows and reflections keep their edges,
and a moving camera's own blur is not made.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from benchmarks.quality.grain import grain_everywhere
from benchmarks.quality.scores import F32, PRESENT
from benchmarks.quality.shots import Shot, read_shot
from void_server.engines.cleanplate.membrane import masked_blur, membrane
from void_server.errors import InvalidInput, VoidError

Kind = Literal["blurred", "defocused"]

SHUTTER = 0.5
"""Part of a frame that the shutter is open: 180 degrees."""
RADIUS = 6.0
"""Pixels of the disc that a point becomes."""
LEAST_LIGHT = 2.0**-10
TIGHT = 0.5
"""A centroid says where the object is only where the picture's edge cuts nothing off; a roto above this counts."""
SUBSAMPLES = 8
GAIN_SIGMA = 1.0
"""Pixels over which the gain around the object is averaged, so that its grain does not go on behind it."""


def main(arguments: list[str] | None = None) -> int:
    """Makes a variant; 0, or 2 on bad input or a disk that refuses."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.variants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shot", type=Path, metavar="SHOT_DIR", help="folder of a ground-truth shot")
    parser.add_argument("out", type=Path, metavar="OUT_DIR", help="folder to make; must not exist")
    parser.add_argument("--kind", choices=("blurred", "defocused"), required=True)
    parser.add_argument(
        "--shutter",
        type=float,
        default=SHUTTER,
        help="frames of motion in a blur, 0 to 4 (default: %(default)s)",
    )
    parser.add_argument(
        "--radius",
        type=float,
        default=RADIUS,
        help="pixels of a defocused point, 0 to 64 (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    try:
        write_variant(options.shot, options.out, options.kind, shutter=options.shutter, radius=options.radius)
    except (VoidError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def write_variant(
    folder: Path, out: Path, kind: Kind, *, shutter: float = SHUTTER, radius: float = RADIUS
) -> None:
    """Writes the variant of the shot in `folder` as the folder `out`, which appears whole or not at all.

    Raises:
        InvalidInput: there is no shot, `out` exists, or shutter or radius lies outside its range.
        OSError: it could not be written.
    """
    if out.exists():
        raise InvalidInput(f"{out} exists.", fix="Give a folder that does not exist yet.")
    if not 0 <= shutter <= 4:
        raise InvalidInput(f"shutter is {shutter}.", fix="Use 0 to 4 frames.")
    if not 0 <= radius <= 64:
        raise InvalidInput(f"radius is {radius}.", fix="Use 0 to 64 pixels.")
    shot = read_shot(folder)
    made = variant(shot, kind, shutter=shutter, radius=radius)
    about = json.loads((folder / "shot.json").read_text(encoding="utf-8"))
    about |= {"name": made.name, "variant": kind, "variant_of": shot.name}
    about |= {"shutter": shutter, "motion_blur": True} if kind == "blurred" else {"defocus_radius": radius}
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{secrets.token_hex(8)}.tmp")
    try:
        for name, pictures in (("plate", made.plates), ("roto", made.remove), ("affected", made.affected)):
            (temporary / name).mkdir(parents=True)
            for number, picture in zip(made.numbers, pictures, strict=True):
                file = f"{name}.{number}.exr"
                _write_as(folder / name / file, temporary / name / file, picture)
        (temporary / "clean").mkdir()
        for number in made.numbers:
            shutil.copyfile(
                folder / "clean" / f"clean.{number}.exr", temporary / "clean" / f"clean.{number}.exr"
            )
        (temporary / "shot.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def variant(shot: Shot, kind: Kind, *, shutter: float = SHUTTER, radius: float = RADIUS) -> Shot:
    """The shot with its object blurred; clean plates are the same arrays, plates keep their type and every bit that
    the blur does not reach.
    """
    paths = velocities(shot.remove)
    made = Shot(f"{shot.name}_{kind}", shot.numbers, [], shot.clean, [], [])
    plates, smooth, share, known = [], [], [], []
    for i, (matte, affected) in enumerate(zip(shot.remove, shot.affected, strict=True)):
        plate, clean = (np.nan_to_num(p[i].astype(np.float32)) for p in (shot.plates, shot.clean))
        kernel = disc(radius) if kind == "defocused" else line(paths[i], shutter)
        behind = _behind(plate, clean, matte)
        within, shaded = matte > 0, (matte <= 0) & (affected > 0)
        thing = np.where(within[..., None], plate - (1 - matte[..., None]) * behind, 0)
        soft = np.clip(spread(matte, kernel), 0, 1)
        ground = np.where(shaded[..., None], plate, behind)
        plates.append(plate)
        smooth.append(spread(thing, kernel) + (1 - soft[..., None]) * ground)
        # A shadow's grain is in the ground already, and shows as far as the ground does.
        share.append(np.where(shaded, soft, 1)[..., None])
        known.append((soft <= 0) & (affected <= 0))
        made.remove.append(soft)
        made.affected.append(_affected(affected, matte, soft))
    grain = grain_everywhere(plates, smooth, known)
    for plate, matte, *parts in zip(shot.plates, made.remove, smooth, share, grain, strict=True):
        picture = parts[0] + parts[1] * parts[2]
        made.plates.append(np.where(matte[..., None] > 0, picture, plate).astype(plate.dtype))
    return made


def spread(picture: F32, kernel: F32) -> F32:
    """The mean of shifted copies; (H, W) or (H, W, c). Beyond the picture's edge its last pixels go on."""
    return np.asarray(
        cv2.filter2D(picture, -1, cv2.flip(kernel, -1), borderType=cv2.BORDER_REPLICATE), np.float32
    )


def line(velocity: tuple[float, float], shutter: float) -> F32:
    """(n, n) float32 that sums to 1: the way (right, down) in pixels a frame while the shutter is open, centred."""
    right, down = velocity[0] * shutter, velocity[1] * shutter
    count = max(1, int(np.ceil(np.hypot(right, down) * SUBSAMPLES)))
    along = (np.arange(count) + 0.5) / count - 0.5
    return _kernel(along * right, along * down)


def disc(radius: float) -> F32:
    """(n, n) float32 that sums to 1: an even disc."""
    reach = np.arange(-np.ceil(radius), np.ceil(radius) + 1e-6, 1 / SUBSAMPLES)
    x, y = np.meshgrid(reach, reach)
    within = x * x + y * y <= radius * radius
    return _kernel(x[within], y[within])


def velocities(mattes: Sequence[F32]) -> list[tuple[float, float]]:
    """The object's motion (right, down) in pixels a frame, from the centroids of its matte.

    Where the picture's edge cuts the object off its centroid lags, so those frames take the velocity of the nearest
    whole ones; when it is never whole, all frames count as they are.
    """
    centres = [_centroid(matte) for matte in mattes]
    whole = [i for i, m in enumerate(mattes) if centres[i] is not None and not _cut(m)]
    usable = whole if len(whole) > 1 else [i for i, centre in enumerate(centres) if centre is not None]
    if len(usable) < 2:
        return [(0.0, 0.0)] * len(mattes)
    points = np.array([centres[i] for i in usable])
    speeds = np.gradient(points, np.array(usable, np.float64), axis=0)
    nearest = [int(np.argmin(np.abs(np.array(usable) - i))) for i in range(len(mattes))]
    return [(float(speeds[n][0]), float(speeds[n][1])) for n in nearest]


def _behind(plate: F32, clean: F32, matte: F32) -> F32:
    """What is behind the object, (H, W, 3) without grain: the clean plate, shadowed as it is around the object."""
    free = (cv2.dilate(matte, np.ones((3, 3), np.uint8)) <= 0).astype(np.float32)
    stops = np.log2(np.maximum(plate, 0) + LEAST_LIGHT) - np.log2(np.maximum(clean, 0) + LEAST_LIGHT)
    gain = np.exp2(membrane(masked_blur(stops.astype(np.float32), free, GAIN_SIGMA), free))
    lit = np.maximum(clean, 0) + np.float32(LEAST_LIGHT)
    shadowed = np.maximum(lit * gain - np.float32(LEAST_LIGHT), 0)
    # What shines through an edge cannot be more than all the light that is there: contact shadows are steep.
    through = (1 - matte)[..., None]
    shadowed = np.where(
        through > 0, np.minimum(shadowed, np.maximum(plate, 0) / np.maximum(through, 1e-6)), shadowed
    )
    return np.where(matte[..., None] > 0, shadowed, clean).astype(np.float32)


def _affected(affected: F32, before: F32, after: F32) -> F32:
    """The affected matte goes on behind the object and shows wherever the softened object lets it."""
    free = (before <= PRESENT).astype(np.float32)
    whole = np.clip(membrane(affected, free), 0, 1)
    return np.where(after > 0, np.minimum(whole, 1 - after), affected).astype(np.float32)


def _kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> F32:
    """Points drawn bilinearly into a square with an odd side."""
    reach = int(np.ceil(max(np.abs(x).max(), np.abs(y).max())))
    kernel = np.zeros((2 * reach + 2,) * 2)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weights = np.abs(1 - right - (x - left)) * np.abs(1 - down - (y - top))
        np.add.at(kernel, (top + down + reach, left + right + reach), weights)
    return np.asarray(kernel[:-1, :-1] / kernel[:-1, :-1].sum(), np.float32)


def _centroid(matte: F32) -> tuple[float, float] | None:
    mass = float(matte.sum(dtype=np.float64))
    if mass <= 0:
        return None
    rows, columns = matte.sum(1, dtype=np.float64), matte.sum(0, dtype=np.float64)
    return float(columns @ np.arange(columns.size)) / mass, float(rows @ np.arange(rows.size)) / mass


def _cut(matte: F32) -> bool:
    edges = (matte[0], matte[-1], matte[:, 0], matte[:, -1])
    return any(float(edge.max()) > TIGHT for edge in edges)


def _write_as(source: Path, target: Path, picture: NDArray[Any]) -> None:
    """Half samples with the attributes and channel names of the source, losslessly.

    Raises:
        OSError: it could not be written.
    """
    original = oiio.ImageInput.open(str(source))
    if original is None:
        raise OSError(oiio.geterror())
    spec = original.spec()
    original.close()
    height, width = picture.shape[:2]
    channels = ("A",) if picture.ndim == 2 else ("R", "G", "B")
    kept = oiio.ImageSpec(width, height, len(channels), oiio.HALF)
    for attribute in spec.extra_attribs:
        if not attribute.name.startswith(("oiio:", "openexr:")):
            kept.attribute(attribute.name, attribute.type, attribute.value)
    kept.channelnames = channels
    kept.attribute("compression", "zips")
    output = oiio.ImageOutput.create(str(target))
    samples = np.ascontiguousarray(picture.reshape(height, width, -1).astype(np.float16))
    if output is None or not output.open(str(target), kept) or not output.write_image(samples):
        raise OSError(oiio.geterror() if output is None else output.geterror())
    if not output.close():
        raise OSError(output.geterror())


if __name__ == "__main__":
    raise SystemExit(main())
