# SPDX-License-Identifier: Apache-2.0
"""Whether a Ray cluster asks for its token, and whether this account has it; asked of the cluster itself.

A Ray cluster runs any code for whoever it talks to, so one that talks to everybody is no place for a studio's frames.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import grpc

from void_server.errors import InvalidInput, PreconditionFailed

log = logging.getLogger(__name__)

METHOD = "/ray.rpc.NodeInfoGcsService/CheckAlive"
"""A call of the head node that changes nothing (Ray's gcs_service.proto). It is UNAUTHENTICATED without the token,
before the request is parsed."""
ANSWER_SECONDS = 10.0
NO_USAGE_STATS = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Ray reports how it is used to its makers unless it is told otherwise (ray/_common/usage)."""


class Access(Enum):
    """What a head node says to a call."""

    OPEN = "answered"
    CLOSED = "asks for the token"


def driver_environment(address: str, environment: Mapping[str, str], without_token: bool) -> dict[str, str]:
    """The environment of the process that speaks to the cluster, after a look at the cluster.

    Args:
        address: HOST:PORT of the head node.
        environment: where Ray's variables say which token is used; never logged or told.
        without_token: whether a cluster will do that asks nobody for a token.

    Raises:
        InvalidInput: `address` is none.
        PreconditionFailed: nobody answers there; the cluster asks for no token; or this account has not the right one.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InvalidInput(
            f"--ray-address {address!r} is not HOST:PORT.", fix="Give the head node's, such as 10.0.0.5:6379."
        )
    if _ask(address, ()) is Access.OPEN:
        if not without_token:
            raise PreconditionFailed(
                f"The Ray cluster at {address} asks nobody for a token: whoever reaches it can run code on every node.",
                fix="Start all its nodes with RAY_AUTH_MODE=token (docs/ray.md), or, in a network that only trusted"
                " machines reach, give --ray-without-token.",
            )
        log.warning("the Ray cluster at %s asks nobody for a token", address)
        return {**environment, **NO_USAGE_STATS, "RAY_AUTH_MODE": "disabled"}
    if _ask(address, (("authorization", f"Bearer {_token(environment)}"),)) is Access.CLOSED:
        raise PreconditionFailed(
            f"The Ray cluster at {address} refuses this account's token.",
            fix="Give the server the token that the head node was started with: RAY_AUTH_TOKEN_PATH, or"
            " ~/.ray/auth_token.",
        )
    return {**environment, **NO_USAGE_STATS, "RAY_AUTH_MODE": "token"}


def _ask(address: str, metadata: tuple[tuple[str, str], ...]) -> Access:
    with grpc.insecure_channel(address) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        try:
            ask(b"", timeout=ANSWER_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                return Access.CLOSED
            raise PreconditionFailed(
                f"No Ray cluster answers at {address} ({error.code().name}).",
                fix="Start the head node, and give its address with --ray-address; see docs/ray.md.",
            ) from None
    return Access.OPEN


def _token(environment: Mapping[str, str]) -> str:
    """The token that Ray would take: of RAY_AUTH_TOKEN, else of the file RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token."""
    if token := environment.get("RAY_AUTH_TOKEN", ""):
        return token
    path = Path(environment.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    try:
        if os.name != "nt" and path.stat().st_mode & 0o077:
            log.warning("others may read Ray's token; run: chmod 600 %s", path)
        return path.read_text().strip()
    except OSError as error:
        raise PreconditionFailed(
            f"The Ray cluster asks for its token, and {path} cannot be read: {error.strerror or error}.",
            fix="Copy the head node's token there, mode 0600, or name its file in RAY_AUTH_TOKEN_PATH.",
        ) from None
