# SPDX-License-Identifier: Apache-2.0
"""What the clients of a load are told, and the orders that they make of it. Needs no image library.

A shot of a few frames is written once. Each order takes frames of it with another last line of pixels, so that they are
new to the server; orders with the same number are equal to the last bit, whoever makes them.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, field
from pathlib import Path

from void.v1 import jobs_pb2, types_pb2

from void_client.content import Content, content_of_bytes

WIDTH, HEIGHT = 96, 72
"""About the smallest frames that the engine works on: what is measured is the server, not the engine."""

FIRST_FRAME = 1001
FRAMES = 3
"""Of an artist's order."""
LONG_FRAMES = 24
"""Of the slow reader's order, and of the shot that is written."""

SHARED_ORDERS = 8
"""Orders that every artist may make, by their numbers: the same frames, settings and place."""

_LAST_LINE_BYTES = WIDTH * 3 * 2


@dataclass(frozen=True)
class Plan:
    """What a client is told.

    Attributes:
        address: `host:port` of the server.
        tokens: by user.
        shot: folder of the frames: `plate.N.exr` uncompressed half RGB, `roto.N.exr`.
        seed: of all that is chosen at random.
        previews: whether the server has a segmenter that answers `Masks.Preview`.
        slow_bytes_per_s: what the slow reader takes.
        slow_blob_bytes: what it downloads.
        slow_pause_s: between two messages that it takes of its Watch.
    """

    address: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    shot: str = ""
    seed: int = 1
    previews: bool = False
    slow_bytes_per_s: float = 20_000
    slow_blob_bytes: int = 3 << 20
    slow_pause_s: float = 3.0

    def to_json(self) -> str:
        """One line; it holds the tokens, so it goes through a pipe and into no argument or file."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Plan:
        """What `to_json` wrote."""
        return Plan(**json.loads(text))

    def user(self, client: int) -> str:
        """Who client `client` is: the users take turns, so that each has as many clients as any other."""
        return list(self.tokens)[client % len(self.tokens)]


@dataclass(frozen=True)
class Order:
    """An order and the files that it needs."""

    spec: jobs_pb2.JobSpec
    contents: tuple[Content, ...]

    @property
    def first_plate(self) -> types_pb2.FrameFile:
        """The plate's first frame, as `Masks.Preview` wants it."""
        return self.spec.shot.plate.files[0]


def order(shot: Path, number: int, place: str, frames: int = FRAMES) -> Order:
    """The order with this number.

    Args:
        shot: folder of the frames.
        number: decides which frames it takes, their last lines, and the seed.
        place: where the results would go; part of the order's identity.
        frames: how many, at most `LONG_FRAMES`.
    """
    chance = random.Random(number)
    offset = chance.randrange(LONG_FRAMES - frames + 1)
    spec = jobs_pb2.JobSpec(kind=jobs_pb2.JOB_KIND_REMOVE)
    spec.shot.range.first, spec.shot.range.last = FIRST_FRAME, FIRST_FRAME + frames - 1
    spec.shot.range.step = 1
    spec.shot.plate.pattern, spec.shot.remove.pattern = "plate.####.exr", "roto.####.exr"
    spec.settings.engine, spec.settings.seed = "auto", number % 1000
    spec.output.CopyFrom(types_pb2.OutputPlace(directory=place, name="load", padding=4))
    contents = []
    for index in range(frames):
        frame = FIRST_FRAME + index
        for name, sequence in (("plate", spec.shot.plate), ("roto", spec.shot.remove)):
            data = (shot / f"{name}.{FIRST_FRAME + offset + index}.exr").read_bytes()
            if name == "plate":
                data = data[:-_LAST_LINE_BYTES] + _halves(chance)
            content = content_of_bytes(f"{name}.{frame}.exr", data)
            contents.append(content)
            sequence.files.add(frame=frame, name=content.name, blob=content.blob)
    return Order(spec, tuple(contents))


def _halves(chance: random.Random) -> bytes:
    """A line of half values from 0.25 to 0.5: an exponent byte of 0x34 to 0x37 above eight bits of fraction."""
    data = bytearray(chance.randbytes(_LAST_LINE_BYTES))
    for high in range(1, _LAST_LINE_BYTES, 2):
        data[high] = 0x34 | data[high] & 3
    return bytes(data)
