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
    """

    after_s: float = 30.0
    answer_s: float = 20.0

    @property
    def options(self) -> tuple[tuple[str, int], ...]:
        """The options of a channel."""
        return (
            ("grpc.keepalive_time_ms", round(1000 * self.after_s)),
            ("grpc.keepalive_timeout_ms", round(1000 * self.answer_s)),
            # A watch of a long step may be silent for longer than the two questions that are the default.
            ("grpc.http2.max_pings_without_data", 0),
        )
