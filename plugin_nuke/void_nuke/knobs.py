# SPDX-License-Identifier: Apache-2.0
"""The knobs of the VOID node: a fixed set for each release, so that scripts open anywhere.

`gizmos/VOID.gizmo` has exactly these, in this order; a test compares them. What a server cannot do is found on submit,
by its capabilities.
"""

from __future__ import annotations

from void_nuke.knob import (
    BBOX,
    BOOLEAN,
    BUTTON,
    CHANNEL,
    DOUBLE,
    ENUMERATION,
    FILE,
    HIDDEN,
    INT,
    NOT_SAVED,
    SAME_LINE,
    STRING,
    TAB,
    TEXT,
    XY,
    Knob,
)

NODE_VERSION = 2
"""Of this set of knobs and of the network inside the group; raised with any change of either."""

RENAMED = {"void_detail": "void_unseen", "void_layers": "void_passes"}
"""What knobs of release 1 are called since, by their old name: each is now called as the option that it sets."""

POINTS = 6
"""Clicks that the node has room for; more are drawn as a roto."""


def _points() -> tuple[Knob, ...]:
    knobs = []
    for number in range(1, POINTS + 1):
        knobs += [
            Knob(
                f"void_point{number}_use",
                ENUMERATION,
                f"point {number}",
                "off",
                "Whether this click lies on the object, or on what does not belong to it.",
                ("off", "object", "not object"),
            ),
            Knob(
                f"void_point{number}",
                XY,
                "",
                "0 0",
                "Place of the click, in pixels from the bottom left of the format.",
                flags=(SAME_LINE,),
            ),
            Knob(
                f"void_point{number}_frame",
                INT,
                "frame",
                "1",
                "Frame of the script on which it was clicked.",
                flags=(SAME_LINE,),
            ),
        ]
    return tuple(knobs)


MAIN_TAB = (
    Knob("void_tab", TAB, "VOID"),
    Knob("void_status", TEXT, "status", "idle", "What the node is doing."),
    Knob("void_remove_button", BUTTON, "Remove", tooltip="Renders the inputs, and removes what is masked."),
    Knob(
        "void_preview_button",
        BUTTON,
        "Preview",
        tooltip="The same, faster and coarser, into a folder of its own.",
        flags=(SAME_LINE,),
    ),
    Knob(
        "void_masks_button",
        BUTTON,
        "Masks only",
        tooltip="Makes only the quadmask, to be looked at and painted.",
        flags=(SAME_LINE,),
    ),
    Knob(
        "void_rerun_button",
        BUTTON,
        "Re-run from masks",
        tooltip="Takes void_mask of the input remove as the quadmask: red is remove, green is affected.",
        flags=(SAME_LINE,),
    ),
    Knob("void_cancel_button", BUTTON, "Cancel", tooltip="Ends the job on the server.", flags=(SAME_LINE,)),
    Knob("void_range_divider", TEXT, "", tooltip=""),
    Knob(
        "void_range",
        ENUMERATION,
        "range",
        "input",
        "Frames to work on: those of the plate, those of the script, or first to last.",
        ("input", "global", "custom"),
    ),
    Knob("void_first", INT, "", "1", "First frame of a custom range.", flags=(SAME_LINE,)),
    Knob("void_last", INT, "to", "1", "Last frame of a custom range.", flags=(SAME_LINE,)),
    Knob(
        "void_handles",
        INT,
        "handles",
        "0",
        "Frames before and after the range, as far as the plate has them, that are looked at and not delivered.",
        flags=(SAME_LINE,),
    ),
    Knob("void_view", STRING, "view", "", "View to work on, such as left; empty = the first of the script."),
    Knob(
        "void_show",
        ENUMERATION,
        "output",
        "result",
        "What comes out of the node.",
        ("result", "original", "quadmask", "difference"),
    ),
    Knob(
        "void_quality",
        ENUMERATION,
        "quality",
        "final",
        "preview = faster and coarser, into a folder of its own, as the button does; final + pass 2 = the engine void's"
        " second pass too.",
        ("preview", "final", "final + pass 2"),
    ),
    Knob(
        "void_engine", ENUMERATION, "engine", "auto", "What fills the region.", ("auto", "cleanplate", "void")
    ),
    Knob(
        "void_region",
        ENUMERATION,
        "region",
        "auto",
        "What the engine void sees: auto = a crop around what goes, where that keeps more detail; whole = the frame.",
        ("auto", "whole"),
        option="region",
    ),
    Knob("void_seed", STRING, "seed", "0", "Of everything random, from 0 to 2^64 - 1."),
    Knob("void_prompt", STRING, "background", "", "Describes in words what remains; for the engine void."),
)

MASK_TAB = (
    Knob("void_masks_tab", TAB, "Masks"),
    Knob(
        "void_remove_channel",
        CHANNEL,
        "remove",
        "rgba.alpha",
        "Channel of the input remove that is the matte.",
    ),
    Knob(
        "void_affected_channel",
        CHANNEL,
        "affected",
        "rgba.alpha",
        "Channel of the input affected that is the matte.",
    ),
    Knob("void_keep_channel", CHANNEL, "keep", "rgba.alpha", "Channel of the input keep that is the matte."),
    Knob(
        "void_segmenter",
        ENUMERATION,
        "segmenter",
        "roto",
        "What makes the mattes of the object: roto = every frame is drawn; flow = some are, and carried to the others;"
        " sam2 = from points, a box or some drawn frames.",
        ("roto", "flow", "sam2"),
    ),
    Knob(
        "void_key_frames",
        STRING,
        "key frames",
        "",
        "Frames on which remove is drawn, such as 1001 1020-1022; empty = all. For flow and sam2.",
    ),
    *_points(),
    Knob("void_box_use", BOOLEAN, "box", "false", "Whether the box below is around the object."),
    Knob("void_box", BBOX, "", "0 0 0 0", "Around the object, in pixels from the bottom left of the format."),
    Knob(
        "void_box_frame",
        INT,
        "frame",
        "1",
        "Frame of the script on which the box was drawn.",
        flags=(SAME_LINE,),
    ),
    Knob(
        "void_reasoner",
        ENUMERATION,
        "reasoner",
        "auto",
        "What proposes the affected region: auto = artist with the input affected, else motion.",
        ("auto", "artist", "motion", "none", "openai", "gemini"),
    ),
    Knob(
        "void_instruction",
        STRING,
        "instruction",
        "",
        "What goes and what is to be corrected, in words, for the reasoners openai and gemini. With nothing drawn and"
        " no point or box the server finds what goes by these words, where it has a model for that.",
    ),
    Knob(
        "void_first_unaffected",
        BOOLEAN,
        "first frame unaffected",
        "true",
        "Masks only, in the coded video: nothing is affected on its first frame, as VOID was trained; off for shots"
        " that begin in the middle of what happens.",
        option="first_unaffected",
    ),
    Knob(
        "void_cloud_consent",
        BOOLEAN,
        "frames may leave the site",
        "false",
        "Needed for a model outside of the site; not saved.",
        flags=(NOT_SAVED,),
    ),
)

EDGE_TAB = (
    Knob("void_edge_tab", TAB, "Edge"),
    Knob(
        "void_grow",
        DOUBLE,
        "grow",
        "2",
        "Pixels by which the region grows before it is replaced.",
        option="grow",
    ),
    Knob(
        "void_feather",
        DOUBLE,
        "feather",
        "4",
        "Pixels over which the replaced region fades out, outward.",
        option="feather",
    ),
    Knob("void_grain", BOOLEAN, "grain", "true", "Keep the grain of real frames.", option="grain"),
    Knob(
        "void_grain_amount",
        DOUBLE,
        "amount",
        "1",
        "Grain that is added where the result lacks it, in parts of the plate's; 0 = none.",
        flags=(SAME_LINE,),
        option="grain_amount",
    ),
    Knob(
        "void_unseen",
        ENUMERATION,
        "unseen",
        "auto",
        "What no frame shows: texture = continued from elsewhere in the picture; smooth = colours alone;"
        " auto = whichever fits better.",
        ("auto", "texture", "smooth"),
        option="unseen",
    ),
    Knob(
        "void_detail",
        ENUMERATION,
        "detail",
        "auto",
        "Fine detail of what the engine void fills: plate = real pixels where other frames show what it made up; guided"
        " = their detail alone; off = none; auto = plate.",
        ("auto", "plate", "guided", "off"),
        option="detail",
    ),
    Knob(
        "void_options",
        STRING,
        "more options",
        "",
        "NAME=VALUE of any option of the server, separated by spaces; Test connection says which file lists them.",
    ),
)

OUTPUT_TAB = (
    Knob("void_output_tab", TAB, "Output"),
    Knob(
        "void_output",
        FILE,
        "folder",
        "[file dirname [value root.name]]/void/[value name]",
        "Results go into a folder for each version below it; kept as it is written here.",
    ),
    Knob(
        "void_version",
        INT,
        "version",
        "0",
        "Version that is shown; Remove makes a new one and never overwrites.",
    ),
    Knob("void_version_up", BUTTON, "up", tooltip="Shows the next version on disk.", flags=(SAME_LINE,)),
    Knob("void_version_down", BUTTON, "down", tooltip="Shows the version before.", flags=(SAME_LINE,)),
    Knob("void_version_latest", BUTTON, "latest", tooltip="Shows the latest version.", flags=(SAME_LINE,)),
    Knob(
        "void_passes",
        ENUMERATION,
        "passes",
        "none",
        "Layers besides void_mask: qc = confidence and where pixels are from; source = their place; relight = what was"
        " divided or subtracted out.",
        ("none", "qc", "source", "relight", "all"),
        option="passes",
    ),
    Knob(
        "void_compression",
        ENUMERATION,
        "compression",
        "zips",
        "Of the EXRs that come back; all are lossless.",
        ("zips", "zip", "none"),
        option="compression",
    ),
    Knob("void_reload", BUTTON, "Reload", tooltip="Reads the files of this version again."),
    Knob(
        "void_open_folder", BUTTON, "Open folder", tooltip="Shows this version's folder.", flags=(SAME_LINE,)
    ),
    Knob("void_job_log", BUTTON, "Job log", tooltip="Shows what the job said.", flags=(SAME_LINE,)),
    Knob(
        "void_reconnect",
        BUTTON,
        "Reconnect",
        tooltip="Looks for this version's job on the server, and brings its result.",
        flags=(SAME_LINE,),
    ),
)

SERVER_TAB = (
    Knob("void_server_tab", TAB, "Server"),
    Knob(
        "void_server",
        STRING,
        "server",
        "",
        "HOST:PORT; empty = the site's, else your own server on this machine. Not saved.",
        flags=(NOT_SAVED,),
    ),
    Knob(
        "void_token_file",
        FILE,
        "token file",
        "",
        "File with your token; empty = the site's. Not saved.",
        flags=(NOT_SAVED,),
    ),
    Knob(
        "void_ca",
        FILE,
        "authority",
        "",
        "PEM file that the server's certificate must chain to; empty = the site's. Not saved.",
        flags=(NOT_SAVED,),
    ),
    Knob(
        "void_upload",
        BOOLEAN,
        "always send frames",
        "false",
        "Send frames also from storage that the server mounts.",
    ),
    Knob(
        "void_test",
        BUTTON,
        "Test connection",
        tooltip="Checks server, token and storage, and says what to do.",
    ),
    Knob(
        "void_upgrade",
        BUTTON,
        "Upgrade node",
        tooltip="Makes this a node of the installed release, with its values and links.",
    ),
)

HIDDEN_KNOBS = (
    Knob("void_node_version", INT, "", str(NODE_VERSION), flags=(HIDDEN,)),
    Knob("void_job", STRING, "", "", flags=(HIDDEN,)),
    Knob("void_state", STRING, "", "idle", flags=(HIDDEN,)),
    Knob("void_has_result", BOOLEAN, "", "false", flags=(HIDDEN,)),
    Knob("void_fingerprint", STRING, "", "", flags=(HIDDEN,)),
    Knob("void_progress", STRING, "", "", flags=(HIDDEN, NOT_SAVED)),
    Knob("void_kind", INT, "", "0", "0 = a result is shown, 1 = only mattes.", flags=(HIDDEN,)),
)

KNOBS: tuple[Knob, ...] = (*MAIN_TAB, *MASK_TAB, *EDGE_TAB, *OUTPUT_TAB, *SERVER_TAB, *HIDDEN_KNOBS)
"""All of them, in the order of the panel."""

LABEL = "[value void_state] [value void_progress]"
"""What the tile says below the node's name."""

INPUTS = ("plate", "remove", "affected", "keep")
"""Names of the inputs, by number."""
