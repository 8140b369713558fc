# SPDX-License-Identifier: Apache-2.0
"""Writes classes.json from the node facts of a clone of `nuke-python-reference` (a scan of Nuke 17.0v3).

    python -m tests.nuke.tcl.make_classes CLONE

Only names, types, enumeration values, plain defaults and numbers of inputs are taken, and only of the classes
that are used here: no text of Nuke.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

TABLE = Path(__file__).with_name("classes.json")
CLASSES = [
    "BlackOutside",
    "Blur",
    "CheckerBoard2",
    "Constant",
    "Copy",
    "CurveTool",
    "Dot",
    "Expression",
    "FilterErode",
    "Grain2",
    "Group",
    "Input",
    "Invert",
    "JoinViews",
    "Keymix",
    "Merge2",
    "Multiply",
    "Output",
    "Radial",
    "Read",
    "RotoPaint",
    "StickyNote",
    "Switch",
    "Transform",
    "Viewer",
    "Write",
]
WITH_DEFAULT = {
    "Enumeration_Knob",
    "Boolean_Knob",
    "Channel_Knob",
    "ChannelMask_Knob",
    "Array_Knob",
    "WH_Knob",
}
SITE_LISTS = re.compile(r"colorspace|Colorspace|^(view|display|format)$")
"""Enumerations that a site's configuration fills."""

ONE_A_VIEW = 100
"""JoinViews has as many inputs as the script has views; the scanned one had a single view."""

ROOT = [
    "inputs",
    "name",
    "format",
    "first_frame",
    "last_frame",
    "frame",
    "fps",
    "proxy",
    "proxy_type",
    "proxy_format",
    "proxy_scale",
    "lock_range",
    "project_directory",
    "views",
    "colorManagement",
    "OCIO_config",
    "workingSpaceLUT",
    "monitorLut",
    "int8Lut",
    "int16Lut",
    "logLut",
    "floatLut",
]
"""Of scene files: the scan has no Root."""

EXR_WRITER = {
    "datatype": ["16 bit half", "32 bit float"],
    "compression": [
        "none",
        "Zip (1 scanline)",
        "Zip (16 scanlines)",
        "PIZ Wavelet (32 scanlines)",
        "RLE",
        "B44",
        "B44A",
        "DWAA",
        "DWAB",
    ],
    "dw_compression_level": None,
    "autocrop": None,
    "heroview": None,
    "metadata": [
        "default metadata",
        "no metadata",
        "default metadata and exr/*",
        "all metadata except input/*",
        "all metadata",
    ],
    "noprefix": None,
    "interleave": ["channels, layers and views", "channels and layers", "channels"],
    "first_part": None,
    "truncateChannelNames": None,
    "write_full_layer_names": None,
    "write_ACES_compliant_EXR": None,
}
"""Of a Write once its file_type is exr: the scan is of one without a file type."""


def knob(name: str, facts: dict) -> dict:
    """What is kept of one knob."""
    kept: dict = {"type": facts["knob_type"]}
    values = facts["values"]
    if (
        values["kind"] == "allowed_values"
        and kept["type"] == "Enumeration_Knob"
        and not SITE_LISTS.search(name)
    ):
        kept["values"] = [value.split("\t")[0] for value in values["values"]]
    if kept["type"] in WITH_DEFAULT and facts.get("raw_script") is not None and not SITE_LISTS.search(name):
        kept["default"] = facts["raw_script"]
    return kept


def node_class(clone: str, name: str) -> dict:
    """What is kept of one class."""
    shown = subprocess.run(
        ["git", "-C", clone, "show", f"HEAD:data/nodes/{name}.json"],
        capture_output=True,
        check=True,
        text=True,
    )
    facts = json.loads(shown.stdout)
    knobs = {**facts["internal_arguments"], **facts["arguments"]}
    kept = {
        key: knob(key, value) for key, value in sorted(knobs.items()) if value["knob_type"] != "Obsolete_Knob"
    }
    inputs = ONE_A_VIEW if name == "JoinViews" else facts["inputs"]["maximum"]
    return {"inputs": inputs, "knobs": kept}


def table(clone: str) -> dict:
    """The whole table."""
    classes = {name: node_class(clone, name) for name in CLASSES}
    classes["Root"] = {"inputs": 0, "knobs": {name: {"type": "unknown"} for name in ROOT}}
    exr = {
        name: {"type": "Enumeration_Knob", "values": values} if values else {"type": "unknown"}
        for name, values in EXR_WRITER.items()
    }
    return {"nuke": "17.0v3", "classes": classes, "exr_writer": exr}


def text(facts: dict) -> str:
    """JSON with one knob a line."""
    lines = ["{", f' "nuke": {json.dumps(facts["nuke"])},', ' "exr_writer": {']
    lines += _rows(facts["exr_writer"], "  ")
    lines += [" },", ' "classes": {']
    names = sorted(facts["classes"])
    for name in names:
        node = facts["classes"][name]
        lines += [f'  {json.dumps(name)}: {{"inputs": {node["inputs"]}, "knobs": {{']
        lines += _rows(node["knobs"], "   ")
        lines += ["  }}" + ("," if name != names[-1] else "")]
    return "\n".join([*lines, " }", "}"]) + "\n"


def _rows(knobs: dict, indent: str) -> list[str]:
    rows = [f"{indent}{json.dumps(name)}: {json.dumps(value)}" for name, value in knobs.items()]
    return [row + "," for row in rows[:-1]] + rows[-1:]


if __name__ == "__main__":
    TABLE.write_text(text(table(sys.argv[1])), encoding="utf-8")
