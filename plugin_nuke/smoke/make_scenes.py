# SPDX-License-Identifier: Apache-2.0
"""Writes the scenes that a person opens in Nuke to try the node VOID: without files, one difficulty each.

Run `python plugin_nuke/smoke/make_scenes.py` after a change of gizmos/VOID.gizmo, which every scene holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SCENES = HERE / "scenes"
GIZMO = HERE.parents[1] / "gizmos" / "VOID.gizmo"
FIRST, LAST = 1001, 1012

_HERE_ON_DISK = "{[file dirname [value root.name]]}"
_MOVES = '{{"120+(frame-1001)*24"} 120 {"220+(frame-1001)*24"} 240}'


class Scene(NamedTuple):
    """What a scene is about.

    Attributes:
        note: what to do, and what has to come out.
        format: of the root.
        root: more of its knobs.
        plate: text of the nodes after the picture; the last is the plate.
        values: of knobs of VOID.
    """

    note: str
    format: str = "640 360 0 0 640 360 1 void_scene"
    root: str = ""
    plate: str = ""
    values: Mapping[str, str] = {}


_STEREO = """set Nleft [stack 0]
Transform {
 translate {12 0}
 name RightEye
 xpos 200
 ypos 100
}
push $Nleft
JoinViews {
 inputs 2
 name BothEyes
 xpos 0
 ypos 160
}
"""

_OVERSCAN = """Transform {
 scale 1.25
 center {320 180}
 name Overscan
 xpos 0
 ypos 130
}
"""

_MISSING = """Write {
 file frames/missing_frame.####.exr
 file_type exr
 raw true
 create_directories true
 name WriteFrames
 xpos 200
 ypos 100
}
Read {
 inputs 0
 file frames/missing_frame.####.exr
 file_type exr
 first 1001
 last 1012
 raw true
 name PlateWithGap
 xpos 0
 ypos 130
}
"""

SCENE = {
    "clean": Scene("Press Remove. The disc goes; outside of the blend matte VOID_QC finds 0."),
    "stereo": Scene(
        "Press Remove for the view left, then set view to right and press again.\n"
        "Each view has a result of its own.",
        root=" views {left #ff0000\nright #00ff00}\n",
        plate=_STEREO,
        values={"void_view": "left"},
    ),
    "overscan": Scene(
        "The plate is larger than the format. Press Remove.\nThe bbox of the output is the plate's.",
        plate=_OVERSCAN,
    ),
    "anamorphic": Scene(
        "Pixel aspect 2. Press Remove.\nFormat and pixel aspect of the output are the plate's.",
        format="640 360 0 0 640 360 2 void_anamorphic",
    ),
    "missing_frame": Scene(
        "Render WriteFrames for 1001-1005,1007-1012, then press Remove.\n"
        "The node says which frame is not there.",
        plate=_MISSING,
    ),
    "proxy": Scene(
        "Proxy mode is on. Press Remove.\n"
        "What is sent is at full size, and proxy mode is on again afterwards.",
        root=" proxy true\n proxy_type scale\n proxy_scale 0.5\n",
    ),
}


def node(name: str, inputs: int, values: Mapping[str, str], place: tuple[int, int]) -> str:
    """The text of VOID.gizmo as a node of a script: named, placed, connected, with these values of knobs."""
    lines = GIZMO.read_text(encoding="utf-8").splitlines()
    end = lines.index("}")
    left = dict(values)
    head = ["Group {", f" inputs {inputs}", f" name {name}", f" xpos {place[0]}", f" ypos {place[1]}"]
    for line in lines[2:end]:
        words = line.split(" ", 3)
        if words[1] in values:
            continue
        head.append(line)
        if words[1] == "addUserKnob" and words[3].split(" ")[0] in left:
            knob = words[3].split(" ")[0]
            head.append(f" {knob} {{{left.pop(knob)}}}")
    if left:
        raise KeyError(f"VOID has no knob {', '.join(left)}")
    return "\n".join([*head, *lines[end:]]) + "\n"


def text(name: str, scene: Scene) -> str:
    """A whole script."""
    return f"""version 14.0 v1
Root {{
 inputs 0
 name {name}.nk
 project_directory {_HERE_ON_DISK}
 format {{{scene.format}}}
 first_frame {FIRST}
 last_frame {LAST}
 fps 24
{scene.root}}}
StickyNote {{
 inputs 0
 name Note
 label {{{scene.note}}}
 note_font_size 20
 xpos 260
 ypos -100
}}
Radial {{
 inputs 0
 output alpha
 area {_MOVES}
 softness 0.1
 name Remove
 xpos -200
 ypos 160
}}
set Nremove [stack 0]
CheckerBoard2 {{
 inputs 0
 boxsize 24
 name Wall
 xpos 0
 ypos -120
}}
Radial {{
 output rgb
 area {_MOVES}
 color {{0.8 0.1 0.05 1}}
 softness 0
 name Disc
 xpos 0
 ypos 0
}}
{scene.plate}set Nplate [stack 0]
push $Nremove
push $Nplate
{node("VOID1", 2, {"void_range": "global", **scene.values}, (0, 260))}Write {{
 file render/{name}.####.exr
 file_type exr
 channels all
 raw true
 create_directories true
 name Deliver
 xpos 0
 ypos 380
}}
"""


if __name__ == "__main__":
    for _name, _scene in SCENE.items():
        (SCENES / f"{_name}.nk").write_text(text(_name, _scene), encoding="utf-8")
