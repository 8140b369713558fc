# SPDX-License-Identifier: Apache-2.0
"""Frame bytes on the wire, without the copies that a protobuf message makes of them.

An `UploadRequest` of a chunk is put together in one piece, and `DownloadResponse.chunk` is found inside the received
bytes; the bytes are those of the contract either way. Byte layout: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from dataclasses import dataclass

from void.v1 import frames_pb2

_CHUNK = bytes([frames_pb2.UploadRequest.CHUNK_FIELD_NUMBER << 3 | 2])
_TOTAL = bytes([frames_pb2.DownloadResponse.TOTAL_BYTES_FIELD_NUMBER << 3])
_DOWNLOAD_CHUNK = bytes([frames_pb2.DownloadResponse.CHUNK_FIELD_NUMBER << 3 | 2])
_LONGEST_VARINT = 9
"""Bytes of a number below 2**63; a longer one is left to the parser."""


@dataclass(frozen=True)
class Received:
    """A `DownloadResponse`.

    Attributes:
        total_bytes: full length of the blob.
        chunk: its next bytes.
    """

    total_bytes: int
    chunk: bytes | memoryview


def upload_request(part: frames_pb2.UploadStart | bytes) -> bytes:
    """An `UploadRequest` on the wire: the start, or the next bytes."""
    if isinstance(part, bytes):
        return b"".join((_CHUNK, _varint(len(part)), part))
    return frames_pb2.UploadRequest(start=part).SerializeToString()


def download_response(data: bytes) -> Received:
    """Read a `DownloadResponse`.

    Args:
        data: the message on the wire.

    Raises:
        google.protobuf.message.DecodeError: it is none.
    """
    if data[:1] == _TOTAL:
        total, at = _read_varint(data, 1)
        if at and data[at : at + 1] == _DOWNLOAD_CHUNK:
            length, begin = _read_varint(data, at + 1)
            if begin and begin + length == len(data):
                return Received(total, memoryview(data)[begin:])
    message = frames_pb2.DownloadResponse.FromString(data)
    return Received(message.total_bytes, message.chunk)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number, and where it ends; (0, 0) when it does not end in time."""
    value = 0
    for place, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    return 0, 0
