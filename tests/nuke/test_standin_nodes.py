# SPDX-License-Identifier: Apache-2.0
"""Rules of nodes and of the network, by their ids in `standin.rules`."""

from __future__ import annotations

import pytest

from tests.nuke.standin import BrokenRules, Session


def test_n01_missing_knobs_and_nodes(nuke_session):
    nuke = nuke_session().nuke
    node = nuke.nodes.Dot()
    with pytest.raises(NameError):
        node["disable"]
    assert node.knob("disable") is None
    assert nuke.toNode("Nothing1") is None
    assert nuke.toNode("Dot1") is node


def test_n02_a_deleted_node_is_not_used(nuke_session):
    nuke = nuke_session().nuke
    node = nuke.nodes.NoOp()
    label = node["label"]
    nuke.delete(node)
    with pytest.raises(ValueError):
        node.name()
    with pytest.raises(ValueError):
        label.value()


def test_n03_nothing_is_there_that_is_not_modelled(nuke_session):
    nuke = nuke_session().nuke
    with pytest.raises(AttributeError):
        _ = nuke.executeDeferred
    with pytest.raises(AttributeError):
        _ = nuke.nodes.NoOp().file


def test_n05_create_node_splices_and_opens_a_panel(nuke_session):
    nuke = nuke_session().nuke
    first, after = nuke.nodes.NoOp(), nuke.nodes.NoOp()
    after.setInput(0, first)
    first.setSelected(True)
    loose = nuke.nodes.Dot()
    assert loose.input(0) is None and not loose.shown()
    spliced = nuke.createNode("Dot")
    assert spliced.input(0) is first and after.input(0) is spliced
    assert spliced.shown() and nuke.selectedNodes() == [spliced]
    assert not nuke.createNode("Dot", inpanel=False).shown()


def test_n06_names_are_unique_and_begin_with_no_digit(nuke_session):
    nuke = nuke_session().nuke
    assert [nuke.nodes.Read().name() for _ in range(2)] == ["Read1", "Read2"]
    assert nuke.nodes.Read(name="Read1").name() == "Read3"
    with pytest.raises(ValueError):
        nuke.nodes.Read()["name"].setValue("2nd")


def test_n07_inputs_end_at_max_inputs(nuke_session):
    nuke = nuke_session().nuke
    node = nuke.nodes.Dot()
    with pytest.raises(IndexError):
        node.setInput(1, nuke.nodes.NoOp())
    assert node.maxInputs() == 1


def test_n08_a_group_that_is_not_left_fails_the_test():
    session = Session().install()
    try:
        session.nuke.nodes.Group().begin()
        with pytest.raises(BrokenRules, match="was not left"):
            session.judge()
    finally:
        session.remove()


def test_n08_nodes_are_made_in_the_group_that_is_entered(nuke_session):
    nuke = nuke_session().nuke
    group = nuke.nodes.Group()
    with group:
        inner = nuke.nodes.Input()
        assert nuke.toNode("Input1") is inner
    assert nuke.toNode("Input1") is None
    assert nuke.toNode("Group1.Input1") is inner and group.node("Input1") is inner
    assert group.maxInputs() == 1


def test_n51_operands_are_taken_from_the_stack(nuke_session):
    session = nuke_session()
    text = "NoOp {\n inputs 0\n name B\n}\nset N1 [stack 0]\nDot {\n name A\n}\n"
    text += "push $N1\nCopy {\n inputs 2\n name C\n}\n"
    made = {node.name(): node for node in session.read(text)}
    assert made["C"].input(0) is made["B"] and made["C"].input(1) is made["A"]
    session.expect("stack")
    session.read("NoOp {\n inputs 0\n}\nCopy {\n inputs 2\n}\n")
    assert [one.rule for one in session.violations] == ["N51"]
