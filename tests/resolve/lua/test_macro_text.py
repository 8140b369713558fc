# SPDX-License-Identifier: Apache-2.0
"""The shipped macro reads in real Lua and has no fault; each kind of fault, put in on purpose, is found.

That Lua reads it is necessary and not sufficient: Fusion's reader is its own dialect, and it was not at hand.
"""

from __future__ import annotations

import re

import pytest

from tests.resolve.lua.checks import faults
from tests.resolve.lua.setting import INTERPRETERS, Node, found_interpreters, group_of, read, wires

# Name of the seeded fault: a pattern, what replaces its first match, the kind, a word of what is then said.
SEEDED = {
    "a comma is missing": (r'Source = "Clip",', 'Source = "Clip"', "syntax", "expected"),
    "a brace is missing": (r"\},\n\tActiveTool", "\n\tActiveTool", "syntax", "expected"),
    "a constructor is misspelt": (r"= ErodeDilate \{", "= ErodeDialte {", "constructor", "ErodeDialte"),
    "ordered is misspelt": (r"ordered\(\)", "orderd()", "constructor", "orderd"),
    "the active tool is another": (
        'ActiveTool = "VOID_TouchUp"',
        'ActiveTool = "VOID"',
        "active tool",
        "VOID",
    ),
    "a second tool stands at the top": (
        r"\n\t\},\n\tActive",
        "\n\t\tMore = Blur {},\n\t},\n\tActive",
        "frame",
        "one",
    ),
    "the Edit page's group is a macro": ("GroupOperator", "MacroOperator", "no group", "MacroOperator"),
    "the main output is missing": ("MainOutput1", "Output6", "no main output", "Output6"),
    "the plate has no entrance": ("MainInput1", "Input8", "no main input", "Input1"),
    "an input's source does not exist": ('SourceOp = "BlurMatte"', 'SourceOp = "Blur1"', "dangling", "Blur1"),
    "a control's tool does not exist": ('SourceOp = "PickRegion"', 'SourceOp = "Pick"', "dangling", "Pick"),
    "an output's tool does not exist": ('SourceOp = "MatteBlend"', 'SourceOp = "Blend"', "dangling", "Blend"),
    "a source's output is another": (
        '"BlurMatte", Source = "Output"',
        '"BlurMatte", Source = "Mask"',
        "output",
        "Mask",
    ),
    "two tools have one name": (r"MatteAffected = Chan", "MatteRemove = Chan", "repeated key", "MatteRemove"),
    "an input is set twice": (r"(Blend = Input \{ Value = 1, \},)", r"\1 \1", "repeated key", "Blend"),
    "a control is published under a used key": ("Input5 = Inst", "Input4 = Inst", "repeated key", "Input4"),
    "an input is unknown to its tool": (
        "XAmount = Input",
        "Amount = Input",
        "unknown input",
        "GrowMatte.Amount",
    ),
    "a control's input is unknown": (
        'Source = "XBlurSize"',
        'Source = "BlurSize"',
        "unknown input",
        "BlurSize",
    ),
    "a tool is unknown": (r"BlurMatte = Blur \{", "BlurMatte = Input {", "unknown tool", "BlurMatte"),
    "a choice is unknown": ('"Fast Gaussian"', '"Gausian"', "unknown choice", "Gausian"),
    "an expression's control is unknown": ("Region [+] 5", "Area + 5", "expression", "Area"),
    "tools feed each other": (
        r'"PickRegion", Source = "Output"',
        '"BlurMatte", Source = "Output"',
        "cycle",
        "GrowMatte",
    ),
    "a control is published twice": (
        r'"BlurMatte",\n\t\t\t\t\tSource = "XBlurSize"',
        '"GrowMatte",\n\t\t\t\t\tSource = "XAmount"',
        "published twice",
        "XAmount",
    ),
    "two controls have one name": ('Name = "Mix"', 'Name = "Blur"', "published twice", "Blur"),
    "default and value differ": (
        "XAmount = Input { Value = 0.01",
        "XAmount = Input { Value = 0.02",
        "default",
        "Input4",
    ),
    "a control of ours is not published": (
        'Source = "Region"',
        'Source = "ToRed"',
        "user control",
        "not published",
    ),
    "a control of ours has two defaults": (
        "INP_Default = 3",
        "INP_Default = 0",
        "user control",
        "two defaults",
    ),
    "an option is missing": (r'\{ CCS_AddString = "Overlap" \},', "", "user control", "3 options"),
    "a placeholder is misspelt": ("VOID_RESULT_SEQUENCE", "VOID_RESULT", "placeholder", "VOID_RESULT"),
    "both clips have one placeholder": (
        "VOID_MATTE_SEQUENCE",
        "VOID_RESULT_SEQUENCE",
        "placeholder",
        "2 times",
    ),
    "a placeholder of a number is changed": ("GlobalEnd = 0,", "GlobalEnd = 9,", "placeholder", "GlobalEnd"),
    "a clip is of another format": (
        'FormatID = "OpenEXRFormat"',
        'FormatID = "DPXFormat"',
        "clip",
        "DPXFormat",
    ),
    "a Loader has no clip": (r"Clips = \{\n", "Reels = {\n", "clip", "ResultSequence"),
}


def test_the_shipped_macro_has_no_fault(text: str, interpreter: str) -> None:
    assert faults(text, interpreter) == []


@pytest.mark.parametrize("name", SEEDED)
def test_a_fault_put_in_on_purpose_is_found(text: str, interpreter: str, name: str) -> None:
    pattern, replacement, kind, said = SEEDED[name]
    pattern = pattern if "\\" in pattern or "[" in pattern else re.escape(pattern)
    broken, times = re.subn(pattern, replacement, text, count=1)
    assert times == 1 and broken != text, "the fault was not put in"
    found = faults(broken, interpreter)
    assert any(fault.kind == kind and said in fault.where for fault in found), found


def test_both_interpreters_read_the_same(text: str) -> None:
    found = found_interpreters()
    if len(found) < len(INTERPRETERS):
        pytest.skip(f"only {found} here: that two interpreters agree was not checked (make system)")
    assert read(text, found[0]) == read(text, found[1])


def test_nothing_but_the_text_itself_is_in_reach_of_a_macro(interpreter: str) -> None:
    for reach in ("io", "os", "require", "print", "_G"):
        found = faults(f"{{ Tools = {reach} }}", interpreter)
        assert [fault.kind for fault in found] == ["constructor"]


def test_an_artist_finds_seven_controls_and_five_outputs(group: Node) -> None:
    controls = [item.fields["Name"] for _, item in sorted(group.table("Inputs").fields.items())]
    outputs = [item.fields["Name"] for _, item in sorted(group.table("Outputs").fields.items())]
    assert controls == [
        "Result sequence",
        "Matte sequence",
        "Region",
        "Grow (part of width)",
        "Blur",
        "Invert region",
        "Mix",
        "Plate",
    ]
    assert outputs == ["Picture", "Remove matte", "Affected matte", "Overlap matte", "Blend matte"]


def test_nothing_in_the_macro_is_left_over(group: Node) -> None:
    tools = group.table("Tools").fields
    used = {source for source, _, _ in wires(tools)}
    used |= {item.fields["SourceOp"] for item in group.table("Outputs").fields.values()}
    assert used == tools.keys()


def test_a_group_is_told_from_no_group(text: str, interpreter: str) -> None:
    name, group = group_of(read(text, interpreter))
    assert (name, group.made_by) == ("VOID_TouchUp", "GroupOperator")
