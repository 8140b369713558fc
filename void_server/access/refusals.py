# SPDX-License-Identifier: Apache-2.0
"""How often somebody may come with a wrong token: counted for each address, and for all of them together."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from urllib.parse import unquote

from void_server.errors import TooManyRefusals

MOST_ADDRESSES = 4096
"""Addresses that are remembered, about 1 MB; the one that failed longest ago is forgotten first."""
IPV6_NETWORK_BITS = 64
"""Whoever has one IPv6 address usually has its whole /64 (RFC 6177), and could come from another one each time."""


def address_of(peer: str) -> str:
    """Whom a gRPC peer counts as: its IPv4 address, its IPv6 /64, or the text itself.

    The forms are those of grpc.github.io/grpc/core/md_doc_naming.html, with the port behind the address.
    """
    scheme, _, rest = peer.partition(":")
    if scheme not in ("ipv4", "ipv6"):
        return peer
    host = unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return peer
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, IPV6_NETWORK_BITS), strict=False))
        found = found.ipv4_mapped
    return str(found)


class Refusals:
    """Counts refused logins in windows of time.

    An address with `most` of them in its window is refused until the window ends, whatever token it brings. Once all
    addresses together have `most_overall`, one is enough. An address that has not failed is always looked at.

    Args:
        most, most_overall, window_seconds: limits `max_refusals`, `max_refusals_overall` and `refusal_window_seconds`.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        most: int,
        most_overall: int,
        window_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._most_overall, self._window = most, most_overall, window_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._overall = (clock(), 0)
        self._since_start: Counter[str] = Counter(token=0, too_many=0)

    def wait_seconds(self, peer: str) -> float:
        """How long this peer is not looked at; 0 = it is."""
        with self._lock:
            if not self._failed:
                return 0.0
            now = self._clock()
            begun, count = self._current(self._failed.get(address_of(peer), (now, 0)), now)
            most = 1 if self._current(self._overall, now)[1] >= self._most_overall else self._most
            if count < most:
                return 0.0
            self._since_start["too_many"] += 1
            # The sum may round up.
            return min(self._window, begun + self._window - now)

    def refused(self, peer: str) -> None:
        """Count a call without a valid token."""
        with self._lock:
            now, address = self._clock(), address_of(peer)
            begun, count = self._current(self._failed.pop(address, (now, 0)), now)
            self._failed[address] = begun, count + 1
            self._since_start["token"] += 1
            begun, count = self._current(self._overall, now)
            self._overall = begun, count + 1
            while len(self._failed) > MOST_ADDRESSES:
                self._failed.popitem(last=False)

    def since_start(self) -> dict[str, int]:
        """Logins refused so far: for want of a valid "token", and not looked at for "too_many" of these."""
        with self._lock:
            return dict(self._since_start)

    def __len__(self) -> int:
        return len(self._failed)

    def _current(self, window: tuple[float, int], now: float) -> tuple[float, int]:
        return window if now < window[0] + self._window else (now, 0)


def too_many(wait: float) -> TooManyRefusals:
    """What a refused address is told.

    Args:
        wait: seconds.
    """
    seconds = math.ceil(wait)
    return TooManyRefusals(
        f"Too many calls without a valid token came from this address; it is not listened to for {seconds} seconds.",
        fix="Give the file with your token with --token-file, then wait; the server's limits are max_refusals,"
        " max_refusals_overall and refusal_window_seconds.",
        retry_seconds=seconds,
    )
