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
RELEASE_1 = checks.ROOT / "tests" / "nuke" / "fixtures" / "VOID_release_1.nk"


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


def test_a_script_of_release_1_has_only_knobs_and_items_that_this_release_knows() -> None:
    now = {knob.name: knob for knob in knobs.KNOBS}
    group = reader.read(RELEASE_1).named("VOID1")
    for user in group.users:
        assert str(now[user.name].kind) == user.kind, user.name
        if user.items:
            assert group.get(user.name) in now[user.name].choices, user.name


def test_the_script_of_release_1_has_values_that_are_not_the_defaults() -> None:
    group = reader.read(RELEASE_1).named("VOID1")
    changed = [knob.name for knob in knobs.KNOBS if group.get(knob.name, knob.default) != knob.default]
    assert len(changed) >= 30
