# SPDX-License-Identifier: Apache-2.0
"""Mutations of EXR files: of the header's structure, of offset tables and chunks, and of any bytes at all.

Each takes a random generator and a file, and gives the bytes of a hostile one. `mutant` picks seed and mutations from
a number, so that every input can be made again from it.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.fuzz.exr_bytes import RawAttribute, RawFile, take_apart

Mutation = Callable[[random.Random, RawFile], RawFile]

INT32 = (0, 1, -1, 2, 7, 255, 256, 65535, 2**20, 2**30 - 1, 2**30, -(2**30), 2**31 - 1, -(2**31), 2**31 - 2)
UINT64 = (0, 1, 7, 8, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64 - 8)
SIZES = (0, 1, 2, 3, 4, 7, 255, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
TYPES = (
    *(b"int", b"float", b"double", b"string", b"stringvector", b"box2i", b"box2f", b"chlist", b"compression"),
    *(b"lineOrder", b"tiledesc", b"preview", b"timecode", b"keycode", b"chromaticities", b"m44f", b"v2f"),
    *(b"rational", b"envmap", b"deepImageState", b"opaque", b"unknown", b"", b"x" * 300),
)
ATTRIBUTES = (
    *(
        b"channels",
        b"compression",
        b"dataWindow",
        b"displayWindow",
        b"lineOrder",
        b"pixelAspectRatio",
        b"tiles",
    ),
    *(b"screenWindowCenter", b"screenWindowWidth", b"type", b"name", b"view", b"version", b"chunkCount"),
    *(
        b"preview",
        b"multiView",
        b"timeCode",
        b"framesPerSecond",
        b"chromaticities",
        b"envmap",
        b"dwaCompressionLevel",
    ),
    *(
        b"maxSamplesPerPixel",
        b"deepImageState",
        b"oiio:ColorSpace",
        b"colorInteropID",
        b"zstd",
        b"",
        b"n" * 300,
    ),
)
PART_TYPES = (b"scanlineimage", b"tiledimage", b"deepscanline", b"deeptile", b"nonsense", b"")


def mutant(number: int, seeds: Sequence[bytes]) -> bytes:
    """The hostile file of this number."""
    rng = random.Random(number)
    data = rng.choice(seeds)
    raw = take_apart(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        raw = rng.choice(MUTATIONS)(rng, raw)
    data = raw.bytes()
    kind = rng.random()
    if kind < 0.15:
        return _truncated(rng, data, raw)
    if kind < 0.25:
        return _flipped(rng, data)
    if kind < 0.28:
        other = rng.choice(seeds)
        return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other)) :]
    return data


def _truncated(rng: random.Random, data: bytes, raw: RawFile) -> bytes:
    if rng.random() < 0.5:
        return data[: rng.randrange(len(data) + 1)]
    return data[: max(0, rng.choice(raw.boundaries()) + rng.choice((-1, 0, 0, 1)))]


def _flipped(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64)) if changed else 0):
        changed[rng.randrange(len(changed))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)


def _with_value(rng: random.Random, raw: RawFile, name: bytes, make: Callable[[bytes], bytes]) -> RawFile:
    """One part's attribute of this name with another value; the file as it is where there is none."""
    holders = [i for i, part in enumerate(raw.parts) if any(a.name == name for a in part)]
    if not holders:
        return raw
    chosen = rng.choice(holders)

    def change(attribute: RawAttribute) -> RawAttribute:
        if attribute.name != name:
            return attribute
        value = make(attribute.value)
        return replace(attribute, value=value, size=len(value))

    return raw.moved(_changed(raw, chosen, tuple(change(a) for a in raw.parts[chosen])))


def _changed(
    raw: RawFile, part: int, attributes: tuple[RawAttribute, ...]
) -> tuple[tuple[RawAttribute, ...], ...]:
    return tuple(attributes if i == part else old for i, old in enumerate(raw.parts))


def _any_part(rng: random.Random, raw: RawFile) -> int:
    return rng.randrange(len(raw.parts))


def windows(rng: random.Random, raw: RawFile) -> RawFile:
    """A window at the edge of what 32 bits hold, or a little beside where it was."""

    def make(value: bytes) -> bytes:
        corners = list(struct.unpack("<4i", value[:16].ljust(16, b"\0")))
        for index in rng.sample(range(4), rng.randint(1, 4)):
            near = max(-(2**31), min(2**31 - 1, corners[index] + rng.choice((-300, -2, -1, 1, 2, 300))))
            corners[index] = rng.choice((*INT32, near, near, near, near))
        return struct.pack("<4i", *corners)

    return _with_value(rng, raw, rng.choice((b"dataWindow", b"dataWindow", b"displayWindow")), make)


def channels(rng: random.Random, raw: RawFile) -> RawFile:
    """A channel list with fields, names or numbers of channels that no writer gives."""

    def entry(name: bytes) -> bytes:
        sampling = (rng.choice((1, 1, 1, *INT32)), rng.choice((1, 1, 1, *INT32)))
        return (
            name + b"\0" + struct.pack("<iIii", rng.choice((0, 1, 2, *INT32)), rng.choice(SIZES), *sampling)
        )

    def make(value: bytes) -> bytes:
        kind = rng.randrange(6)
        if kind == 0:
            return (
                b"".join(
                    b"c%05d\0" % i + struct.pack("<iIii", 1, 0, 1, 1) for i in range(rng.choice((200, 1030)))
                )
                + b"\0"
            )
        if kind == 1:
            return value[:-1] + entry(rng.choice((b"R", b"Z", b"a.b.c.d", b"\xff\xfe", b"n" * 300))) + b"\0"
        if kind == 2:
            return value[:-1] * rng.choice((2, 3)) + b"\0"
        if kind == 3:
            return value[: rng.randrange(len(value) + 1)]
        if kind == 4:
            return b"\0"
        changed = bytearray(value)
        changed[rng.randrange(len(changed))] = rng.choice((0, 1, 2, 3, 0x7F, 0xFF))
        return bytes(changed)

    return _with_value(rng, raw, b"channels", make)


def tiles(rng: random.Random, raw: RawFile) -> RawFile:
    """A tile description with impossible sizes or modes; also in files that have no tiles."""
    value = struct.pack(
        "<IIB",
        rng.choice((1, 8, 64, *SIZES)),
        rng.choice((1, 8, 64, *SIZES)),
        rng.choice((0, 1, 2, 3, 16, 17, 255)),
    )
    if any(a.name == b"tiles" for part in raw.parts for a in part):
        return _with_value(rng, raw, b"tiles", lambda _: value)
    changed = _added(rng, raw, RawAttribute(b"tiles", b"tiledesc", value, len(value)))
    return replace(changed, version=changed.version | 0x200) if rng.random() < 0.5 else changed


def chunk_count(rng: random.Random, raw: RawFile) -> RawFile:
    """A chunk count that is not that of the chunks."""
    value = struct.pack("<i", rng.choice(INT32))
    if any(a.name == b"chunkCount" for part in raw.parts for a in part):
        return _with_value(rng, raw, b"chunkCount", lambda _: value)
    return _added(rng, raw, RawAttribute(b"chunkCount", b"int", value, 4))


def compression(rng: random.Random, raw: RawFile) -> RawFile:
    """Another codec than that of the chunks."""
    return _with_value(rng, raw, b"compression", lambda _: bytes((rng.choice((*range(14), 127, 255)),)))


def line_order(rng: random.Random, raw: RawFile) -> RawFile:
    """Another order of lines."""
    return _with_value(rng, raw, b"lineOrder", lambda _: bytes((rng.choice((0, 1, 2, 3, 255)),)))


def part_type(rng: random.Random, raw: RawFile) -> RawFile:
    """A part that says to be of another type."""
    value = rng.choice(PART_TYPES)
    if any(a.name == b"type" for part in raw.parts for a in part):
        return _with_value(rng, raw, b"type", lambda _: value)
    return _added(rng, raw, RawAttribute(b"type", b"string", value, len(value)))


def version(rng: random.Random, raw: RawFile) -> RawFile:
    """Other flags."""
    return replace(raw, version=rng.choice((raw.version ^ (1 << rng.randrange(32)), rng.getrandbits(32))))


def attribute_size(rng: random.Random, raw: RawFile) -> RawFile:
    """A size that is not that of the value."""
    part = _any_part(rng, raw)
    chosen = rng.randrange(len(raw.parts[part]))
    old = raw.parts[part][chosen]
    new = replace(old, size=rng.choice((*SIZES, old.size + 1, max(0, old.size - 1), old.size + 4)))
    return replace(raw, parts=_changed(raw, part, _replaced(raw.parts[part], chosen, new)))


def attribute_value(rng: random.Random, raw: RawFile) -> RawFile:
    """Any bytes as a value, of the same length or another."""
    part = _any_part(rng, raw)
    chosen = rng.randrange(len(raw.parts[part]))
    old = raw.parts[part][chosen]
    length = rng.choice((len(old.value), len(old.value), 0, 1, len(old.value) + 1, 4096))
    value = rng.choice((rng.randbytes(length), bytes(length), b"\xff" * length))
    new = replace(old, value=value, size=len(value))
    return raw.moved(_changed(raw, part, _replaced(raw.parts[part], chosen, new)))


def attribute_type(rng: random.Random, raw: RawFile) -> RawFile:
    """A known name with another type, or another name with this type."""
    part = _any_part(rng, raw)
    chosen = rng.randrange(len(raw.parts[part]))
    old = raw.parts[part][chosen]
    new = (
        replace(old, type=rng.choice(TYPES))
        if rng.random() < 0.5
        else replace(old, name=rng.choice(ATTRIBUTES))
    )
    return raw.moved(_changed(raw, part, _replaced(raw.parts[part], chosen, new)))


def attribute_gone(rng: random.Random, raw: RawFile) -> RawFile:
    """A header without one of its attributes, or with one twice."""
    part = _any_part(rng, raw)
    held = raw.parts[part]
    chosen = rng.randrange(len(held))
    kept = (
        held[:chosen] + held[chosen + 1 :] if rng.random() < 0.6 and len(held) > 1 else (*held, held[chosen])
    )
    return raw.moved(_changed(raw, part, kept))


def attribute_added(rng: random.Random, raw: RawFile) -> RawFile:
    """One more attribute of a known name or type with any value; now and then thousands."""
    if rng.random() < 0.1:
        many = tuple(RawAttribute(b"a%d" % i, b"int", bytes(4), 4) for i in range(rng.choice((500, 5000))))
        return raw.moved(_changed(raw, 0, (*raw.parts[0], *many)))
    value = rng.choice((rng.randbytes(rng.choice((0, 1, 4, 8, 16, 64))), struct.pack("<II", 2**31, 2**31)))
    return _added(rng, raw, RawAttribute(rng.choice(ATTRIBUTES), rng.choice(TYPES), value, len(value)))


def parts(rng: random.Random, raw: RawFile) -> RawFile:
    """A part twice, or many times, or one less."""
    chosen = raw.parts[_any_part(rng, raw)]
    several = rng.choice(
        ((*raw.parts, chosen), (*raw.parts, *[chosen] * 300), raw.parts[1:] or raw.parts, raw.parts[::-1])
    )
    return replace(raw.moved(several), version=raw.version | (0x1000 if rng.random() < 0.7 else 0))


def offsets(rng: random.Random, raw: RawFile) -> RawFile:
    """Offsets that are negative, behind the end, in the header, inside or on top of each other, or nothing."""
    if not raw.offsets:
        return raw
    size = len(raw.bytes())
    places = (
        *UINT64,
        size,
        size - 1,
        size + 1,
        size - 8,
        *raw.offsets,
        raw.offsets[0] + 1,
        raw.offsets[0] - 4,
    )
    kind = rng.randrange(5)
    if kind == 0:
        return replace(raw, offsets=(rng.choice(places),) * len(raw.offsets))
    if kind == 1:
        return replace(raw, offsets=tuple(rng.sample(raw.offsets, len(raw.offsets))))
    if kind == 2:
        return replace(raw, offsets=raw.offsets[: rng.randrange(len(raw.offsets))])
    if kind == 3:
        return replace(raw, offsets=raw.offsets * rng.choice((2, 9)))
    chosen = rng.randrange(len(raw.offsets))
    changed = (*raw.offsets[:chosen], rng.choice(places), *raw.offsets[chosen + 1 :])
    return replace(raw, offsets=changed)


def chunk_fields(rng: random.Random, raw: RawFile) -> RawFile:
    """A chunk with another part number, line, tile or size in front."""
    if not raw.chunks:
        return raw
    at = rng.choice(raw.chunks) + 4 * rng.randrange(8)
    return _body(raw, at, struct.pack("<I", rng.choice((*INT32, *SIZES)) & 0xFFFFFFFF))


def chunk_bytes(rng: random.Random, raw: RawFile) -> RawFile:
    """Compressed bytes that no codec wrote."""
    if not raw.body:
        return raw
    at, length = rng.randrange(len(raw.body)), rng.choice((1, 1, 2, 4, 16, 256))
    return _body(raw, at, rng.choice((rng.randbytes(length), bytes(length), b"\xff" * length)))


def body_shift(rng: random.Random, raw: RawFile) -> RawFile:
    """Bytes taken out of the body, or put in."""
    at = rng.randrange(len(raw.body) + 1)
    if rng.random() < 0.5:
        return replace(raw, body=raw.body[:at] + rng.randbytes(rng.choice((1, 4, 100))) + raw.body[at:])
    return replace(raw, body=raw.body[:at] + raw.body[at + rng.choice((1, 4, 100)) :])


def _body(raw: RawFile, at: int, data: bytes) -> RawFile:
    return replace(raw, body=(raw.body[:at] + data + raw.body[at + len(data) :])[: len(raw.body)])


def _added(rng: random.Random, raw: RawFile, attribute: RawAttribute) -> RawFile:
    part = _any_part(rng, raw)
    return raw.moved(_changed(raw, part, (*raw.parts[part], attribute)))


def _replaced(held: tuple[RawAttribute, ...], index: int, new: RawAttribute) -> tuple[RawAttribute, ...]:
    return (*held[:index], new, *held[index + 1 :])


HEADER_MUTATIONS: tuple[Mutation, ...] = (
    *(windows, windows, channels, tiles, chunk_count, compression, line_order, part_type, version),
    *(attribute_size, attribute_value, attribute_type, attribute_gone, attribute_added, parts),
)
BODY_MUTATIONS: tuple[Mutation, ...] = (offsets, offsets, chunk_fields, chunk_fields, chunk_bytes, body_shift)
MUTATIONS = (*HEADER_MUTATIONS, *BODY_MUTATIONS, *BODY_MUTATIONS)
