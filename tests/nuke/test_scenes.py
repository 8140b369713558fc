# SPDX-License-Identifier: Apache-2.0
"""The scenes for trying the node in Nuke, and a script of this release for those that follow."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from gizmos import make
from tests.nuke.tcl import checks, reader

knobs = make.knobs

pytestmark = pytest.mark.skipif(reader.TCLSH is None, reason=reader.NO_TCLSH)

SCENES = checks.ROOT / "plugin_nuke" / "smoke" / "scenes"
FIXTURES = checks.ROOT / "tests" / "nuke" / "fixtures"
RELEASES = sorted(FIXTURES.glob("VOID_release_*.nk"))


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """plugin_nuke/smoke/make_scenes.py."""
    spec = importlib.util.spec_from_file_location("make_scenes", SCENES.parent / "make_scenes.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_scenes_hold_the_node_as_it_is_now(maker: ModuleType) -> None:
    written = {path.stem: path.read_text(encoding="utf-8") for path in SCENES.glob("*.nk")}
    assert written == {name: maker.text(name, scene) for name, scene in maker.SCENE.items()}


@pytest.mark.parametrize("path", sorted(SCENES.glob("*.nk")), ids=lambda path: path.stem)
def test_in_a_scene_the_node_has_plate_and_remove_and_is_written_out(path: Path) -> None:
    script = reader.read(path)
    node, deliver = script.named("VOID1"), script.named("Deliver")
    plate, remove = (script.nodes[number] for number in node.inputs)
    assert (remove.name, plate.kind in ("Radial", "JoinViews", "Transform", "Read")) == ("Remove", True)
    assert [script.nodes[number].name for number in deliver.inputs] == ["VOID1"]


def test_a_scene_cannot_set_a_knob_that_the_node_has_not(maker: ModuleType) -> None:
    with pytest.raises(KeyError, match="void_nothing"):
        maker.node("VOID1", 2, {"void_nothing": "1"}, (0, 0))


def test_there_is_a_script_of_every_release() -> None:
    numbers = [int(reader.read(path).named("VOID1").get("void_node_version")) for path in RELEASES]
    assert numbers == list(range(1, knobs.NODE_VERSION + 1))


def test_the_script_of_this_release_has_its_node_as_it_is_now() -> None:
    users = reader.read(RELEASES[-1]).named("VOID1").users
    assert users == reader.read(make.GIZMO).named("VOID").users


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_a_script_of_a_release_has_only_knobs_and_items_that_this_release_knows(path: Path) -> None:
    now = {knob.name: knob for knob in knobs.KNOBS}
    group = reader.read(path).named("VOID1")
    renamed = knobs.RENAMED if group.get("void_node_version") == "1" else {}
    for user in group.users:
        knob = now[renamed.get(user.name, user.name)]
        assert str(knob.kind) == user.kind, user.name
        if user.items:
            assert group.get(user.name) in knob.choices, user.name


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_the_script_of_a_release_has_values_that_are_not_the_defaults(path: Path) -> None:
    group = reader.read(path).named("VOID1")
    release = {knob.name: knob.default for knob in knobs.KNOBS}
    names = {user.name: knobs.RENAMED.get(user.name, user.name) for user in group.users}
    changed = [name for name, now in names.items() if group.get(name, release[now]) != release[now]]
    assert len(changed) >= 30
