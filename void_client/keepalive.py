# SPDX-License-Identifier: Apache-2.0
"""How a connection that died without a word is noticed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Keepalive:
    """When a silent server is asked whether it is there, and when it is given up.

    A cable that was pulled and a firewall that forgot the connection end nothing; without asking, a call would wait
    for its own end, a watch for ten minutes. See github.com/grpc/grpc, doc/keepalive.md.

    Attributes:
        after_s: seconds without a byte from the server, while a call is under way, until it is asked.
        answer_s: seconds that its answer may take; then the connection is ended, and calls are tried again.
        measure_s: seconds that the answer to a ping may take with which gRPC measures the link while frames move. On a
            slow one it stands behind 4 MiB of them, which gRPC's own minute would cut below 70 kB/s again and again;
            this is enough for 18 kB/s. A connection that dies during such a ping is noticed after this time only.
    """

    after_s: float = 30.0
    answer_s: float = 20.0
    measure_s: float = 240.0

    @property
    def options(self) -> tuple[tuple[str, int], ...]:
        """The options of a channel."""
        return (
            ("grpc.keepalive_time_ms", round(1000 * self.after_s)),
            ("grpc.keepalive_timeout_ms", round(1000 * self.answer_s)),
            ("grpc.http2.ping_timeout_ms", round(1000 * self.measure_s)),
            # A watch of a long step may be silent for longer than the two questions that are the default.
            ("grpc.http2.max_pings_without_data", 0),
        )
