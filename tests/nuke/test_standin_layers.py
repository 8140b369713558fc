# SPDX-License-Identifier: Apache-2.0
"""Rules of layers, by their ids in `standin.rules`."""

from __future__ import annotations

import pytest


def test_n40_reserved_layers(nuke_session):
    nuke = nuke_session().nuke
    for name in ("rgba", "depth", "mask_void"):
        with pytest.raises(RuntimeError, match="reserved"):
            nuke.Layer(name, [f"{name}.extra"])


def test_n41_four_channels_a_layer(nuke_session):
    nuke = nuke_session().nuke
    nuke.Layer("a", ["a.red", "a.green", "a.blue", "a.alpha"])
    with pytest.raises(RuntimeError, match="5 channels"):
        nuke.Layer("a", ["a.x"])


def test_n42_1023_channels_a_script(nuke_session):
    nuke = nuke_session().nuke
    with pytest.raises(RuntimeError, match="1023"):
        for number in range(300):
            nuke.Layer(f"l{number}", [f"l{number}.{name}" for name in "abcd"])
    assert 1019 < len(nuke.channels()) <= 1023


def test_n43_illegal_names(nuke_session):
    nuke = nuke_session().nuke
    for layer, channel in (("1a", "1a.x"), ("a-b", "a-b.x"), ("a", "a.x y"), ("main", "main.x")):
        with pytest.raises(RuntimeError):
            nuke.Layer(layer, [channel])


def test_n44_an_unused_layer_is_dropped_on_save(nuke_session, tmp_path):
    nuke = nuke_session().nuke
    nuke.Layer("used", ["used.red"])
    nuke.Layer("unused", ["unused.red"])
    nuke.nodes.Remove()["channels"].setValue("used")
    nuke.scriptSave(str(tmp_path / "a.nk"))
    nuke.scriptOpen(str(tmp_path / "a.nk"))
    assert "used" in nuke.layers() and "unused" not in nuke.layers()
