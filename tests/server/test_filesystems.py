# SPDX-License-Identifier: Apache-2.0
"""A store lies on this machine's own disk, or the server says why not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_server.application import Application
from void_server.configuration import ServerConfiguration
from void_server.errors import PreconditionFailed
from void_server.frames import filesystems
from void_server.frames.filesystems import MOUNT_TABLE, Mount, check_local, mount_of

TABLE = r"""22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /mnt/nas rw,relatime shared:7 - nfs4 nas:/export rw,vers=4.2
31 30 0:41 / /mnt/nas/local rw - xfs /dev/vdb rw
32 22 0:42 / /mnt/with\040space rw - cifs //nas/share rw
33 22 0:43 / /home rw - nfs nas:/home rw
34 33 0:44 / /home rw - ext4 /dev/vdc rw
35 22 0:45 / /mnt/bundle rw - fuse.gvfsd-fuse gvfsd-fuse rw
"""
NETWORK = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "fuse.sshfs",
    "9p",
    "lustre",
    "ceph",
    "fuse.glusterfs",
    "gpfs",
    "afs",
]
LOCAL = ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "f2fs", "fuseblk", "fuse.encfs", "apfs"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/void", "ext4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/void/store", "nfs4"),
        ("/mnt/nas2/void", "ext4"),
        ("/mnt/nas/local/store", "xfs"),
        ("/mnt/with space/store", "cifs"),
        ("/home/artist", "ext4"),
    ],
)
def test_a_path_lies_on_the_deepest_mount_above_it_of_several_on_the_last(path, kind):
    assert mount_of(Path(path), TABLE).kind == kind


@pytest.mark.parametrize("kind", NETWORK)
def test_a_store_on_a_network_file_system_is_refused_with_the_reason(kind):
    table = f"22 1 254:0 / / rw - ext4 /dev/vda rw\n30 22 0:40 / /mnt/nas rw - {kind} nas:/export rw\n"
    with pytest.raises(PreconditionFailed) as caught:
        check_local(Path("/mnt/nas/void"), table)
    for word in (kind, "nas:/export", "/mnt/nas", "--store"):
        assert word in str(caught.value)


@pytest.mark.parametrize("kind", LOCAL)
def test_a_store_on_a_local_file_system_passes(kind):
    check_local(Path("/srv/void"), f"22 1 254:0 / / rw - {kind} /dev/vda rw\n")


def test_a_link_to_a_network_folder_does_not_hide_it(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    with pytest.raises(PreconditionFailed):
        check_local(link / "store", f"1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / {real} rw - nfs nas:/x rw\n")


@given(st.text(max_size=200))
def test_a_strange_table_never_raises(text):
    assert mount_of(Path("/srv"), text) is None or isinstance(mount_of(Path("/srv"), text), Mount)


def test_the_system_s_own_table_agrees_with_the_system(tmp_path):
    if not MOUNT_TABLE.exists():
        pytest.skip("no /proc here: stores are not checked on this system")
    mount = mount_of(tmp_path.resolve(), MOUNT_TABLE.read_text())
    said = subprocess.run(["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True, check=True)
    family = {"ext2/ext3": ("ext2", "ext3", "ext4"), "overlayfs": ("overlay",)}.get(
        said.stdout.strip(), (said.stdout.strip(),)
    )
    assert mount.kind in family
    assert os.path.ismount(mount.point)


def test_a_server_refuses_such_a_store_before_it_writes_anything(tmp_path, monkeypatch):
    table = tmp_path / "table"
    table.write_text(f"1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / {tmp_path} rw - nfs4 nas:/export rw\n")
    monkeypatch.setattr(filesystems, "MOUNT_TABLE", table)
    store = tmp_path / "store"
    with pytest.raises(PreconditionFailed, match="network file system"):
        Application(ServerConfiguration(store=store, token_file=store / "token", listen="127.0.0.1:0"))
    assert not store.exists()
