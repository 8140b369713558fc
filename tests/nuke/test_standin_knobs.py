# SPDX-License-Identifier: Apache-2.0
"""Rules of knobs, by their ids in `standin.rules`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nuke.standin import BrokenRules, Session


def user(nuke, knob):
    node = nuke.nodes.NoOp()
    node.addKnob(knob)
    return node[knob.name()]


def test_n11_an_unknown_item_is_kept_and_fails_the_test():
    session = Session().install()
    try:
        knob = user(session.nuke, session.nuke.Enumeration_Knob("e", "", ["a", "b"]))
        assert knob.setValue("c") is True and knob.value() == "c"
        with pytest.raises(BrokenRules, match=r"Bad value for NoOp1\.e : c"):
            session.judge()
    finally:
        session.remove()


def test_n11_items_and_indices(nuke_session):
    session = nuke_session()
    knob = user(session.nuke, session.nuke.Enumeration_Knob("e", "", ["a", "b"]))
    assert knob.setValue(1) and knob.value() == "b" and knob.getValue() == 1.0
    assert knob.setValue("a") and knob.values() == ["a", "b"]


def test_n12_an_int_has_32_bits(nuke_session):
    session = nuke_session()
    knob = user(session.nuke, session.nuke.Int_Knob("i"))
    knob.setValue(2**31 - 1)
    with pytest.raises(OverflowError):
        knob.setValue(2**31)
    session.expect("bad value")
    with pytest.raises(RuntimeError):
        session.read("NoOp {\n inputs 0\n addUserKnob {3 i}\n i 4294967296\n}\n")


def test_n13_set_value_returns_bool_and_takes_only_its_kind(nuke_session):
    nuke = nuke_session().nuke
    text, switch, number = (
        user(nuke, knob) for knob in (nuke.String_Knob("s"), nuke.Boolean_Knob("b"), nuke.Double_Knob("d"))
    )
    assert text.setValue("ä") is True and text.value() == "ä"
    for knob, wrong in (
        (text, 1),
        (text, Path("a")),
        (text, None),
        (switch, "true"),
        (number, "1"),
        (number, None),
    ):
        with pytest.raises(TypeError):
            knob.setValue(wrong)
    with pytest.raises(TypeError):
        text.setValue(value="x")
    assert switch.setValue(1) is True and switch.value() is True


def test_n14_a_button_runs_with_this_node(nuke_session):
    session = nuke_session()
    nuke = session.nuke
    knob = user(
        nuke, nuke.PyScript_Knob("go", "Go", "nuke.message(nuke.thisNode().name() + nuke.thisKnob().name())")
    )
    knob.execute()
    assert session.app.messages == ["NoOp1go"] and nuke.thisNode() is None


def test_n17_a_file_is_evaluated_and_kept(nuke_session):
    session = nuke_session()
    nuke = session.nuke
    nuke.root()["name"].setValue("/shots/ä b/one.nk")
    knob = user(nuke, nuke.File_Knob("f"))
    raw = "[file dirname [value root.name]]/void/[value name].%04d.exr"
    knob.setValue(raw)
    assert knob.value() == raw
    assert knob.evaluate(7) == "/shots/ä b/void/NoOp1.0007.exr"
    knob.setValue("[python {1+1}]")
    with pytest.raises(RuntimeError, match="refused"):
        knob.evaluate()


def test_n18_an_expression_gives_the_value(nuke_session):
    nuke = nuke_session().nuke
    group = nuke.nodes.Group()
    group.addKnob(nuke.Boolean_Knob("has"))
    with group:
        inner = nuke.nodes.NoOp()
        switch = nuke.nodes.Switch()
    switch["which"].setExpression("parent.has ? 3 : 1 + 1")
    assert switch["which"].value() == 2
    group["has"].setValue(True)
    switch["which"].setValue(0)
    assert switch["which"].value() == 3 and switch["which"].hasExpression()
    switch["which"].clearAnimated()
    assert switch["which"].value() == 0
    assert inner.knob("disable") is None


def test_n19_channels_must_be_there(nuke_session):
    session = nuke_session()
    nuke = session.nuke
    copy = nuke.nodes.Copy()
    nuke.Layer("void_mask", ["void_mask.red", "void_mask.green"])
    copy["from0"].setValue("void_mask.green")
    copy["channels"].setValue("void_mask")
    copy["to0"].setValue("rgba.red")
    assert copy["to0"].value() == "red" and copy["to0"].toScript() == "rgba.red"
    session.expect("bad value")
    copy["from0"].setValue("void_mask.blue")


def test_n31_no_float_for_an_int_in_17(nuke_session):
    nuke = nuke_session("17.0v1").nuke
    knob = user(nuke, nuke.Int_Knob("i"))
    with pytest.raises(TypeError):
        knob.setValue(1.0)
    with pytest.raises(TypeError):
        nuke.nodes.Dot().setXYpos(1.5, 2)
    with pytest.raises(TypeError):
        user(nuke, nuke.Boolean_Knob("b")).setValue(1.0)


def test_n31_16_rounds_a_float_down(nuke_session):
    nuke = nuke_session("16.0v4").nuke
    knob = user(nuke, nuke.Int_Knob("i"))
    knob.setValue(1.5)
    assert knob.value() == 1 and knob.toScript() == "1"


def test_n32_knobs_of_exr_come_with_the_file_type(nuke_session):
    nuke = nuke_session().nuke
    write = nuke.nodes.Write()
    assert write.knob("datatype") is None
    write["file_type"].setValue("exr")
    write["compression"].setValue("Zip (1 scanline)")
    write["file_type"].setValue("dpx")
    assert write.knob("datatype") is None


def test_n33_only_user_text_sets_the_range(nuke_session):
    nuke = nuke_session().nuke
    read = nuke.nodes.Read()
    read["file"].setValue("/a/b.%04d.exr 5-9")
    assert (read.firstFrame(), read.lastFrame()) == (1, 1)
    read["file"].fromUserText("/a/b c.%04d.exr 5-9")
    assert read["file"].value() == "/a/b c.%04d.exr"
    assert (read.firstFrame(), read.lastFrame(), read["origlast"].value()) == (5, 9, 9)
    read["reload"].execute()
    assert read["version"].value() == 1


def test_n34_colour_spaces_are_the_projects(nuke_session):
    session = nuke_session()
    nuke = session.nuke
    read = nuke.nodes.Read()
    read["colorspace"].setValue("linear")
    nuke.root()["colorManagement"].setValue("OCIO")
    assert "linear" not in read["colorspace"].values()
    read["colorspace"].setValue("scene_linear")
    session.expect("bad value")
    nuke.nodes.Read()["colorspace"].setValue("linear")


def test_areas_have_fields(nuke_session):
    nuke = nuke_session().nuke
    box, place = user(nuke, nuke.BBox_Knob("b")), user(nuke, nuke.XY_Knob("p"))
    box.setValue([1, 2, 30.5, 40])
    place.setValue(7, 1)
    assert (box.x(), box.r(), box.value()) == (1, 30.5, [1, 2, 30.5, 40])
    assert place.value() == [0, 7] and place.getValue(1) == 7
    with pytest.raises(TypeError):
        place.setValue([1, 2, 3])
