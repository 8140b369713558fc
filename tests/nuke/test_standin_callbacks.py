# SPDX-License-Identifier: Apache-2.0
"""Rules of callbacks, by their ids in `standin.rules`."""

from __future__ import annotations

import pytest


def names(nuke, seen):
    """A callback that notes which knob of which node it is for."""

    def note():
        knob = nuke.thisKnob()
        seen.append((nuke.thisNode().name(), knob.name() if knob else ""))

    return note


def test_n23_callbacks_are_checked(nuke_session):
    nuke = nuke_session().nuke
    with pytest.raises(ValueError):
        nuke.addOnCreate("print(1)")
    with pytest.raises(ValueError):
        nuke.addKnobChanged(print, (), ["x"])


@pytest.mark.parametrize(("version", "calls"), [("17.0v1", 1), ("16.0v4", 0)])
def test_n24_knob_changed_for_what_python_sets(nuke_session, version, calls):
    session = nuke_session(version)
    nuke, seen = session.nuke, []
    node = nuke.nodes.NoOp()
    nuke.addKnobChanged(names(nuke, seen), nodeClass="NoOp")
    node["label"].setValue("a")
    assert seen == [("NoOp1", "label")] * calls
    session.user_sets(node, "label", "b")
    assert seen == [("NoOp1", "label")] * (calls + 1)
    nuke.removeKnobChanged(nuke.thisKnob)
    assert session.app.script.callbacks.registered["KnobChanged"]


def test_n25_on_create_while_loading(nuke_session):
    session = nuke_session()
    nuke, seen = session.nuke, []
    nuke.addOnCreate(names(nuke, seen), nodeClass="Group")
    group = nuke.nodes.Group()
    with group:
        nuke.nodes.NoOp()
    session.read("Group {\n inputs 0\n}\nNoOp {\n inputs 0\n name In\n}\nend_group\n")
    assert seen == [("Group1", ""), ("Group2", "")]

    def enter():
        with nuke.thisNode():
            pass

    nuke.addOnCreate(enter, nodeClass="Group")
    session.read("Group {\n inputs 0\n}\nend_group\n")
    assert [one.kind for one in session.violations] == ["crash", "callback"]
    session.expect("crash")
    session.expect("callback")


def test_n26_a_nodes_own_first_then_its_class_then_all(nuke_session):
    session = nuke_session()
    nuke = session.nuke
    nuke.addOnCreate(nuke.tprint, ("all",))
    nuke.addOnCreate(nuke.tprint, ("class",), nodeClass="Dot")
    nuke.addOnCreate(nuke.tprint, ("other",), nodeClass="Read")
    session.read("Dot {\n inputs 0\n onCreate {nuke.tprint('own')}\n}\n")
    assert session.app.printed == ["own\n", "class\n", "all\n"]


def test_n27_a_knob_changed_that_sets_its_knob(nuke_session):
    session = nuke_session("17.0v1")
    nuke = session.nuke
    node = nuke.nodes.NoOp()
    node["knobChanged"].setValue("nuke.thisNode()['label'].setValue('x')")
    session.expect("recursion")
    assert session.violations[0].rule == "N27"


def test_n28_an_exception_in_a_callback_is_printed(nuke_session):
    session = nuke_session()
    session.nuke.addOnCreate(lambda: 1 / 0)
    session.nuke.nodes.NoOp()
    assert "ZeroDivisionError" in session.app.printed[0]
    session.expect("callback")


def test_n29_pseudo_knobs(nuke_session):
    nuke, seen = nuke_session().nuke, []
    node, other = nuke.nodes.NoOp(), nuke.nodes.NoOp()
    nuke.addKnobChanged(names(nuke, seen))
    node.showControlPanel()
    node.hideControlPanel()
    node.setInput(0, other)
    assert [knob for _, knob in seen] == ["showPanel", "hidePanel", "inputChange"]
    assert node.knob("showPanel") is None
