# SPDX-License-Identifier: Apache-2.0
"""What the command's options and phrases are called in the window."""

from __future__ import annotations

WORDS = {
    "--plate": "the plate",
    "--remove": "the matte",
    "--affected": "Affected",
    "--quadmask": "a matte",
    "--points": "points",
    "--boxes": "a box with `void remove`",
    "--range": "the in and out marks",
    "--engine": "the engine",
    "--segmenter": "the segmenter",
    "--reasoner": "the reasoner",
    "--cloud-consent": "the consent to a cloud service",
    "--prompt": "the prompt",
    "--instruction": "the instruction",
    "--seed": "the seed",
    "--preview": "the quality Preview",
    "--set": "the options",
    "--colorspace": "the field Colour space",
    "--ocio": "the site file's ocio",
    "--out": "the folder of the results",
    "--name": "the clip's name",
    "--server": "the server",
    "--token-file": "the token file",
    "--ca": "the certificates",
    "--handles": "the handles",
    "give the same command again": "press Remove again",
    "Give the same command again": "Press Remove again",
    "give the same command with": "press Remove again with",
    "the same command": "the same press",
    "The same command": "The same press",
    "`void capabilities`": "Ask the server",
    "`void jobs fetch`": "Re-attach",
}
