# SPDX-License-Identifier: Apache-2.0
"""Makes a shot of EXR sequences from a clip with an official VOID quadmask.

    python examples/clip_to_exr.py CLIP_FOLDER OUT --width 960

CLIP_FOLDER holds `input_video.mp4` and `quadmask_0.mp4`, as the samples of Netflix/void-model do. OUT gets `plate/`
(scene-linear Rec.709, half), `roto/` and `affected/` (one channel A), frames from 1001. The video is taken as sRGB, so
"scene-linear" is as near as 8 bits allow.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from void_server.quadmask.regions import Quadmask

FIRST_FRAME = 1001


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path, help="folder with input_video.mp4 and quadmask_0.mp4")
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--width", type=int, default=960, help="width of the frames (default %(default)s)")
    options = parser.parse_args()
    frames = 0
    for frame, (picture, codes) in enumerate(
        zip(
            pictures(options.clip / "input_video.mp4"), pictures(options.clip / "quadmask_0.mp4"), strict=True
        ),
        FIRST_FRAME,
    ):
        size = (options.width, round(picture.shape[0] * options.width / picture.shape[1] / 2) * 2)
        quadmask = Quadmask.from_codes(np.ascontiguousarray(codes[..., 0]))
        layers = {
            "plate": reduced(linear(picture), size),
            "roto": reduced(quadmask.remove[..., None], size),
            "affected": reduced(quadmask.affected[..., None], size),
        }
        for name, values in layers.items():
            write(options.out / name / f"{name}.{frame:04d}.exr", values)
        frames += 1
    print(f"{frames} frames in {options.out}")


def pictures(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Frames of a video as (h, w, 3) uint8 RGB."""
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise SystemExit(f"{path} cannot be opened")
    while True:
        more, picture = video.read()
        if not more:
            return
        yield np.ascontiguousarray(picture[..., ::-1])


def linear(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The inverse of the sRGB curve (IEC 61966-2-1)."""
    x = np.arange(256, dtype=np.float64) / 255
    curve = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)
    values: npt.NDArray[np.float32] = curve[picture]
    return values


def reduced(values: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float16]:
    """Averaged down to (width, height)."""
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return small.reshape(size[1], size[0], -1).astype(np.float16)


def write(path: Path, pixels: npt.NDArray[np.float16]) -> None:
    """Write R, G, B or A as half EXR, ZIPS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], oiio.HALF)
    spec.channelnames = ("R", "G", "B") if pixels.shape[2] == 3 else ("A",)
    spec.attribute("compression", "zips")
    output = oiio.ImageOutput.create(str(path))
    if not (output.open(str(path), spec) and output.write_image(pixels)):
        raise SystemExit(f"{path}: {output.geterror()}")
    output.close()


if __name__ == "__main__":
    main()
