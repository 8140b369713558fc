# SPDX-License-Identifier: Apache-2.0
"""Frame bytes on the wire, without the copies that a protobuf message makes of them.

`UploadRequest.chunk` is found inside the received bytes, and `DownloadResponse` is put together in one piece; the bytes
are those of the contract either way. Byte layout: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from void.v1 import frames_pb2

_CHUNK = bytes([frames_pb2.UploadRequest.CHUNK_FIELD_NUMBER << 3 | 2])
_TOTAL = bytes([frames_pb2.DownloadResponse.TOTAL_BYTES_FIELD_NUMBER << 3])
_DOWNLOAD_CHUNK = bytes([frames_pb2.DownloadResponse.CHUNK_FIELD_NUMBER << 3 | 2])
_LONGEST_LENGTH = 4
"""Bytes of a length below 256 MiB; no message of a chunk is longer."""


def upload_chunk(data: bytes) -> memoryview | None:
    """The chunk within an `UploadRequest` that is nothing but one chunk; None of all else, which a parser may read.

    Args:
        data: the message on the wire.
    """
    if data[:1] != _CHUNK:
        return None
    length = 0
    for at, byte in enumerate(data[1 : 1 + _LONGEST_LENGTH]):
        length |= (byte & 127) << 7 * at
        if byte < 128:
            begin = at + 2
            return memoryview(data)[begin:] if begin + length == len(data) else None
    return None


def download_response(total: int, chunk: bytes) -> bytes:
    """A `DownloadResponse` on the wire.

    Args:
        total: `total_bytes`, at least 1.
        chunk: at least one byte.
    """
    return b"".join((_TOTAL, _varint(total), _DOWNLOAD_CHUNK, _varint(len(chunk)), chunk))


def ready_or(serializer: Callable[[Any], bytes] | None) -> Callable[[Any], bytes]:
    """A serializer that lets bytes pass, which are a response on the wire already."""

    def serialized(response: Any) -> bytes:
        return response if serializer is None or isinstance(response, bytes) else serializer(response)

    return serialized


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
