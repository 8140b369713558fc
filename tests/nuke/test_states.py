# SPDX-License-Identifier: Apache-2.0
"""What the node shows and does between presses: states, versions, upgrade, machines without the plugin, sites."""

from __future__ import annotations

import re
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.nuke.seat import GIZMOS, ROOT, forget_plugin

FIXTURES = ROOT / "tests" / "nuke" / "fixtures"

GREY, AMBER, GREEN, RED, BLUE = 0x5A5A5AFF, 0xC98A1BFF, 0x3F8F4FFF, 0xA83232FF, 0x3A6EA5FF


def looks(node):
    return node["void_state"].value(), int(node["tile_color"].value())


def finished(seat, version, kind="remove", **more):
    """A version on disk as a job leaves it."""
    import json

    folder = seat.folder / "void" / str(seat.node.name()) / f"v{version:03d}"
    folder.mkdir(parents=True)
    record = {
        "ticket": f"t{version}",
        "kind": kind,
        "version": version,
        "folder": str(folder.parent),
        "name": "VOID1",
        "padding": 4,
        "first": 1001,
        "last": 1004,
        "read": {},
        "stereo": False,
        "job": f"job{version}",
        "node": str(seat.node.fullName()),
        **more,
    }
    (folder / "job.json").write_text(json.dumps(record))


# States and what the tile says.


def test_a_press_returns_while_the_server_works(seat, shot):
    node = seat.with_shot(shot)
    began = time.monotonic()
    seat.press("void_remove_button")
    assert time.monotonic() - began < 5
    assert looks(node) == ("sending", AMBER)
    seen = set()
    seat.session.process_events(lambda: seen.add(looks(node)) or node["void_state"].value() == "done", 120)
    assert ("running", AMBER) in seen
    assert looks(node) == ("done", GREEN)
    assert "v001" in seat.status and node["void_progress"].value() == ""


def test_a_job_that_runs_is_cancelled_on_the_server(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_remove_button")
    assert seat.wait("running") == "running"
    seat.press("void_cancel_button")
    assert node["void_state"].value() in ("cancelling", "cancelled")
    assert seat.wait() == "cancelled", seat.status
    assert looks(node) == ("cancelled", GREY)
    assert seat.record()["job"]


def test_cancel_while_sending_leaves_no_job(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_remove_button")
    seat.press("void_cancel_button")
    assert looks(node) == ("cancelling", AMBER)
    assert seat.wait() == "cancelled", seat.status
    assert not seat.plugin.follows(seat.record()["ticket"])


def test_cancel_without_a_job_says_what_to_do(seat, shot):
    seat.with_shot(shot)
    seat.press("void_cancel_button")
    assert "no job that this Nuke follows" in seat.messages[-1] and "Reconnect" in seat.messages[-1]


def test_another_node_is_pressed_while_one_runs(seat, shot):
    first, second = seat.with_shot(shot), seat.with_shot(shot)
    seat.press("void_masks_button", first)
    seat.press("void_masks_button", second)
    assert seat.wait(node=first) == seat.wait(node=second) == "done"
    assert (seat.folder / "void" / "VOID1").is_dir() and (seat.folder / "void" / "VOID2").is_dir()


def test_a_node_that_is_renamed_while_its_job_runs_shows_what_comes(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_masks_button")
    node.setName("CleanUp")
    assert seat.wait() == "done", seat.status
    assert node.node("Mattes").metadata("input/filename", shot.first)


def test_a_node_that_is_deleted_while_its_job_runs_leaves_the_others_alone(seat, shot):
    first, second = seat.with_shot(shot), seat.with_shot(shot)
    seat.press("void_masks_button", first)
    seat.press("void_masks_button", second)
    seat.nuke.delete(first)
    assert seat.wait(node=second) == "done"


def test_a_changed_input_makes_a_result_stale_and_says_so(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_masks_button")
    assert seat.wait() == "done", seat.status
    node.input(0)["premultiplied"].setValue(True)
    node.showControlPanel()
    assert looks(node) == ("stale", BLUE)
    node.input(0)["premultiplied"].setValue(False)
    node.hideControlPanel()
    node.showControlPanel()
    assert looks(node) == ("done", GREEN)


def test_moving_nodes_about_makes_nothing_stale(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_masks_button")
    assert seat.wait() == "done", seat.status
    node.input(0).setXYpos(300, 20)
    node["void_show"].setValue("original")
    node.showControlPanel()
    assert node["void_state"].value() == "done"


@pytest.mark.parametrize("version", ["14.1v2", "15.1v3", "17.0v1"])
def test_a_press_brings_files_in_every_promised_version(new_seat, shot, version):
    seat = new_seat(version=version)
    node = seat.with_shot(shot)
    seat.press("void_masks_button")
    # In 17 Nuke tells of what the plugin sets, which is no choice of a version.
    assert node["void_has_result"].value() is False
    assert seat.wait() == "done", seat.status
    assert node["void_has_result"].value() is True


# Versions.


def test_versions_that_other_nodes_took_are_not_walked_into(seat, shot):
    node = seat.with_shot(shot)
    for version in (1, 2, 4):
        finished(seat, version)
    (seat.folder / "void" / "VOID1" / "v003").mkdir()
    node["void_version"].setValue(2)
    seat.press("void_version_up")
    assert node["void_version"].value() == 4
    seat.press("void_version_down")
    assert node["void_version"].value() == 2
    seat.press("void_version_latest")
    assert node["void_version"].value() == 4
    assert not seat.messages


def test_walking_through_versions_is_one_step_each(seat, shot):
    seat.with_shot(shot)
    finished(seat, 1)
    steps = len(seat.session.undo.blocks)
    seat.press("void_version_up")
    assert [name for name, _ in seat.session.undo.blocks[steps:]] == ["VOID1: v001"]


def test_a_version_that_is_typed_and_not_there_is_said_to_be_missing(seat, shot):
    node = seat.with_shot(shot)
    finished(seat, 1)
    seat.session.user_sets(node, "void_version", 1)
    before = node.node("Result")["file"].value()
    seat.session.user_sets(node, "void_version", 9)
    assert node.node("Result")["file"].value() == before
    assert "v009 is not there" in seat.status


def test_a_version_of_other_settings_is_stale_when_it_is_walked_to(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_masks_button")
    assert seat.wait() == "done", seat.status
    finished(seat, 2, fingerprint="of other settings")
    seat.press("void_version_up")
    assert looks(node) == ("stale", BLUE)
    seat.press("void_version_down")
    assert looks(node) == ("done", GREEN)


def test_results_move_with_the_script(seat, shot):
    node = seat.with_shot(shot)
    finished(seat, 1)
    seat.press("void_version_latest")
    assert "[value root.name]" in node.node("Result")["file"].value()
    seat.nuke.root()["name"].setValue("/elsewhere/comp.nk")
    assert node.node("Result")["file"].evaluate(1001) == "/elsewhere/void/VOID1/v001/VOID1.1001.exr"


# Upgrade.


def test_upgrade_keeps_values_links_place_and_what_is_behind(seat, shot):
    node = seat.with_shot(shot)
    finished(seat, 1)
    seat.press("void_version_latest")
    node["void_node_version"].setValue(0)
    node["void_grow"].setValue(7.5)
    node["void_prompt"].setValue("a wall {with} [brackets]")
    node["void_point1"].setValue((3.0, 4.0))
    node["void_feather"].setExpression("void_grow * 2")
    node["void_state"].setValue("done")
    node.setXYpos(120, 340)
    behind = seat.nuke.nodes.Copy()
    behind.setInput(0, node)
    behind.setInput(1, node)
    plate, roto, file = node.input(0), node.input(1), node.node("Result")["file"].value()
    steps = len(seat.session.undo.blocks)
    seat.press("void_upgrade")
    assert not seat.messages
    new = seat.nuke.toNode("VOID1")
    assert new is not node and new["void_node_version"].value() == 2
    assert (new["void_grow"].value(), new["void_prompt"].value()) == (7.5, "a wall {with} [brackets]")
    assert list(new["void_point1"].value()) == [3.0, 4.0]
    assert new["void_feather"].hasExpression() and new["void_feather"].value() == 15
    assert (new.xpos(), new.ypos()) == (120, 340)
    assert (new.input(0), new.input(1)) == (plate, roto)
    assert (behind.input(0), behind.input(1)) == (new, new)
    assert new.node("Result")["file"].value() == file
    assert looks(new) == ("done", GREEN)
    assert len(seat.session.undo.blocks) == steps + 1
    assert len(seat.nuke.allNodes("Group")) == 1


@pytest.fixture
def release_1(seat):
    """A node of release 1, out of a script that was saved with it."""
    seat.nuke.nodePaste(str(FIXTURES / "VOID_release_1.nk"))
    seat.node = seat.nuke.toNode("VOID1")
    return seat.node


def test_a_node_of_release_1_is_upgraded_with_what_its_knobs_are_called_now(seat, release_1, capsys):
    seat.press("void_upgrade")
    assert not seat.messages
    new = seat.nuke.toNode("VOID1")
    assert new["void_node_version"].value() == 2
    assert (new["void_unseen"].value(), new["void_passes"].value()) == ("smooth", "all")
    assert (new["void_quality"].value(), new["void_seed"].value()) == (
        "final + pass 2",
        "18446744073709551615",
    )
    assert (new["void_detail"].value(), new["void_handles"].value(), new["void_region"].value()) == (
        "auto",
        0,
        "auto",
    )
    assert looks(new) == ("done", GREEN)
    new.hideControlPanel()
    new.showControlPanel()
    assert looks(new) == ("done", GREEN), "nothing has changed but the release"


@pytest.mark.parametrize(
    "knob", ["void_remove_button", "void_reload", "void_version_latest", "void_reconnect"]
)
def test_what_a_node_of_another_release_cannot_do_says_to_upgrade_it(seat, release_1, knob):
    seat.press(knob)
    assert "Press Upgrade node" in seat.messages[-1]


def test_a_node_of_another_release_is_silent_until_it_is_pressed(seat, release_1, capsys):
    release_1.hideControlPanel()
    release_1.showControlPanel()
    seat.session.user_sets(release_1, "void_version", 1)
    assert (capsys.readouterr().err, seat.messages) == ("", [])
    assert looks(release_1)[0] == "done"


def test_a_node_inside_of_a_group_is_upgraded_there(seat, shot):
    group = seat.nuke.nodes.Group(name="Show")
    with group:
        seat.with_shot(shot)["void_node_version"].setValue(0)
    seat.press("void_upgrade")
    assert not seat.messages
    assert seat.nuke.toNode("Show.VOID1")["void_node_version"].value() == 2
    assert seat.nuke.toNode("VOID1") is None


@pytest.mark.parametrize(("version", "said"), [(2, "installed release already"), (3, "a later release")])
def test_only_an_older_node_is_upgraded(seat, shot, version, said):
    node = seat.with_shot(shot)
    node["void_node_version"].setValue(version)
    seat.press("void_upgrade")
    assert said in seat.messages[-1]
    assert seat.nuke.toNode("VOID1") is node


def test_a_node_of_another_release_says_to_upgrade_it(seat, shot):
    seat.with_shot(shot)["void_node_version"].setValue(0)
    seat.press("void_remove_button")
    assert "Press Upgrade node" in seat.messages[-1]


# Without the plugin.


@pytest.fixture
def without_plugin(monkeypatch):
    """The plugin's folders are not on sys.path."""
    monkeypatch.setattr(sys, "path", [p for p in sys.path if "plugin_" not in p])
    forget_plugin()


def test_without_the_plugin_every_button_says_so_and_nothing_else_happens(seat, shot, without_plugin):
    node = seat.with_shot(shot)
    buttons = [
        name for name, knob in node.knobs().items() if knob.Class() == "PyScript_Knob" and "void" in name
    ]
    values = {k: node[k].toScript() for k in node.knobs()}
    for name in buttons:
        seat.press(name)
    assert len(buttons) == 14
    assert seat.messages == [seat.messages[0]] * 14 and "not installed here" in seat.messages[0]
    assert {k: node[k].toScript() for k in node.knobs()} == values
    assert not any(name.startswith("void_nuke") for name in sys.modules)


def test_without_the_plugin_panels_inputs_and_knobs_are_silent(seat, shot, without_plugin):
    node = seat.with_shot(shot)
    node.showControlPanel()
    node.setInput(2, node.input(1))
    seat.session.user_sets(node, "void_version", 3)
    seat.nuke.scriptSave()
    seat.nuke.scriptOpen(str(seat.script))
    assert seat.nuke.toNode("VOID1") is not None and not seat.messages


# The site.


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Writes a site's file and names it to everybody."""

    def write(text):
        file = tmp_path / "site.toml"
        file.write_text(text)
        monkeypatch.setenv("VOID_SITE_CONFIG", str(file))

    return write


def made(seat):
    """A node from the menu."""
    import importlib

    seat.nuke.pluginAppendPath(str(GIZMOS))
    seat.node = importlib.import_module("void_nuke.node").create()
    return seat.node


SITE = """\
locked = ["engine", "options.grow"]
[defaults]
engine = "cleanplate"
seed = 7
[defaults.options]
grow = 5
grain = "off"
"""


def test_a_locked_folder_is_the_node_s_and_its_versions_lie_below(seat, site, shot, tmp_path):
    site(f"output = '{tmp_path}/site'\nlocked = ['output']\n")
    node = made(seat)
    node.setInput(0, seat.read(f"{shot.folder}/plate/plate.%04d.exr", shot.first, shot.last))
    node.setInput(1, seat.read(f"{shot.folder}/roto/roto.%04d.exr", shot.first, shot.last))
    seat.session.process_events(lambda: not node["void_output"].enabled(), 30)
    seat.press("void_remove_button")
    assert seat.wait() == "done", seat.status
    assert len(list((tmp_path / "site" / node.name() / "v001").glob("*.exr"))) == shot.last - shot.first + 1


def test_a_new_node_gets_the_sites_defaults_and_locks(seat, site):
    site(SITE)
    node = made(seat)
    seat.session.process_events(
        lambda: not node["void_engine"].enabled() and node["void_seed"].value() == "7", 30
    )
    assert node["void_engine"].value() == "cleanplate"
    assert (node["void_grow"].value(), node["void_grain"].value()) == (5, False)
    assert not node["void_grow"].enabled() and node["void_seed"].enabled()


def test_a_loaded_node_keeps_the_artists_values_and_gets_the_locks(seat, shot, site):
    node = seat.with_shot(shot)
    site(SITE)
    seat.nuke.scriptSave()
    seat.nuke.scriptOpen(str(seat.script))
    node = seat.nuke.toNode("VOID1")
    seat.session.process_events(lambda: not node["void_engine"].enabled(), 30)
    assert node["void_seed"].value() == "0" and node["void_grain"].value() is True
    # A locked one can have no other value.
    assert node["void_engine"].value() == "cleanplate"


def test_a_default_that_the_node_has_no_item_for_is_passed_over(seat, site):
    site('[defaults]\nengine = "of_tomorrow"\nseed = 7\n')
    node = made(seat)
    seat.session.process_events(lambda: node["void_seed"].value() == "7", 30)
    assert node["void_engine"].value() == "auto"


def test_a_site_file_that_is_broken_stops_no_node(seat, site):
    site("engine = [")
    node = made(seat)
    asked = threading.Event()
    seat.plugin.ask("site", {}, lambda message: asked.set())
    seat.session.process_events(asked.is_set, 30)
    assert node["void_engine"].value() == "auto" and not seat.messages


def test_a_job_runs_under_a_site_that_locks_its_engine(seat, shot, site):
    site('locked = ["engine"]\n[defaults]\nengine = "cleanplate"\n')
    node = seat.with_shot(shot)
    seat.session.process_events(lambda: not node["void_engine"].enabled(), 30)
    seat.press("void_masks_button")
    assert seat.wait() == "done", seat.status


def test_the_connection_is_tested_without_waiting(seat, shot):
    seat.with_shot(shot)
    seat.press("void_test")
    assert not seat.messages
    seat.session.process_events(lambda: seat.messages, 60)
    assert "server" in seat.messages[0].lower()
    listed = Path(re.search(r"options: (.*)$", seat.messages[0])[1]).read_text(encoding="utf-8")
    assert "  grow=2  (number from 0.0 to 200.0) Pixels" in listed and "  cleanplate: ready" in listed
    assert "  grounding: not ready" in listed
