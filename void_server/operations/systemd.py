# SPDX-License-Identifier: Apache-2.0
"""What a service of `Type=notify` tells systemd; see sd_notify(3) for the protocol."""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger(__name__)

READY, STOPPING = "READY=1", "STOPPING=1"


def tell(state: str) -> None:
    """Send `state` to $NOTIFY_SOCKET; nothing where systemd did not set it."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if place[:1] not in ("/", "@"):
        return
    # An abstract socket is written with @ in place of the zero byte.
    address = f"\0{place[1:]}" if place.startswith("@") else place
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.sendto(state.encode(), address)
    except OSError as error:
        log.warning("systemd could not be told %s: %s", state, error)
