# SPDX-License-Identifier: Apache-2.0
"""How many messages and fields a message holds, counted on the wire before it is parsed.

An empty message within another has two bytes on the wire and some sixty in memory, so that one request of 16 MB could
take a gigabyte and, for seconds, the interpreter. The counting itself ends early for the same reason: it takes about
a quarter to one microsecond a field. Byte layout: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import re
from functools import lru_cache

from google.protobuf.descriptor import Descriptor

from void_server.errors import InvalidInput, LimitExceeded

FIELDS_PER_PART, FIELDS_BESIDE = 5, 100
"""Fields that are walked for each message that may be held, and for the order itself. A file by path is three messages
of twelve fields, a box one of seven; twenty messages a frame, six files and two boxes, have 86."""

_VARINT, _LENGTH = 0, 2
_FIXED = {1: 8, 5: 4}
_VALUE = re.compile(rb"[\x80-\xff]{0,9}[\x00-\x7f]")
_LONGEST_LENGTH = 4
"""Bytes of a length: up to 256 MiB."""
_HIGHEST_TAG = (1 << 14) - 1
"""Of two bytes: fields up to number 2047. The contract has none above 15."""


def check_parts(data: bytes, descriptor: Descriptor, most: int) -> None:
    """Let a message pass that holds at most `most` messages, at any depth, and no more fields than these can have.

    Args:
        data: the message on the wire.
        descriptor: its type; fields that the type does not have are counted and passed over.

    Raises:
        LimitExceeded: it holds more.
        InvalidInput: the bytes are cut, or hold groups, numbers longer than they need be, or fields above number
            2047, which no message of the contract has.
    """
    try:
        _walk(data, descriptor, most)
    except IndexError:
        raise not_the_message() from None


def _walk(data: bytes, descriptor: Descriptor, most: int) -> None:
    """As `check_parts`; IndexError where the bytes end within a field. Numbers of one byte are read in place."""
    parts = fields = 0
    most_fields = FIELDS_PER_PART * most + FIELDS_BESIDE
    waiting = [(0, len(data), descriptor)]
    while waiting:
        at, end, kind = waiting.pop()
        inner = _message_fields(kind)
        while at < end:
            fields += 1
            if fields > most_fields:
                raise _too_many(most_fields, "fields")
            tag = data[at]
            at += 1
            if tag > 127:
                tag = tag & 127 | data[at] << 7
                at += 1
                if tag > _HIGHEST_TAG:
                    raise not_the_message()
            wire_type = tag & 7
            if wire_type == _VARINT:
                at = at + 1 if data[at] < 128 else _after_value(data, at)
            elif wire_type == _LENGTH:
                length = data[at]
                at += 1
                if length > 127:
                    length, at = _long_length(data, at - 1)
                if tag >> 3 in inner:
                    parts += 1
                    if parts > most:
                        raise _too_many(most, "messages")
                    waiting.append((at, at + length, inner[tag >> 3]))
                at += length
            elif wire_type in _FIXED:
                at += _FIXED[wire_type]
            else:
                raise not_the_message()
            if at > end:
                raise not_the_message()


def _long_length(data: bytes, at: int) -> tuple[int, int]:
    """A length of more than one byte, and where it ends: seven bits a byte, the lowest first."""
    value, shift = data[at] & 127, 7
    for after in range(at + 1, at + _LONGEST_LENGTH):
        byte = data[after]
        if byte < 128:
            return value | byte << shift, after + 1
        value |= (byte & 127) << shift
        shift += 7
    raise not_the_message()


def _after_value(data: bytes, at: int) -> int:
    found = _VALUE.match(data, at)
    if found is None:
        raise not_the_message()
    return found.end()


def _too_many(most: int, what: str) -> LimitExceeded:
    return LimitExceeded(
        f"The request holds more than {most} {what}; the limit follows max_frames.",
        fix="Split the shot, or raise --max-frames on the server.",
    )


@lru_cache(maxsize=64)
def _message_fields(descriptor: Descriptor) -> dict[int, Descriptor]:
    return {f.number: f.message_type for f in descriptor.fields if f.message_type is not None}


def not_the_message() -> InvalidInput:
    """What a caller is told of bytes that cannot be parsed."""
    return InvalidInput(
        "The bytes of the request are not the message that this method takes.",
        fix="Use a client of the same contract (void.v1), and send text as UTF-8.",
    )
