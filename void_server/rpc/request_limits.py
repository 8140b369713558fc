# SPDX-License-Identifier: Apache-2.0
"""How long a request may be, by method."""

from __future__ import annotations

from void.v1 import jobs_pb2

from void_server.configuration import Limits
from void_server.rpc.chunks import upload_chunk
from void_server.rpc.frame_store import MAX_CHUNK_BYTES
from void_server.rpc.parsing import RequestLimit

MAX_MESSAGE_BYTES = 32 << 20
MAX_ORDER_BYTES = 24 << 20
"""Of Submit and Preflight; one of 10,000 frames with five inputs by path has about 20 MB. The rest of a message, 800
bytes for each of these frames, is for what Submit and Get answer besides the order: outputs and findings."""
SPEC_BYTES_PER_FRAME, SPEC_PARTS_PER_FRAME = 3200, 20
"""Of an order: six inputs, each with a file, its path and its stamp: three messages; a digest, a file name and a path
of up to 200 bytes each, and what the format adds."""


def request_limits(limits: Limits) -> dict[str, RequestLimit]:
    """Methods that take more than `void_server.rpc.parsing.MAX_REQUEST_BYTES` in a message."""
    order = min(MAX_ORDER_BYTES, limits.max_request_bytes + limits.max_frames * SPEC_BYTES_PER_FRAME)
    parts = limits.max_frames * SPEC_PARTS_PER_FRAME
    return {
        "/void.v1.Jobs/Submit": RequestLimit(order, jobs_pb2.SubmitRequest.DESCRIPTOR, parts),
        "/void.v1.Jobs/Preflight": RequestLimit(order, jobs_pb2.PreflightRequest.DESCRIPTOR, parts),
        "/void.v1.FrameStore/Upload": RequestLimit(2 * MAX_CHUNK_BYTES, quick=upload_chunk),
    }
