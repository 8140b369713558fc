# SPDX-License-Identifier: Apache-2.0
"""Which file system a folder lies on, and whether a store may.

The database runs in SQLite's WAL mode, which needs memory shared between processes and "does not work over a network
filesystem" (sqlite.org/wal.html), and a lock or a sync is there only as good as the other machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from void_server.errors import PreconditionFailed

MOUNT_TABLE = Path("/proc/self/mountinfo")
"""Linux only; elsewhere a store is not checked."""

# fmt: off
_NETWORK = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs", "gfs2", "glusterfs", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb3", "smbfs",
})
_NETWORK_FUSE = frozenset({
    "ceph", "cifs", "curlftpfs", "davfs", "davfs2", "gcsfuse", "glusterfs", "goofys", "juicefs", "lizardfs", "mfs",
    "moosefs", "nfs", "rclone", "s3fs", "smbnetfs", "sshfs",
})
# fmt: on


@dataclass(frozen=True)
class Mount:
    """A line of the mount table.

    Attributes:
        point: where it is mounted.
        kind: type of the file system, such as "ext4" or "fuse.sshfs".
        source: what is mounted, such as "nas:/export".
    """

    point: str
    kind: str
    source: str

    @property
    def is_network(self) -> bool:
        """Whether the files lie on another machine."""
        family, _, member = self.kind.partition(".")
        if family in ("fuse", "fuseblk"):
            return member in _NETWORK_FUSE
        return family in _NETWORK


def mount_of(path: Path, table: str) -> Mount | None:
    """The mount that an absolute path without links lies on.

    Args:
        table: text of /proc/self/mountinfo; see proc_pid_mountinfo(5) for its fields.

    Returns:
        the deepest mount point above `path`, of several on one point the one mounted last; None for an empty table.
    """
    found: Mount | None = None
    for line in table.splitlines():
        mount = _parse(line)
        if mount is None or not path.is_relative_to(mount.point):
            continue
        if found is None or len(mount.point) >= len(found.point):
            found = mount
    return found


def check_local(store: Path, table: str | None = None) -> None:
    """Let a store on this machine's own disk pass, whether the folder is there yet or not.

    Raises:
        PreconditionFailed: it lies on a network file system.
    """
    if table is None:
        if not MOUNT_TABLE.exists():
            return
        table = MOUNT_TABLE.read_text(encoding="utf-8", errors="surrogateescape")
    mount = mount_of(store.resolve(), table)
    if mount is not None and mount.is_network:
        raise PreconditionFailed(
            f"The store {store} lies on a network file system ({mount.kind}, {mount.source} on {mount.point}):"
            " the database's locks and syncs do not hold there, and accepted jobs could be lost.",
            fix="Give a folder on a disk of this machine with --store.",
        )


def _parse(line: str) -> Mount | None:
    left, separator, right = line.partition(" - ")
    fields, tail = left.split(" "), right.split(" ")
    if not separator or len(fields) < 5 or len(tail) < 2:
        return None
    return Mount(_unescaped(fields[4]), tail[0], _unescaped(tail[1]))


def _unescaped(text: str) -> str:
    r"""Space, tab, newline and backslash stand in the table as \040, \011, \012 and \134."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
