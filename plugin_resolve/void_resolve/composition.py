# SPDX-License-Identifier: Apache-2.0
"""A Fusion composition as text: its tools, and the same composition with one of its masks as the picture's alpha.

The names used here (Background, ChannelBoolean, EffectMask, UseFrameFormatSettings, TopLeftAlpha, ToRed and its like)
are those of public compositions; a wrong one would be no error in Fusion, so the rendered alpha is looked at.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from void_resolve.errors import ArtistError

MATTE, KEY = "VOIDMatte", "VOIDKey"
"""Our two tools."""

_TOOLS = re.compile(r"\bTools\s*=\s*(?:ordered\s*\(\s*\)\s*)?\{")
_TOOL = re.compile(r"(\w+)\s*=\s*(\w+)\s*(?:\(\s*\)\s*)?\{")
_INPUT = re.compile(r"\bInput\s*=\s*Input\s*\{([^{}]*)\}")
_SOURCE_OP = re.compile(r'\bSourceOp\s*=\s*"([^"]+)"')
_SOURCE = re.compile(r'\bSource\s*=\s*"([^"]+)"')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class Tool(NamedTuple):
    """A tool of a composition.

    Attributes:
        kind: its class, such as PolylineMask.
        start, end: where its entry begins and ends in the text.
    """

    name: str
    kind: str
    start: int
    end: int

    @property
    def is_mask(self) -> bool:
        """Whether its class is a mask's: polygon, B-spline, bitmap, ellipse and their like."""
        return self.kind.endswith("Mask")


def tools_of(text: str) -> dict[str, Tool]:
    """The tools of a composition by name; those inside of groups are not among them.

    Raises:
        ArtistError: it is no composition that can be read.
    """
    # Of the same length, so that places in it are places in the text.
    bare = _STRING.sub(lambda found: "_" * len(found[0]), text)
    begin = _TOOLS.search(bare)
    if begin is None:
        raise _unreadable()
    found: dict[str, Tool] = {}
    at = begin.end()
    while True:
        tool = _TOOL.search(bare, at)
        close = bare.find("}", at)
        if close < 0:
            raise _unreadable()
        if tool is None or close < tool.start():
            return found
        at = _end_of(bare, tool.end())
        found[tool[1]] = Tool(tool[1], tool[2], tool.start(), at)


def _end_of(bare: str, at: int) -> int:
    """Behind the brace that closes the one before `at`."""
    depth = 1
    for brace in re.finditer(r"[{}]", bare[at:]):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return at + brace.end()
    raise _unreadable()


def _unreadable() -> ArtistError:
    return ArtistError(
        "The Fusion composition of the clip cannot be read.",
        "Render the mask with a Saver on the Fusion page, and pick the files as an EXR sequence.",
    )


def mask_of(tools: dict[str, Tool], name: str) -> Tool:
    """The tool of this name; without a name the only mask.

    Raises:
        ArtistError: there is none, or there are several.
    """
    if name:
        if name not in tools:
            raise ArtistError(
                f"The Fusion composition has no tool {name}; it has {', '.join(sorted(tools)) or 'none'}.",
                "Write the name that stands on the tool; a tool inside of a group has to be taken out of it.",
            )
        return tools[name]
    masks = [tool for tool in tools.values() if tool.is_mask]
    if len(masks) == 1:
        return masks[0]
    names = ", ".join(sorted(tool.name for tool in masks))
    raise ArtistError(
        f"The Fusion composition has {len(masks)} masks: {names}."
        if masks
        else "The Fusion composition has no mask.",
        "Write the name of the tool whose mask it is into the field Fusion tool.",
    )


def with_matte(text: str, name: str) -> str:
    """The composition with a mask of it as the alpha of what MediaOut hands on; all else is as it was.

    Raises:
        ArtistError: it has not one MediaOut with something on it, or no such mask.
    """
    tools = tools_of(text)
    mask = mask_of(tools, name)
    outs = [tool for tool in tools.values() if tool.kind == "MediaOut"]
    found = _INPUT.search(text, outs[0].start, outs[0].end) if len(outs) == 1 else None
    before = _SOURCE_OP.search(found[1]) if found else None
    if found is None or before is None or MATTE in tools or KEY in tools:
        raise ArtistError(
            f"The Fusion composition has {len(outs)} MediaOut tools with a picture that VOID could follow.",
            "Leave one MediaOut with something connected to it.",
        )
    picture = f'SourceOp = "{before[1]}", Source = "{_output(found[1]) or "Output"}",'
    wanted = f'SourceOp = "{mask.name}", Source = "{_output_used(text, mask)}",'
    hooked = f'Input = Input {{ SourceOp = "{KEY}", Source = "Output", }}'
    out = text[: found.start()] + hooked + text[found.end() :]
    return out[: outs[0].start] + _ours(picture, wanted) + out[outs[0].start :]


def _output(fields: str) -> str:
    named = _SOURCE.search(fields)
    return named[1] if named else ""


def _output_used(text: str, tool: Tool) -> str:
    """The output of a tool that the composition itself uses, else the usual one of its kind."""
    for fields in re.findall(r"Input\s*\{([^{}]*)\}", text):
        operator = _SOURCE_OP.search(fields)
        if operator and operator[1] == tool.name and _output(fields):
            return _output(fields)
    return "Mask" if tool.is_mask else "Output"


def _ours(picture: str, mask: str) -> str:
    """A black picture with the mask as its alpha, and a tool that puts that alpha under the composition's colours.

    MediaOut still descends from MediaIn, without which a job may fail. 4 leaves a channel, 3 is the foreground's alpha.
    """
    return f"""{MATTE} = Background {{
			NameSet = true,
			Inputs = {{
				EffectMask = Input {{ {mask} }},
				UseFrameFormatSettings = Input {{ Value = 1, }},
				TopLeftAlpha = Input {{ Value = 1, }},
			}},
			ViewInfo = OperatorInfo {{ Pos = {{ 0, 0 }} }},
		}},
		{KEY} = ChannelBoolean {{
			NameSet = true,
			Inputs = {{
				Background = Input {{ {picture} }},
				Foreground = Input {{ SourceOp = "{MATTE}", Source = "Output", }},
				ToRed = Input {{ Value = 4, }},
				ToGreen = Input {{ Value = 4, }},
				ToBlue = Input {{ Value = 4, }},
				ToAlpha = Input {{ Value = 3, }},
			}},
			ViewInfo = OperatorInfo {{ Pos = {{ 110, 0 }} }},
		}},
		"""
