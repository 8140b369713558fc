# SPDX-License-Identifier: Apache-2.0
"""Messages of the contract with values that no client sends, and bytes that are no message at all.

Made from the descriptors, so that a new field is tried without a change here.
"""

from __future__ import annotations

import random
import struct
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

TEXTS = (
    *(
        "",
        "a",
        "auto",
        "..",
        "../../etc/passwd",
        "/",
        "\0",
        "a\0b",
        "\n",
        "%s%n",
        "{file}",
        "{pattern}",
        "'; --",
    ),
    *(
        "\u202e",
        "é" * 50,
        "\U0001f3ac",
        "\ufffe",
        "x" * 5000,
        "nan",
        "-1",
        "1e999",
        "9" * 5000,
        "0" * 64,
        "f" * 64,
    ),
    *(
        "plate.####.exr",
        "plate.%04d.exr",
        "R",
        "void_mask.red",
        "cleanplate",
        "roto",
        "ocio://default",
        "abcd",
        "%_%_",
    ),
)
NUMBERS = {
    "int32": (0, 1, -1, 2, 1001, 2**31 - 1, -(2**31)),
    "uint32": (0, 1, 4, 1000, 2**31, 2**32 - 1),
    "uint64": (0, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1),
    "double": (0.0, -0.0, 1.0, -1.0, 1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
}
KINDS = {
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "uint32",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
    FieldDescriptor.TYPE_DOUBLE: "double",
}
DEEPEST = 6


def random_message(rng: random.Random, descriptor: Descriptor, base: Message | None = None) -> Message:
    """A message of this type; `base` is one to start from, of which some fields are changed."""
    message = GetMessageClass(descriptor)()
    if base is not None:
        message.CopyFrom(base)
        # One change somewhere in a good message comes further than a message of nonsense.
        _change_one(rng, message)
        return message
    _fill(rng, message, 0)
    return message


def random_bytes(rng: random.Random, descriptor: Descriptor, base: Message | None = None) -> bytes:
    """What is sent as a message of this type: a message, a damaged one, or no message."""
    kind = rng.random()
    if kind < 0.1:
        return rng.randbytes(rng.choice((1, 2, 10, 1000)))
    if kind < 0.15:
        return rng.choice(
            (b"", b"\xff" * 11, b"\x0b" * 200, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xff\xfe")
        )
    if kind < 0.2:
        return nested(rng.choice((90, 120, 5000)))
    data = random_message(rng, descriptor, base if rng.random() < 0.6 else None).SerializeToString()
    if kind < 0.4 and data:
        changed = bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        data = bytes(changed[: rng.choice((len(changed), rng.randrange(len(changed) + 1)))])
    return data


def nested(depth: int) -> bytes:
    """Messages in each other's first field, deeper than any parser goes."""
    data = b""
    for _ in range(depth):
        data = b"\x0a" + _varint(len(data)) + data
    return data


def many_parts(bytes_: int) -> bytes:
    """An order whose plate has as many empty files as fit, the most that a parser can make of so few bytes."""
    files = b"\x1a\x00" * (bytes_ // 2)
    plate = b"\x1a" + _varint(len(files)) + files
    shot = b"\x12" + _varint(len(plate)) + plate
    return b"\x0a" + _varint(len(shot)) + shot


def _varint(value: int) -> bytes:
    data = b""
    while value > 127:
        data += struct.pack("B", value & 127 | 128)
        value >>= 7
    return data + struct.pack("B", value)


def _change_one(rng: random.Random, message: Message) -> None:
    holder = message
    while inner := [v for f, v in holder.ListFields() if f.message_type and not f.is_repeated]:
        if rng.random() < 0.25:
            break
        holder = rng.choice(inner)
    lists = [
        v for f, v in holder.ListFields() if f.is_repeated and f.message_type and not _is_map(f) and len(v)
    ]
    if lists and rng.random() < 0.5:
        holder = rng.choice(rng.choice(lists))
    _set(rng, holder, rng.choice(holder.DESCRIPTOR.fields), DEEPEST - 2)


def _fill(rng: random.Random, message: Message, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.5:
            _set(rng, message, field, depth)


def _set(rng: random.Random, message: Message, field: FieldDescriptor, depth: int) -> None:
    if _is_map(field):
        getattr(message, field.name)[rng.choice(TEXTS)] = rng.choice(TEXTS)
    elif field.message_type is not None:
        if depth >= DEEPEST:
            return
        if field.is_repeated:
            for _ in range(rng.choice((0, 1, 3))):
                _fill(rng, getattr(message, field.name).add(), depth + 1)
        else:
            getattr(message, field.name).SetInParent()
            _fill(rng, getattr(message, field.name), depth + 1)
    elif field.is_repeated:
        getattr(message, field.name).extend(_value(rng, field) for _ in range(rng.choice((1, 2, 5000))))
    else:
        setattr(message, field.name, _value(rng, field))


def _value(rng: random.Random, field: FieldDescriptor) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return rng.choice(TEXTS)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.randbytes(rng.choice((0, 1, 1000)))
    if field.type == FieldDescriptor.TYPE_BOOL:
        return rng.random() < 0.5
    if field.type == FieldDescriptor.TYPE_ENUM:
        return rng.choice((0, 1, 2, 99, -1, 2**31 - 1, -(2**31)))
    return rng.choice(NUMBERS[KINDS[field.type]])


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)
