# SPDX-License-Identifier: Apache-2.0
"""Service grpc.health.v1.Health, bounded: what a caller asks for leaves nothing behind in the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from grpc_health.v1 import health, health_pb2

from void_server.errors import NotFound
from void_server.rpc.long_calls import LongCalls
from void_server.rpc.status import streams_errors


class Health(health.HealthServicer):  # type: ignore[misc]
    """See grpc/health/v1/health.proto.

    The servicer of the health package remembers every name that was ever watched, so names that this server does not
    have are refused here with NOT_FOUND, which `Check` answers too.

    Args:
        services: the names that can be watched; the empty one is the server as a whole.
        long_calls: counts the watches, each of which holds a thread, together with the long calls of other services.
    """

    def __init__(self, services: Iterable[str], long_calls: LongCalls) -> None:
        super().__init__(experimental_non_blocking=False)
        self._services = frozenset(services)
        self._long_calls = long_calls

    def List(self, request: Any, context: Any) -> Any:
        """Tells the status of every service."""
        asked = {name: health_pb2.HealthCheckRequest(service=name) for name in sorted(self._services)}
        return health_pb2.HealthListResponse(
            statuses={name: self.Check(request, context) for name, request in asked.items()}
        )

    @streams_errors
    def Watch(self, request: Any, context: Any) -> Iterator[Any]:
        """Tells the status of a service, and each change of it."""
        if request.service not in self._services:
            raise NotFound(
                f"There is no service {request.service!r}.", fix="Ask for one that reflection lists."
            )
        with self._long_calls:
            yield from super().Watch(request, context)
