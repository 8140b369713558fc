# SPDX-License-Identifier: Apache-2.0
"""Service Server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import grpc
from void.v1 import server_pb2, server_pb2_grpc

from void_server.configuration import Limits
from void_server.frames.roots import Roots
from void_server.rpc.auth import caller
from void_server.rpc.status import answers_errors


class Server(server_pb2_grpc.ServerServicer):
    """See protos/void/v1/server.proto.

    Args:
        workers: tells how many there are now.
        capabilities: as the workers report them.
        roots: that files may be named below; each caller is told those of its shows.
    """

    def __init__(
        self,
        version: str,
        workers: Callable[[], int],
        limits: Limits,
        capabilities: dict[str, Any],
        roots: Roots,
    ) -> None:
        self._roots = roots
        self._workers = workers
        self._answer = server_pb2.GetCapabilitiesResponse(
            version=version,
            engines=[server_pb2.Plug(**p) for p in capabilities["engines"]],
            segmenters=[server_pb2.Plug(**p) for p in capabilities["segmenters"]],
            reasoners=[server_pb2.Plug(**p) for p in capabilities["reasoners"]],
            finders=[server_pb2.Plug(**p) for p in capabilities["finders"]],
            options=[server_pb2.Option(**o) for o in capabilities["options"]],
            packages=capabilities["packages"],
            limits=[
                server_pb2.Limit(
                    name=f.name,
                    value=getattr(limits, f.name),
                    unit=f.metadata["unit"],
                    help=f.metadata["help"],
                )
                for f in fields(limits)
            ],
        )

    @answers_errors
    def GetCapabilities(
        self, request: server_pb2.GetCapabilitiesRequest, context: grpc.ServicerContext
    ) -> server_pb2.GetCapabilitiesResponse:
        """Lists what this server can do."""
        answer = server_pb2.GetCapabilitiesResponse()
        answer.CopyFrom(self._answer)
        answer.workers = self._workers()
        answer.roots.extend(self._roots.of_shows(caller(context).shows).names)
        return answer
