# SPDX-License-Identifier: Apache-2.0
"""The recorder sees what it is there to see; without this, a quiet demo would prove nothing.

Addresses are of TEST-NET-1 and 2001:db8:: (RFC 5737, RFC 3849), tried only where no packet can leave the machine.
"""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path

import pytest

from tests.offline.alone import isolation_is_possible
from tests.offline.contacts import WAYS, Contact, _traced, bare_environment, record

TRIES = {
    "connect": ("s.connect(('192.0.2.1', 443))", "192.0.2.1"),
    "connect6": ("socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))", "2001:db8::1"),
    "datagram": ("socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))", "192.0.2.1"),
    "message": (
        "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('192.0.2.1', 9))",
        "192.0.2.1",
    ),
}
IN_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


@pytest.fixture(params=WAYS)
def way(request):
    """Each way that this machine has; without a namespace only the one that refuses by itself."""
    tools = ("strace",) if request.param == "strace" else ("cc", "gcc", "clang")
    if not any(map(shutil.which, tools)):
        warnings.warn(
            f"NOT CHECKED: {request.param} is not possible here: none of {tools} is installed", stacklevel=1
        )
        return None
    if request.param == "strace" and not isolation_is_possible():
        warnings.warn("NOT CHECKED: without a namespace strace would let the packets out", stacklevel=1)
        return None
    return request.param


def tried(code: str, folder: Path, way: str):
    code = f"import socket; s = socket.socket(); s.settimeout(5)\ntry: {code}\nexcept OSError as e: print(e)"
    return record([sys.executable, "-c", IN_A_CHILD, code], folder, bare_environment(folder), way)


@pytest.mark.parametrize("name", TRIES)
def test_a_child_that_reaches_beyond_loopback_is_seen_and_gets_nowhere(tmp_path, way, name):
    if way is None:
        return
    code, whom = TRIES[name]
    recorded = tried(code, tmp_path, way)
    assert [c.whom for c in recorded.foreign] == [whom]
    assert "unreachable" in recorded.said


def test_a_name_that_is_looked_up_is_seen(tmp_path, way):
    if way is None:
        return
    recorded = tried("socket.getaddrinfo('frames.example', 443)", tmp_path, way)
    assert recorded.foreign and {c.port for c in recorded.foreign} == {53}


def test_loopback_is_seen_and_not_foreign(tmp_path, way):
    if way is None:
        return
    recorded = tried("s.connect(('127.0.0.1', 1))", tmp_path, way)
    assert recorded.contacts == (Contact("connect", "127.0.0.1", 1),) and not recorded.foreign
    assert "refused" in recorded.said


def test_only_loopback_is_there_and_it_is_up(tmp_path):
    if not isolation_is_possible():
        warnings.warn("NOT CHECKED: network namespaces are not permitted here", stacklevel=1)
        return
    code = (
        "import socket; a = socket.create_server(('127.0.0.1', 0)); "
        "socket.create_connection(a.getsockname()); print('connected')"
    )
    environment = bare_environment(tmp_path) | {"VOID_TEST_SHOW_INTERFACES": "1"}
    said = record([sys.executable, "-c", code], tmp_path, environment).said
    assert said.splitlines() == ["interfaces: lo", "connected"]


@pytest.mark.parametrize(
    ("whom", "foreign"),
    [
        ("127.0.0.1", False),
        ("127.8.9.10", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.0.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("224.0.0.251", True),
        ("fe80::1%eth0", True),
        ("render01", True),
    ],
)
def test_what_is_not_this_machine_is_foreign(whom, foreign):
    assert Contact("connect", whom, 1).foreign is foreign


@pytest.mark.parametrize(
    ("line", "contact"),
    [
        (
            '7 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.2")}, 16) = 0',
            Contact("connect", "10.0.0.2", 53),
        ),
        (
            "7 connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), "
            'inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28 <unfinished ...>',
            Contact("connect", "2001:db8::1", 443),
        ),
        ('7 connect(3, {sa_family=AF_UNIX, sun_path="/run/x"}, 16) = 0', None),
        ("7 sendmsg(3, {msg_name=NULL, msg_namelen=0}, 0) = 5", None),
    ],
)
def test_a_traced_call_is_read(line, contact):
    assert _traced(line) == contact
