# SPDX-License-Identifier: Apache-2.0
"""Keys, and what of a sidecar a signature covers."""

from __future__ import annotations

import json
import stat
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_server.errors import InvalidInput, PreconditionFailed
from void_server.main import main
from void_server.signing import (
    canonical_bytes,
    is_signed,
    is_valid,
    make_key_pair,
    read_private_key,
    read_public_key,
    signed,
    signer,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SIDECARS = st.dictionaries(st.text().filter(lambda k: k != "signature"), VALUES, max_size=5)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    private, public = make_key_pair(tmp_path_factory.mktemp("keys") / "site.pem")
    return private, public


@given(SIDECARS)
def test_a_signature_holds_for_every_layout_of_the_same_values(keys, sidecar):
    tree = signed(sidecar, read_private_key(keys[0]))
    again = json.loads(json.dumps(dict(reversed(tree.items())), indent=3, ensure_ascii=False))
    assert is_valid(again, read_public_key(keys[1]))


@given(SIDECARS, st.text(), VALUES)
def test_a_signature_does_not_hold_for_other_values(keys, sidecar, name, value):
    tree = signed(sidecar, read_private_key(keys[0]))
    other = {**tree, name: value}
    same = canonical_bytes(other) == canonical_bytes(tree) and other["signature"] == tree["signature"]
    assert is_valid(other, read_public_key(keys[1])) is same


def test_a_whole_number_is_the_same_with_and_without_a_fraction():
    assert canonical_bytes({"a": [1.0, -0.0]}) == canonical_bytes({"a": [1, 0]})
    assert canonical_bytes({"a": 1.5}) != canonical_bytes({"a": 1})
    assert canonical_bytes({"a": True}) != canonical_bytes({"a": 1})


def test_signing_twice_gives_the_same_bytes_and_one_signature(keys):
    sign = signer(keys[0])
    once = sign(b'{"b": 1, "a": 2}')
    assert sign(once) == once and is_signed(json.loads(once))


@pytest.mark.parametrize("value", [None, "", "!!!", "QUJD", 7])
def test_a_broken_signature_is_not_valid(keys, value):
    tree = signed({"a": 1}, read_private_key(keys[0]))
    tree["signature"]["value"] = value
    assert not is_valid(tree, read_public_key(keys[1]))
    assert not is_valid({"a": 1, "signature": value}, read_public_key(keys[1]))


def test_the_command_makes_a_private_key_for_its_owner_alone_and_overwrites_none(tmp_path, capsys):
    out = tmp_path / "site.pem"
    assert main(["sign-key", "--out", str(out)]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert read_private_key(out).public_key() == read_public_key(tmp_path / "site.pem.pub")
    assert "site.pem.pub" in capsys.readouterr().out
    with pytest.raises(PreconditionFailed):
        make_key_pair(out)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_a_private_key_that_others_may_read_is_refused(tmp_path):
    out, _ = make_key_pair(tmp_path / "site.pem")
    out.chmod(0o640)
    with pytest.raises(InvalidInput, match="Other accounts may read"):
        read_private_key(out)


def test_a_server_with_a_key_that_is_none_does_not_start(tmp_path, capsys):
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no key")
    wrong.chmod(0o600)
    words = [
        "serve",
        "--store",
        str(tmp_path / "store"),
        "--listen",
        "127.0.0.1:0",
        "--signing-key",
        str(wrong),
    ]
    assert main(words) == 2 and "is no signing key" in capsys.readouterr().err
