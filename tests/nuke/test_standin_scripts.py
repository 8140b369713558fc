# SPDX-License-Identifier: Apache-2.0
"""Rules of saving and loading, by their ids in `standin.rules`."""

from __future__ import annotations

import pytest

from tests.nuke.standin import tcl

AWKWARD = [
    "two words",
    'a "quote"',
    "{brace",
    "brace}",
    "[file dirname x]",
    "C:\\shots\\new",
    "Ärger 日本",
    "$HOME; x",
    "line\nline",
    "#1",
    "",
    "tab\there",
    "end\\",
]


def saved(nuke, path):
    nuke.scriptSave(str(path))
    nuke.scriptOpen(str(path))


@pytest.mark.parametrize("text", AWKWARD)
def test_n50_any_text_survives(nuke_session, tmp_path, text):
    nuke = nuke_session().nuke
    group = nuke.nodes.Group()
    group.addKnob(nuke.Tab_Knob("tab", text))
    group.addKnob(nuke.String_Knob("s", text))
    group["s"].setValue(text)
    group["s"].setTooltip(text)
    group.addKnob(nuke.Enumeration_Knob("e", "", ["other", text or "x"]))
    group["e"].setValue(1)
    group["label"].setValue(text)
    with group:
        nuke.nodes.NoOp(label=text)
    saved(nuke, tmp_path / "a.nk")
    group = nuke.toNode("Group1")
    assert group["s"].value() == text and group["s"].tooltip() == text and group["label"].value() == text
    assert group["e"].value() == (text.split("\t")[0] or "x")
    assert group.node("NoOp1")["label"].value() == text


@pytest.mark.parametrize("text", AWKWARD)
def test_n50_quoted_words_read_back(text):
    assert [word.text for word in tcl.split_list(f"a {tcl.quote(text)} b")] == ["a", text, "b"]
    assert [word.text for word in tcl.commands(f"a {tcl.quote(text)} b\n")[0]] == ["a", text, "b"]


def test_n50_numbers_links_and_values_survive(nuke_session, tmp_path):
    nuke = nuke_session().nuke
    top, last = nuke.nodes.NoOp(), nuke.nodes.Dot()
    merge = nuke.nodes.Merge2(inputs=[top, None, last])
    merge["mix"].setExpression("frame / 4")
    merge["disable"].setExpression("!(frame > 3)")
    group = nuke.nodes.Group()
    for knob in (nuke.Int_Knob("i"), nuke.Boolean_Knob("b"), nuke.XY_Knob("p"), nuke.BBox_Knob("box")):
        group.addKnob(knob)
    group["i"].setValue(-7)
    group["b"].setValue(True)
    group["p"].setValue([1.5, -2])
    group["box"].setValue([0, 0, 10, 20])
    nuke.root()["first_frame"].setValue(1001)
    saved(nuke, tmp_path / "a.nk")
    group, merge = nuke.toNode("Group1"), nuke.toNode("Merge1")
    assert [group[name].value() for name in ("i", "b", "p", "box")] == [-7, True, [1.5, -2], [0, 0, 10, 20]]
    assert [merge.input(number) for number in range(3)] == [nuke.toNode("NoOp1"), None, nuke.toNode("Dot1")]
    assert merge["mix"].hasExpression() and merge["mix"].valueAt(2) == 0.5
    assert merge["disable"].hasExpression() and merge["disable"].value() is True
    assert nuke.root().firstFrame() == 1001 and nuke.root().name() == str(tmp_path / "a.nk")


def test_n15_flags_from_python_are_lost(nuke_session, tmp_path):
    session = nuke_session()
    nuke = session.nuke
    session.read(
        "NoOp {\n inputs 0\n addUserKnob {20 t}\n addUserKnob {1 a +INVISIBLE}\n addUserKnob {1 b}\n}\n"
    )
    node = nuke.toNode("NoOp1")
    node["b"].setFlag(nuke.INVISIBLE)
    assert not node["a"].visible() and not node["b"].visible()
    saved(nuke, tmp_path / "a.nk")
    node = nuke.toNode("NoOp1")
    assert not node["a"].visible() and node["b"].visible()


def test_n16_what_is_not_to_be_written_is_not(nuke_session, tmp_path):
    session = nuke_session()
    nuke = session.nuke
    session.read("NoOp {\n inputs 0\n addUserKnob {1 a +DO_NOT_WRITE}\n addUserKnob {1 b}\n}\n")
    node = nuke.toNode("NoOp1")
    node["a"].setValue("secret")
    node["b"].setValue("told")
    node["b"].setFlag(nuke.DO_NOT_WRITE)
    saved(nuke, tmp_path / "a.nk")
    assert "secret" not in (tmp_path / "a.nk").read_text() and "told" in (tmp_path / "a.nk").read_text()
    assert nuke.toNode("NoOp1")["a"].value() == ""


def test_n52_a_paste_with_a_bad_value_raises_and_is_there(nuke_session, tmp_path):
    session = nuke_session()
    (tmp_path / "a.nk").write_text("Read {\n inputs 0\n before never\n}\n")
    with pytest.raises(RuntimeError, match=r"Bad value for Read1\.before : never"):
        session.nuke.nodePaste(str(tmp_path / "a.nk"))
    assert session.nuke.toNode("Read1") is not None
    session.expect("bad value")


def test_n53_unknown_knobs_fail_the_load(nuke_session):
    session = nuke_session()
    session.read("Write {\n inputs 0\n datatype {16 bit half}\n file_type exr\n}\n")
    session.read("NoOp {\n inputs 0\n addUserKnob {1 label}\n}\n")
    assert [one.rule for one in session.violations] == ["N53", "N53"]
    session.expect("load")


@pytest.mark.parametrize(
    "text",
    [
        "NoOp {\n label x",
        "NoOp {\n label x name\n}\n",
        'NoOp {\n label "x\n}\n',
        "push [exec rm]\n",
        "NoOp [exec rm]\n",
        "Blur {\n inputs 0\n mix {{parent.a + 1}}\n}\n",
        'Group {\n inputs 0\n}\nNoOp {\n inputs 0\n label x"y\n}\n',
        "end_group\n",
        "push $N9\n",
    ],
)
def test_n54_text_must_be_complete(nuke_session, text):
    with pytest.raises(tcl.TclError):
        nuke_session().read(text)


def test_copy_and_paste_splice_below_the_selection(nuke_session):
    nuke = nuke_session().nuke
    nuke.nodes.Dot(name="A").setSelected(True)
    nuke.nodeCopy("%clipboard%")
    nuke.nodePaste("%clipboard%")
    assert [node.name() for node in nuke.selectedNodes()] == ["A1"]


def test_a_gizmo_file_that_begins_with_group(nuke_session, tmp_path):
    session = nuke_session()
    nuke = session.nuke
    (tmp_path / "VOID.gizmo").write_text("Group {\n name VOID1\n}\n Input {\n  inputs 0\n }\nend_group\n")
    nuke.pluginAppendPath(str(tmp_path))
    above = nuke.nodes.NoOp()
    above.setSelected(True)
    node = nuke.createNode("VOID")
    assert node.Class() == "Group" and node.name() == "VOID1" and node.input(0) is above
    assert nuke.createNode("VOID").name() == "VOID2"
    with pytest.raises(RuntimeError, match="Unknown command"):
        nuke.createNode("Missing")
