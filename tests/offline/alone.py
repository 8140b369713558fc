# SPDX-License-Identifier: Apache-2.0
"""Runs a command as the first process of a network namespace: loopback is brought up, nothing else is there.

Started by `isolated`; standard library only, so that any Python can run it.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

# linux/if.h and linux/sockios.h
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1

_UNSHARE = ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")


def isolation_is_possible() -> bool:
    """Whether this user may make a network namespace with processes of its own."""
    try:
        return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def isolated(command: Sequence[str]) -> list[str]:
    """The command in a namespace that has loopback only; whatever it leaves running ends with it.

    Warns, and gives the command as it is, where namespaces are not permitted.
    """
    if not isolation_is_possible():
        warnings.warn(
            "NOT CHECKED: network namespaces are not permitted here, so nothing proves that the network is off",
            stacklevel=2,
        )
        return list(command)
    return [*_UNSHARE, sys.executable, str(Path(__file__).resolve()), *command]


def bring_loopback_up() -> None:
    """As `ip link set lo up`, which is not installed everywhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        answer = fcntl.ioctl(handle, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        _, flags = struct.unpack("16sh14x", answer)
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def main() -> int:
    bring_loopback_up()
    interfaces = sorted(name for _, name in socket.if_nameindex())
    if os.environ.get("VOID_TEST_SHOW_INTERFACES"):
        print("interfaces:", *interfaces, flush=True)
    return subprocess.run(sys.argv[1:], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
