# SPDX-License-Identifier: Apache-2.0
"""EXR files, with Nuke's names of what is in them (2.5, 3.1); needs the packages OpenEXR and numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.nuke.standin.pictures import Source

SHORT = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
LONG = {long: short for short, long in SHORT.items()}
COMPRESSIONS = {
    "none": "NO_COMPRESSION",
    "Zip (1 scanline)": "ZIPS_COMPRESSION",
    "Zip (16 scanlines)": "ZIP_COMPRESSION",
    "PIZ Wavelet (32 scanlines)": "PIZ_COMPRESSION",
    "RLE": "RLE_COMPRESSION",
    "B44": "B44_COMPRESSION",
    "B44A": "B44A_COMPRESSION",
    "DWAA": "DWAA_COMPRESSION",
    "DWAB": "DWAB_COMPRESSION",
}
STRUCTURE = (
    "channels",
    "compression",
    "lineOrder",
    "type",
    "dataWindow",
    "displayWindow",
    "pixelAspectRatio",
)


def _library() -> Any:
    try:
        import OpenEXR
    except ImportError as missing:
        raise RuntimeError("no renderer: the package OpenEXR is not installed") from missing
    return OpenEXR


def in_nuke(channel: str) -> str:
    """Name of an EXR's channel in Nuke: R is rgba.red, void_mask.R is void_mask.red (3.1)."""
    layer, _, short = channel.rpartition(".")
    return f"{layer or 'rgba'}.{SHORT.get(short, short)}"


def in_file(channel: str) -> str:
    """Name of Nuke's channel in a file: rgba as R, G, B, A; others as layer.channel (2.5)."""
    layer, _, short = channel.partition(".")
    return LONG.get(short, short) if layer == "rgba" else channel


def described(path: str) -> Any:
    """What a file's header says, or None where it cannot be read."""
    if not Path(path).is_file():
        return None
    try:
        return _source(_library().File(path, header_only=True), path)
    except RuntimeError:
        return None


def read(path: str) -> tuple[Any, dict[str, Any]]:
    """What a file's header says, and its pixels by Nuke's names of channels."""
    file = _library().File(path, separate_channels=True)
    pixels = {in_nuke(name): channel.pixels for name, channel in file.parts[0].channels.items()}
    return _source(file, path), pixels


def _bits(kinds: set[str]) -> str:
    return "16-bit half float" if all("HALF" in kind for kind in kinds) else "32-bit float"


def _source(file: Any, path: str) -> Source:
    header = file.header()
    shown, window = header["displayWindow"], header["dataWindow"]
    size = tuple(int(one) for one in shown[1] - shown[0] + 1)
    names = [channel.name for channel in header["channels"]]
    metadata = {f"exr/{key}": value for key, value in header.items() if key not in STRUCTURE}
    metadata["input/filename"] = path
    metadata["input/bitsperchannel"] = _bits({str(channel.type) for channel in header["channels"]})
    if "timeCode" in header:
        code = header["timeCode"]
        parts = (code.hours, code.minutes, code.seconds, code.frame)
        metadata["input/timecode"] = ":".join(f"{int(part):02d}" for part in parts)
    return Source(
        None,
        size=(size[0], size[1]),
        window=(*(int(one) for one in window[0]), *(int(one) for one in window[1])),  # type: ignore[arg-type]
        aspect=float(header.get("pixelAspectRatio", 1.0)),
        metadata=metadata,
        channels=tuple(in_nuke(name) for name in names),
    )


def write(path: str, image: Any, datatype: str, compression: str, attributes: dict[str, Any]) -> None:
    """Writes the channels of an image as a single part of scanlines."""
    import numpy as np

    library = _library()
    kind = np.float16 if datatype == "16 bit half" else np.float32
    left, top, right, bottom = image.window
    header: dict[str, Any] = {
        "compression": getattr(library, COMPRESSIONS[compression]),
        "type": library.scanlineimage,
        "dataWindow": (np.array([left, top], np.int32), np.array([right, bottom], np.int32)),
        "displayWindow": (
            np.array([0, 0], np.int32),
            np.array([image.size[0] - 1, image.size[1] - 1], np.int32),
        ),
        "pixelAspectRatio": float(image.aspect),
    }
    for name, value in attributes.items():
        header[name] = value
    if isinstance(header.get("timeCode"), str):
        hours, minutes, seconds, frame = (int(part) for part in header["timeCode"].split(":"))
        header["timeCode"] = library.TimeCode(hours, minutes, seconds, frame, *[0] * 14)
    channels = {
        in_file(name): np.ascontiguousarray(pixels.astype(kind)) for name, pixels in image.channels.items()
    }
    library.File(header, channels).write(path)
