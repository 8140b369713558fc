# SPDX-License-Identifier: Apache-2.0
"""Service Masks: a matte of one frame while an artist clicks."""

from __future__ import annotations

from typing import Any

import grpc
from void.v1 import masks_pb2, masks_pb2_grpc, types_pb2

from void_server.access.principals import Principal
from void_server.errors import InvalidInput, Unsupported
from void_server.frames.blobs import BlobFolder, check_digest, not_stored
from void_server.jobs.stage import Pool
from void_server.jobs.visibility import Visibility
from void_server.rpc.auth import caller
from void_server.rpc.status import answers_errors

SEGMENTER = "sam2"
"""The only one that answers for a single frame."""


class Masks(masks_pb2_grpc.MasksServicer):
    """See protos/void/v1/masks.proto.

    Args:
        pool: workers of its own, so that no job's long step keeps a click waiting.
        visible: decides which blobs a caller may open; it may open the matte that it asked for.
    """

    def __init__(self, blobs: BlobFolder, pool: Pool, visible: Visibility) -> None:
        self._blobs, self._pool, self._visible = blobs, pool, visible

    @answers_errors
    def Preview(
        self, request: masks_pb2.PreviewRequest, context: grpc.ServicerContext
    ) -> masks_pb2.PreviewResponse:
        """Answers with the matte of one frame."""
        if request.segmenter not in ("", SEGMENTER):
            raise InvalidInput(
                f"The segmenter {request.segmenter} answers for whole shots only.",
                fix=f"Ask {SEGMENTER}, or make a quadmask: void mask make.",
            )
        who = caller(context)
        future = self._pool.submit(
            {
                "do": "preview",
                "label": f"matte of {request.frame.name or 'a frame'}",
                "frame": self._opened(request.frame, who),
                "roto": self._opened(request.roto, who) if request.HasField("roto") else "",
                "points": [[p.x, p.y, p.positive, p.object] for p in request.points],
                "boxes": [[b.left, b.top, b.right, b.bottom, b.object] for b in request.boxes],
                "colour": self._colour(request.colour, who),
                "name": request.frame.name,
            }
        )
        # A click that nobody waits for any more leaves the queue.
        context.add_callback(lambda: _drop(future))
        made = future.result()
        self._visible.uploaded(made["digest"], made["bytes"], who)
        return masks_pb2.PreviewResponse(matte=types_pb2.Blob(digest=made["digest"], bytes=made["bytes"]))

    def _colour(self, given: types_pb2.ColourSpace, who: Principal) -> dict[str, Any]:
        archive = given.archive.digest
        if archive and not (self._visible.opens(check_digest(archive), who) and self._blobs.touch([archive])):
            raise not_stored(archive)
        return {"name": given.name, "builtin": given.builtin, "archive": archive}

    def _opened(self, file: types_pb2.FrameFile, who: Principal) -> str:
        """Digest of an uploaded file that the caller may open."""
        if file.WhichOneof("source") != "blob":
            raise Unsupported("A preview reads uploaded frames only.", fix="Upload the frame first.")
        digest = check_digest(file.blob.digest)
        if not self._visible.opens(digest, who) or not self._blobs.touch([digest]):
            raise not_stored(digest)
        return digest


def _drop(future: Any) -> None:
    future.cancel()
