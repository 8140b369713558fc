# SPDX-License-Identifier: Apache-2.0
"""The rules, by id: what each says, which section of the facts it is from, and what is only assumed."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """A rule of the stand-in.

    Attributes:
        says: the rule.
        facts: sections of the facts that it is from.
        assumed: what is taken the harsher way because nobody knows; empty = nothing.
    """

    says: str
    facts: str
    assumed: str = ""


RULES: dict[str, Rule] = {
    "N01": Rule("node['x'] raises NameError; node.knob and toNode give None", "2.3, 6.2.1"),
    "N02": Rule("an object of a node that was deleted raises ValueError", "6.2.1", "also its knobs"),
    "N03": Rule("a name that nuke does not have raises AttributeError", "6.2.1"),
    "N05": Rule(
        "createNode splices into the selection and opens a panel, nuke.nodes.X does not", "2.3, 6.2.7"
    ),
    "N06": Rule("names are unique in a group, and begin with no digit", "2.4, 6.2.7"),
    "N07": Rule("an input beyond maxInputs is refused", "6.2.7", "by IndexError"),
    "N08": Rule("begin and end of groups balance", "6.2.7"),
    "N11": Rule(
        "an item that an enumeration lacks is a bad value, on load too", "2.3", "setValue still returns True"
    ),
    "N12": Rule("an int has 32 bits", "2.4", "beyond: OverflowError, TypeError in 17; on load a bad value"),
    "N13": Rule("setValue returns bool, and raises TypeError for another kind", "2.3, 6.2.2"),
    "N14": Rule("a button runs its text with thisNode and thisKnob set", "6.2.2", "outside of the group"),
    "N15": Rule("flags that Python sets are lost on save and load; those of addUserKnob stay", "2.4, 6.2.9"),
    "N16": Rule(
        "a value under +DO_NOT_WRITE is not saved", "5.1", "a DO_NOT_WRITE from Python does not count"
    ),
    "N17": Rule("a file is kept as written; evaluate substitutes, and refuses [python …]", "2.3, 5.1"),
    "N18": Rule("a knob with an expression has the expression's value", "2.2", "setValue does not end it"),
    "N19": Rule("a channel knob takes channels that the script has", "3.1", "another is a bad value"),
    "N20": Rule("every call is on the main thread", "decision 9, 6.2.3", "ProgressTask and tprint too"),
    "N21": Rule("executeInMainThread on the main thread hangs", "2.3"),
    "N22": Rule(
        "arguments are wrapped, exceptions of WithResult swallowed",
        "2.3",
        "without the interface nothing is ever run",
    ),
    "N23": Rule("callbacks are checked when they are registered", "2.4"),
    "N24": Rule(
        "knobChanged is called for what Python sets since 17",
        "2.4, 6.2.8",
        "never before, and for equal values",
    ),
    "N25": Rule("onCreate is called on load and paste too; entering a group then crashes", "2.4, 6.2.8"),
    "N26": Rule("callbacks of a class run before those of *", "2.4", "a node's own text first"),
    "N27": Rule("knobChanged that sets its own knob calls itself", "2.4", "without end"),
    "N28": Rule("an exception in a callback is printed", "2.2", "and fails the test"),
    "N29": Rule("showPanel, hidePanel and inputChange come as knobs that no node has", "2.4"),
    "N30": Rule("execute is not re-entrant, and not for knobChanged", "2.3, 6.2.4"),
    "N31": Rule("17 takes no argument of another kind", "2.3", "no float for an int"),
    "N32": Rule("knobs of EXR exist while file_type is exr", "2.5, 6.2.5", "the order in a script counts"),
    "N33": Rule("only fromUserText sets a Read's range; reload bumps its version", "2.3, 6.2.6"),
    "N34": Rule("which colour spaces there are depends on the project", "2.5, 6.2.6"),
    "N35": Rule("a missing frame is as on_error says", "2.5"),
    "N36": Rule("a Write needs its folder or create_directories, and renames complete files", "2.5, 6.2.5"),
    "N37": Rule("a render is at the active scale", "2.3"),
    "N38": Rule("disabled, reading or out of its limit a Write writes nothing", "2.5", "and does not say so"),
    "N39": Rule("cancel raises RuntimeError Cancelled; a failure stops unless continueOnError", "2.3, 6.2.4"),
    "N40": Rule("reserved layers are not added to", "3.1, 6.2.10"),
    "N41": Rule("a layer has at most 4 channels", "3.1", "more is refused"),
    "N42": Rule("a script has at most 1023 channels", "3.1"),
    "N43": Rule("illegal names of layers and channels are refused, and those of views", "3.1"),
    "N44": Rule(
        "a layer that no node uses is dropped on save", "2.3", "also one that a Layer object is held of"
    ),
    "N50": Rule("values of any text survive save and load", "2.7, 6.2.9"),
    "N51": Rule("a statement takes its inputs from the stack; the first may find none", "2.7"),
    "N52": Rule("after a bad value nodePaste raises, and the nodes are there", "2.3"),
    "N53": Rule("a knob that a node lacks, or has twice, fails the load", "2.7", "Nuke may only print it"),
    "N54": Rule("commands must be complete, knob lists even, substitutions quoted", "2.7"),
    "N60": Rule("GUI, env and version are those of the mode", "2.1"),
    "N61": Rule("an unsaved root is named Root; scriptName raises", "2.3", "it may return Root"),
    "N62": Rule("disable_group_view is there since 16", "2.2"),
    "N63": Rule("Indie and Non-commercial reach 10 nodes", "2.1", "the eleventh raises RuntimeError"),
    "N64": Rule("message and ask raise without the interface", "2.3, 6.2.11", "they may print"),
    "N65": Rule("setProgress takes an int from 0 to 100", "6.2.12"),
    "N66": Rule("a task is cancelled when the test says so; it needs the interface", "2.3, 6.2.12"),
    "N67": Rule("a ProgressTask is released", "2.3, 6.2.12"),
    "N68": Rule("undo blocks balance, on exceptions too", "6.2.13"),
    "N69": Rule("undo that is disabled is enabled again", "2.3", "calls are counted"),
    "N70": Rule(
        "a Read shows the file whose number is the frame, or what frame_mode and frame make of it",
        "2.5",
        "start at N: its first file is on frame N; offset N: the file of frame + N; an expression shifts no range",
    ),
    "N71": Rule("metadata input/filename is the path of the file that a Read shows", "2.3"),
    "N72": Rule(
        "execute of a group renders the Writes inside, and not the disabled ones", "2.3", "all of this"
    ),
    "N73": Rule("a label's [value …] is of its own node", "2.2", "evaluate is there as for files"),
    "N74": Rule("writeKnobs gives a line for each knob that is not at its default", "2.3"),
    "N75": Rule("%V in a file's name is the view", "2.6"),
    "N76": Rule(
        "toNode takes a path from the root, beginning with root.", "2.3", "from inside of a group too"
    ),
}
