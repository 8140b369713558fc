# SPDX-License-Identifier: Apache-2.0
"""What a bundle is made for: a side (client or server), a platform and a Python version each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CLIENT_PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
SERVER_PYTHONS = CLIENT_PYTHONS[1:]
"""NumPy, Matplotlib and OpenImageIO in the versions of `constraints.txt` begin at 3.11."""


class UnknownTarget(Exception):
    """A target was named that does not exist."""


@dataclass(frozen=True)
class Platform:
    """A system on a processor.

    Attributes:
        name: as it stands in the name of a target.
        tags: platform tags of wheels that run there, best first (packaging.python.org, "Platform compatibility
            tags"). pip derives no older manylinux tag from `manylinux_2_28`, so each is named; of macOS it does.
        sys_platform, platform_system, platform_machine, os_name: what Python says there (PEP 508).
    """

    name: str
    tags: tuple[str, ...]
    sys_platform: str
    platform_system: str
    platform_machine: str
    os_name: str = "posix"


def _manylinux(machine: str) -> tuple[str, ...]:
    """Tags for glibc 2.28 (RHEL 8, Rocky 8, Debian 10, Ubuntu 18.10) and newer."""
    return (*(f"manylinux_2_{minor}_{machine}" for minor in range(28, 16, -1)), f"manylinux2014_{machine}")


WINDOWS = Platform("windows", ("win_amd64",), "win32", "Windows", "AMD64", "nt")
MAC_ARM = Platform("macos-arm64", ("macosx_12_0_arm64",), "darwin", "Darwin", "arm64")
MAC_INTEL = Platform("macos-x86_64", ("macosx_12_0_x86_64",), "darwin", "Darwin", "x86_64")
LINUX = Platform("linux", (*_manylinux("x86_64"), "manylinux_2_5_x86_64"), "linux", "Linux", "x86_64")
LINUX_ARM = Platform("linux-aarch64", _manylinux("aarch64"), "linux", "Linux", "aarch64")


@dataclass(frozen=True)
class Target:
    """One wheelhouse: what is installed, where, on which Python."""

    side: str
    platform: Platform
    python: str

    @property
    def abi(self) -> str:
        """CPython's ABI tag, such as `cp311`."""
        return "cp" + self.python.replace(".", "")

    @property
    def name(self) -> str:
        """Such as `client-linux-cp311`."""
        return f"{self.side}-{self.platform.name}-{self.abi}"

    @property
    def extra(self) -> str:
        """The extra of our own package that this side needs, in brackets; empty for the client."""
        return "[server]" if self.side == "server" else ""

    def markers(self) -> dict[str, str]:
        """The environment that a requirement's marker is evaluated in there (PEP 508)."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": self.platform.os_name,
            "platform_machine": self.platform.platform_machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": self.platform.platform_system,
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": self.platform.sys_platform,
        }


TARGETS = (
    *(
        Target("client", platform, python)
        for platform in (WINDOWS, MAC_ARM, MAC_INTEL, LINUX, LINUX_ARM)
        for python in CLIENT_PYTHONS
    ),
    *(Target("server", LINUX, python) for python in SERVER_PYTHONS),
)
"""All that `make bundle` makes: what the wheels of `constraints.txt` exist for."""


def named(names: Sequence[str]) -> tuple[Target, ...]:
    """The targets of these names, all without any.

    Raises:
        UnknownTarget: one is not there; the message lists all.
    """
    by_name = {t.name: t for t in TARGETS}
    for name in names:
        if name not in by_name:
            raise UnknownTarget(f"There is no target {name}. There are: {', '.join(by_name)}.")
    return tuple(by_name[n] for n in dict.fromkeys(names)) or TARGETS
