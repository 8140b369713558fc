# SPDX-License-Identifier: Apache-2.0
"""Hostile clips, made from numbers: damage to small mp4, mov, mkv and avi files and to what they say of themselves.

`python -m tests.fuzz.clips` writes the seeds again: five pictures of a coded quadmask in each container.
"""

from __future__ import annotations

import random
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.seeds import CORPUS
from tests.masks.small_masks import quadmask
from void_server.quadmask.coded_video import write_video

CLIP_FOLDER = CORPUS / "clips"
SUFFIXES = (".mp4", ".mov", ".mkv", ".avi")
PICTURES = 5
NAMES = (
    *(
        b"moov",
        b"trak",
        b"mdia",
        b"minf",
        b"stbl",
        b"stsd",
        b"stts",
        b"stsc",
        b"stsz",
        b"stco",
        b"co64",
        b"elst",
    ),
    *(
        b"dref",
        b"url ",
        b"alis",
        b"rmra",
        b"cmov",
        b"moof",
        b"free",
        b"avc1",
        b"avcC",
        b"mdat",
        b"ftyp",
        b"uuid",
    ),
    *(b"strh", b"strf", b"idx1", b"movi", b"00dc", b"indx", b"JUNK", b"H264", b"MPNG", b"rawv"),
)
NUMBERS = (0, 1, 7, 8, 15, 255, 65535, 2**24, 2**30, 2**31 - 1, 2**31, 2**32 - 1)
WORDS = (
    b"/etc/passwd",
    b"file:///etc/passwd",
    b"http://127.0.0.1:9/a.mp4",
    b"#EXTM3U\n/etc/passwd\n",
    b"../" * 40,
)

Damage = Callable[[random.Random, bytearray], None]


def clip_seeds() -> list[bytes]:
    """The committed seeds."""
    return [path.read_bytes() for path in sorted(CLIP_FOLDER.iterdir())]


def hostile_clip(number: int) -> bytes:
    """The bytes of this number, the same each time."""
    rng = random.Random(number)
    data = bytearray(rng.choice(clip_seeds()))
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice(DAMAGES)(rng, data)
    return bytes(data)


def _flipped(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.choice((1, 4, 40))):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _number_changed(rng: random.Random, data: bytearray) -> None:
    if len(data) >= 4:
        at = rng.randrange(len(data) - 3)
        data[at : at + 4] = struct.pack(rng.choice((">I", "<I")), rng.choice(NUMBERS))


def _size_of_a_box_changed(rng: random.Random, data: bytearray) -> None:
    if (at := _name_in(rng, data)) >= 4:
        data[at - 4 : at] = struct.pack(
            rng.choice((">I", "<I")), rng.choice((*NUMBERS, len(data), len(data) * 2))
        )


def _box_renamed(rng: random.Random, data: bytearray) -> None:
    if (at := _name_in(rng, data)) >= 0:
        data[at : at + 4] = rng.choice(NAMES)


def _field_of_a_box_changed(rng: random.Random, data: bytearray) -> None:
    if (at := _name_in(rng, data)) >= 0:
        at += 4 + rng.randrange(64)
        data[at : at + 4] = struct.pack(">I", rng.choice(NUMBERS))


def _moved(rng: random.Random, data: bytearray) -> None:
    begin, length, to = rng.randrange(len(data) + 1), rng.choice((4, 64, 600)), rng.randrange(len(data) + 1)
    piece = data[begin : begin + length]
    if rng.random() < 0.5:
        del data[begin : begin + length]
    data[to:to] = piece


def _spliced(rng: random.Random, data: bytearray) -> None:
    other = rng.choice(clip_seeds())
    data[rng.randrange(len(data) + 1) :] = other[rng.randrange(len(other)) :]


def _word_put_in(rng: random.Random, data: bytearray) -> None:
    at, word = rng.randrange(len(data) + 1), rng.choice(WORDS)
    data[at : at + rng.choice((0, len(word)))] = word


def _name_in(rng: random.Random, data: bytearray) -> int:
    places = [at for name in NAMES if (at := data.find(name)) >= 0]
    return rng.choice(places) if places else -1


DAMAGES: tuple[Damage, ...] = (
    *(_flipped, _cut, _number_changed, _size_of_a_box_changed, _box_renamed),
    *(_field_of_a_box_changed, _moved, _spliced, _word_put_in),
)


def _write_seeds() -> None:
    CLIP_FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.mp4"
        write_video(whole, [quadmask(index).codes for index in range(PICTURES)])
        for suffix in SUFFIXES:
            target = CLIP_FOLDER / f"clip{suffix}"
            subprocess.run(
                ["ffmpeg", "-v", "error", "-y", "-i", whole, "-c", "copy", "-fflags", "+bitexact", target],
                check=True,
            )
            print(f"{target.stat().st_size:6} {target.name}")


if __name__ == "__main__":
    _write_seeds()
