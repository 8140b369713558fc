# SPDX-License-Identifier: Apache-2.0
"""Clients that ask a silent server whether it is there."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

ASKING = (("grpc.keepalive_time_ms", 200), ("grpc.http2.max_pings_without_data", 0))
"""As `void_client.keepalive`, but as often as gRPC does it: once a second."""


def test_a_watch_that_is_silent_is_not_cut_for_its_client_s_questions(server):
    """Takes 5 s: a server that bears as many as gRPC's default does cuts it at the fourth, after three or four."""
    with grpc.insecure_channel(server.application.address, options=ASKING) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(), metadata=server.caller.metadata, timeout=5)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as end:
            next(watch)
        assert end.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED, end.value.details()
