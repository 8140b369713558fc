# SPDX-License-Identifier: Apache-2.0
"""The checker of .nk and .gizmo files finds each kind of fault, seeded into a gizmo that has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nuke.tcl import checks, python_in, reader

pytestmark = pytest.mark.skipif(reader.TCLSH is None, reason=reader.NO_TCLSH)

VOID = checks.ROOT / "gizmos" / "VOID.gizmo"
QC = checks.ROOT / "gizmos" / "VOID_QC.gizmo"

FAULTS = {
    "a closing brace is missing": ("incomplete", "  name Show\n", "  name {Show\n"),
    "a knob without a value": ("list", "  name Blend\n", "  name Blend\n  mix\n"),
    "a value that is no list": (
        "list",
        "addUserKnob {20 void_tab l VOID}",
        "addUserKnob {20 void_tab l {VOID}x}",
    ),
    "a knob that the class has not": ("knob", "  maskChannel alpha\n", "  maskChannelMask alpha\n"),
    "a class that is not in the table": ("class", " Keymix {", " KeyMix2 {"),
    "a call where a node should be": ("command", " Keymix {", " Keymix now {"),
    "more inputs than the class has": ("inputs", "  inputs 3\n", "  inputs 4\n"),
    "inputs that are no number": ("inputs", "  inputs 3\n", "  inputs many\n"),
    "more inputs than the stack has": ("underflow", "set Nresult [stack 0]", "set Nresult [stack 99]"),
    "a layer that nothing declares": ("layer", "  channels void_qc\n", "  channels void_quality\n"),
    "a channel that its layer has not": ("layer", "{void_mask.alpha > 0}", "{void_source.alpha > 0}"),
    "a node that nothing uses": (
        "unreachable",
        "push $Nlayers\npush $Nblend",
        " Dot {\n  inputs 0\n  name A\n }\npush $Nlayers\npush $Nblend",
    ),
    "two nodes of one name": ("duplicate", "  name CopyGain\n", "  name CopyOffset\n"),
    "two knobs of one name": ("duplicate", "22 void_preview_button", "22 void_remove_button"),
    "two values of one knob": ("duplicate", " void_seed 0\n", " void_seed 0\n void_seed 1\n"),
    "a user knob that every Group has": ("clash", "addUserKnob {1 void_view ", "addUserKnob {1 label "),
    "a type of user knob that is not known": (
        "user knob",
        "addUserKnob {1 void_view ",
        "addUserKnob {99 void_view ",
    ),
    "an option of a user knob that is not known": ("user knob", "20 void_tab l VOID", "20 void_tab L VOID"),
    "a value before its knob": ("user knob", " name VOID\n", " name VOID\n void_prompt sky\n"),
    "a button that is no Python": ("python", '.press("remove")', '.press("remove'),
    "a button without Python": (
        "python",
        "22 void_test l",
        "22 void_more l more}\n addUserKnob {22 void_test l",
    ),
    "an item that the enumeration has not": ("enum", "  bbox B\n", "  bbox b\n"),
    "an item that a user's enumeration has not": ("enum", " void_show result\n", " void_show plate\n"),
    "a boolean that is neither": ("enum", "  raw true\n", "  raw yes\n"),
    "a compression that EXR has not": ("enum", '"Zip (1 scanline)"', '"Zip (1 line)"'),
    "an expression of a knob that is not there": ("link", "parent.void_has_result ?", "parent.void_result ?"),
    "two Outputs": ("output", "end_group", " Output {\n  name Output2\n }\nend_group"),
    "Inputs with a gap": ("numbers", "  number 3\n", "  number 4\n"),
    "a path of somebody's machine": (
        "path",
        "  on_error black\n",
        "  on_error black\n  file /mnt/show/a.exr\n",
    ),
    "a command between the nodes": ("list", "push $Nkeep\n", "push [exec date]\n"),
    "a command inside of a value": ("substitution", "  raw true\n", "  raw true\n  file {[exec date].exr}\n"),
    "a variable that was never set": ("tcl", "push $Nkeep\n", "push $Nkept\n"),
    "a group that does not end": ("end_group", "end_group\n", ""),
    "a name that starts with a digit": ("name", "  name Show\n", "  name 1Show\n"),
    "a Gizmo instead of a Group": ("output", "Group {\n name VOID", "Gizmo {\n name VOID"),
}


def seeded(source: Path, old: str, new: str, folder: Path) -> set[str]:
    """Kinds of problem in a copy of a file in which the first `old` is `new`."""
    text = source.read_text(encoding="utf-8")
    assert old in text
    faulty = folder / source.name
    faulty.write_text(text.replace(old, new, 1), encoding="utf-8")
    return {problem.kind for problem in checks.problems(faulty)}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_found(fault: str, tmp_path: Path) -> None:
    kind, old, new = FAULTS[fault]
    assert kind in seeded(VOID, old, new, tmp_path)


def test_a_link_to_a_knob_that_is_not_there_is_found(tmp_path: Path) -> None:
    assert seeded(QC, "WorstOutside.maxlumapixvalue", "WorstOutside.largest", tmp_path) == {"link"}


@pytest.mark.skipif(python_in.old_python() is None, reason=python_in.NO_OLD)
def test_a_button_that_python_3_9_cannot_compile_is_found(tmp_path: Path) -> None:
    new_syntax = "match nuke.thisNode():\n  case _: pass\nnode = nuke.thisNode()"
    assert seeded(QC, "node = nuke.thisNode()", new_syntax, tmp_path) == {"python"}


def test_a_script_reaches_no_command_of_tcl(tmp_path: Path) -> None:
    written = tmp_path / "written"
    script = tmp_path / "bad.nk"
    script.write_text(f"set f [open {written} w]\nputs $f x\nclose $f\n")

    assert checks.problems(script)
    assert not written.exists()


@pytest.mark.parametrize("path", checks.shipped(), ids=lambda path: path.name)
def test_what_is_shipped_is_whole(path: Path) -> None:
    assert checks.problems(path) == []


def test_pasted_text_may_ask_for_the_selected_node(tmp_path: Path) -> None:
    script = tmp_path / "pasted.nk"
    start = "set cut_paste_input [stack 0]\nversion 14.0 v1\npush $cut_paste_input\n"
    script.write_text(start + VOID.read_text(encoding="utf-8"))
    assert checks.problems(script) == []


def test_inputs_are_taken_from_the_top_of_the_stack(tmp_path: Path) -> None:
    script = tmp_path / "merge.nk"
    script.write_text(
        "Constant {\n inputs 0\n name A\n}\n"
        "Constant {\n inputs 0\n name B\n}\n"
        "Merge2 {\n inputs 2\n name M\n}\n"
    )
    read = reader.read(script)
    assert [read.nodes[number].name for number in read.named("M").inputs] == ["B", "A"]
