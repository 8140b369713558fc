# SPDX-License-Identifier: Apache-2.0
"""How many messages a message holds, counted on the wire before it is parsed.

An empty message within another has two bytes on the wire and some sixty in memory, so that one request of 16 MB could
take a gigabyte and, for seconds, the interpreter. Byte layout: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from functools import lru_cache

from google.protobuf.descriptor import Descriptor

from void_server.errors import InvalidInput, LimitExceeded

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10


def check_parts(data: bytes, descriptor: Descriptor, most: int) -> None:
    """Let a message pass that holds at most `most` messages, at any depth.

    Args:
        data: the message on the wire.
        descriptor: its type; fields that the type does not have are passed over.

    Raises:
        LimitExceeded: it holds more.
        InvalidInput: the bytes are cut, or hold groups, which no message of proto3 has.
    """
    found = 0
    waiting = [(0, len(data), descriptor)]
    while waiting:
        at, end, kind = waiting.pop()
        inner = _message_fields(kind)
        while at < end:
            tag, at = _varint(data, at, end)
            if tag & 7 == _LENGTH:
                length, at = _varint(data, at, end)
                if tag >> 3 in inner:
                    found += 1
                    waiting.append((at, at + length, inner[tag >> 3]))
                at += length
            elif tag & 7 == _VARINT:
                _, at = _varint(data, at, end)
            elif tag & 7 in (_EIGHT_BYTES, _FOUR_BYTES):
                at += 8 if tag & 7 == _EIGHT_BYTES else 4
            else:
                raise not_the_message()
            if at > end:
                raise not_the_message()
            if found > most:
                raise LimitExceeded(
                    f"The request holds more than {most} messages; the limit follows max_frames.",
                    fix="Split the shot, or raise --max-frames on the server.",
                )


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    for place in range(at, min(end, at + _LONGEST_VARINT)):
        byte = data[place]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place + 1
        shift += 7
    raise not_the_message()


@lru_cache(maxsize=64)
def _message_fields(descriptor: Descriptor) -> dict[int, Descriptor]:
    return {f.number: f.message_type for f in descriptor.fields if f.message_type is not None}


def not_the_message() -> InvalidInput:
    """What a caller is told of bytes that cannot be parsed."""
    return InvalidInput(
        "The bytes of the request are not the message that this method takes.",
        fix="Use a client of the same contract (void.v1), and send text as UTF-8.",
    )
