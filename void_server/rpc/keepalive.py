# SPDX-License-Identifier: Apache-2.0
"""How the server notices a client that is gone without a word, and that a client may ask whether it is there.

A machine that lost its power or its network ends no connection. What gRPC does about it is described in
github.com/grpc/grpc, doc/keepalive.md.
"""

from __future__ import annotations

AFTER_S = 60
"""Seconds without a byte from a client after which it is asked whether it is there."""
ANSWER_S = 20
"""Seconds that the answer may take, then its connection is ended; as long as a slow line may need to empty."""
PINGS_TOO_MANY = 0
"""After how many pings, each within five minutes of the one before and nothing sent between them, gRPC ends a
connection; 0 = never. It would bear two: the watch of a job that waits, whose client asks every 30 s, was cut after two
minutes. To answer a ping costs less than to refuse a call, and gRPC keeps few answers that cannot be sent."""


def options(slowest_ping_s: float) -> tuple[tuple[str, int], ...]:
    """Of the server.

    Args:
        slowest_ping_s: how long a ping may take with which gRPC measures the link. Unlike the question whether a client
            is there, which nobody asks while bytes come, it gives up a slow one, whose answer waits behind megabytes of
            frames; what is too long is the limit for idle streams.
    """
    return (
        ("grpc.keepalive_time_ms", 1000 * AFTER_S),
        ("grpc.keepalive_timeout_ms", 1000 * ANSWER_S),
        ("grpc.http2.ping_timeout_ms", round(min(1000 * slowest_ping_s, 2**31 - 1))),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_ping_strikes", PINGS_TOO_MANY),
    )
