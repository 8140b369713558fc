# SPDX-License-Identifier: Apache-2.0
"""The seed files of the EXR fuzz: one for each way in which a file can be laid out, a few kilobytes each.

`python -m tests.fuzz.seeds` writes them again into `corpus/`, bit by bit the same with the same libraries. They are
committed, so that a run depends on no library's writer.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR
import OpenImageIO as oiio

CORPUS = Path(__file__).with_name("corpus")
SEED_FOLDER = CORPUS / "seeds"
REGRESSION_FOLDER = CORPUS / "regressions"
WIDTH, HEIGHT = 13, 9
CODEC_SHAPE = (34, 40)
"""Large enough that every codec makes less of it, and so does not fall back to raw bytes."""
COMPRESSIONS = ("NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
NEWER_COMPRESSIONS = ("HTJ2K256", "HTJ2K32", "ZSTD")
"""Codecs that OpenEXR 3.4 and 3.5 added."""
DATE = "2000:01:01 00:00:00"
KINDS = {"half": np.float16, "float": np.float32, "uint": np.uint32}

Channels = dict[str, npt.NDArray[Any]]


def write_seeds(folder: Path) -> list[Path]:
    """Write every seed; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = _makers()
    for name, make in makers.items():
        make(folder / name)
    return [folder / name for name in makers]


def _makers() -> dict[str, Callable[[Path], None]]:
    found: dict[str, Callable[[Path], None]] = {}
    for name in (*COMPRESSIONS, *NEWER_COMPRESSIONS):
        found[f"rgba_{name.lower()}.exr"] = lambda p, n=name: _scanline(p, _colour("half", CODEC_SHAPE), n)
    for kind in KINDS:
        found[f"matte_{kind}.exr"] = lambda p, k=kind: _scanline(p, {"A": _samples(k, 7)}, "ZIP")
    found |= {
        "mixed_types.exr": lambda p: _scanline(p, _mixed(), "ZIPS"),
        "quadmask.exr": lambda p: _scanline(p, _quadmask(), "ZIPS"),
        "overscan.exr": lambda p: _scanline(p, _colour("half"), "ZIPS", at=(-5, -3), display=(4, 4)),
        "attributes.exr": lambda p: _scanline(p, _colour("float"), "ZIPS", **_attributes()),
        "tall_piz.exr": lambda p: _scanline(p, _colour("half", (70, 12)), "PIZ"),
        "parts.exr": lambda p: _parts(p, "rgba", "depth"),
        "views.exr": lambda p: _parts(p, "left", "right"),
        "tiled.exr": lambda p: _tiled(p, levels=False),
        "tiled_mip.exr": lambda p: _tiled(p, levels=True),
        "deep.exr": _deep,
    }
    return found


def _samples(kind: str, seed: int, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> npt.NDArray[Any]:
    """Smooth, with some noise at the right edge: both sides of each codec."""
    height, width = shape
    ramp = np.linspace(0, 1, height * width).reshape(shape)
    noise = np.random.default_rng(seed).random(shape)
    mixed = np.where(np.arange(width) < width - 4, ramp, noise)
    return (mixed * (2**32 - 1) if kind == "uint" else mixed).astype(KINDS[kind])


def _colour(kind: str, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> Channels:
    return {name: _samples(kind, i, shape) for i, name in enumerate("RGBA")}


def _mixed() -> Channels:
    return _colour("half") | {"Z": _samples("float", 8), "id.x": _samples("uint", 9)}


def _quadmask() -> Channels:
    return {f"void_mask.{name}": _samples("half", 3 + i) for i, name in enumerate(("red", "green"))}


def _attributes() -> dict[str, Any]:
    return {
        "framesPerSecond": Fraction(24000, 1001),
        "timeCode": OpenEXR.TimeCode(1, 2, 3, 4, *[0] * 14),
        "multiView": ["left", "right"],
        "preview": OpenEXR.PreviewImage(2, 2),
        "oiio:ColorSpace": "lin_rec709_scene",
        "note": "é",
        "matrix": np.eye(3, dtype=np.float32),
    }


def _header(shape: tuple[int, int], compression: str, **more: Any) -> dict[str, Any]:
    at, display = more.pop("at", (0, 0)), more.pop("display", (shape[1], shape[0]))
    return {
        "compression": getattr(OpenEXR, f"{compression}_COMPRESSION"),
        "type": OpenEXR.scanlineimage,
        "dataWindow": (
            np.array(at, np.int32),
            np.array([at[0] + shape[1] - 1, at[1] + shape[0] - 1], np.int32),
        ),
        "displayWindow": (np.zeros(2, np.int32), np.array([display[0] - 1, display[1] - 1], np.int32)),
        **more,
    }


def _scanline(path: Path, channels: Channels, compression: str, **more: Any) -> None:
    shape = next(iter(channels.values())).shape
    with OpenEXR.File(_header(shape, compression, **more), dict(channels)) as file:
        file.write(str(path))


def _parts(path: Path, *names: str) -> None:
    parts = []
    for index, name in enumerate(names):
        more = {"view": name} if name in ("left", "right") else {}
        channels = _colour("half") if name != "depth" else {"Z": _samples("float", index)}
        header = _header((HEIGHT, WIDTH), "ZIPS", name=name, **more)
        parts.append(OpenEXR.Part(header, channels, name))
    with OpenEXR.File(parts) as file:
        file.write(str(path))


def _tiled(path: Path, *, levels: bool) -> None:
    spec = oiio.ImageSpec(20, 20, 3, oiio.HALF)
    spec.tile_width = spec.tile_height = 8
    spec.attribute("compression", "zip")
    spec.attribute("DateTime", DATE)
    if levels:
        spec.attribute("textureformat", "Plain Texture")
    pixels = np.dstack([_samples("half", i, (20, 20)) for i in range(3)])
    with contextlib.closing(oiio.ImageOutput.create(str(path))) as output:
        assert output.open(str(path), spec), output.geterror()
        assert output.write_image(pixels), output.geterror()
        size = 20
        while levels and size > 1:
            size //= 2
            spec.width = spec.height = spec.full_width = spec.full_height = size
            assert output.open(str(path), spec, "AppendMIPLevel"), output.geterror()
            assert output.write_image(np.ascontiguousarray(pixels[:size, :size])), output.geterror()


def _deep(path: Path) -> None:
    spec = oiio.ImageSpec(4, 3, 2, oiio.FLOAT)
    spec.channelnames = ("A", "Z")
    spec.deep = True
    spec.attribute("DateTime", DATE)
    data = oiio.DeepData()
    data.init(12, 2, [oiio.TypeDesc("float")] * 2, ["A", "Z"])
    for pixel in range(12):
        data.set_samples(pixel, pixel % 3)
        for sample in range(pixel % 3):
            data.set_deep_value(pixel, 0, sample, 0.5)
            data.set_deep_value(pixel, 1, sample, float(sample))
    with contextlib.closing(oiio.ImageOutput.create(str(path))) as output:
        assert output.open(str(path), spec), output.geterror()
        assert output.write_deep_image(data), output.geterror()


def mislabelled() -> dict[str, bytes]:
    """Files of other kinds that are called .exr, each with a true beginning."""
    picture = zlib.compress(b"\0" + bytes(12))
    chunks = [(b"IHDR", struct.pack(">2I5B", 2, 2, 8, 2, 0, 0, 0)), (b"IDAT", picture), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    )
    return {
        "nothing": b"",
        "one byte": b"\x76",
        "the magic number alone": b"\x76\x2f\x31\x01",
        "png": png,
        "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0" + bytes(64) + b"\xff\xd9",
        "tiff": b"II*\0\x08\0\0\0\x01\0\0\x01\x03\0\x01\0\0\0\x02\0\0\0\0\0\0\0",
        "zip": b"PK\x05\x06" + bytes(18),
        "text": b"#!/bin/sh\necho not a picture\n",
        "elf": b"\x7fELF\x02\x01\x01" + bytes(57),
        "dpx": b"SDPX" + bytes(2044),
        "zeros": bytes(4096),
    }


if __name__ == "__main__":
    for written in write_seeds(SEED_FOLDER):
        print(f"{written.stat().st_size:6} {written.name}")
