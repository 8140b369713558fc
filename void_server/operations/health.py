# SPDX-License-Identifier: Apache-2.0
"""`void-server health`: whether a server serves, for a container's HEALTHCHECK or a script."""

from __future__ import annotations

import argparse
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

WAIT_SECONDS = 10.0

_DESCRIPTION = """\
Asks grpc.health.v1 of a server on this machine or another; prints SERVING, NOT_SERVING (it is about to end) or why
there is no answer. The token of a `--role metrics` does.

exit codes: 0 it serves, 1 it does not
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command; it takes `--store` from the caller."""
    parser = commands.add_parser(
        "health",
        help="ask whether a server serves",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--server", default="localhost:7788", metavar="HOST:PORT", help="its address (default %(default)s)"
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="a token (default STORE/token)")
    parser.add_argument(
        "--ca", type=Path, metavar="PEM", help="the authority of its certificate; without it, no TLS"
    )
    return parser


def health(server: str, token: str, ca: bytes | None) -> tuple[bool, str]:
    """Whether a server serves, and what it said.

    Args:
        token: of any role.
        ca: PEM certificates that the server's must chain to; None = no TLS.
    """
    # Nobody stands between a server and whoever asks for its health.
    options = (("grpc.enable_http_proxy", 0),)
    if ca is None:
        channel = grpc.insecure_channel(server, options)
    else:
        channel = grpc.secure_channel(server, grpc.ssl_channel_credentials(ca), options)
    with channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(),
                metadata=(("authorization", f"Bearer {token}"),),
                timeout=WAIT_SECONDS,
            )
        except grpc.RpcError as error:
            return False, f"{error.code().name}: {error.details()}"
    name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return answer.status == health_pb2.HealthCheckResponse.SERVING, name
