# SPDX-License-Identifier: Apache-2.0
"""Names of inputs, channels and choices that the macro may use, each seen in public macros of others.

A wrong name is no error in Fusion: a default takes its place. So a name is added only with a source.
"""

from __future__ import annotations

OUTPUT = "Output"

_MASKED = frozenset({"Blend", "ApplyMaskInverted", "EffectMask"})
_CLIP_CHANNELS = frozenset(
    f"Clip1.OpenEXRFormat.{channel}Name" for channel in ("Red", "Green", "Blue", "Alpha")
)

INPUTS = {
    "Loader": frozenset({"Clip", "PostMultiplyByAlpha"}) | _CLIP_CHANNELS,
    "ChannelBoolean": _MASKED
    | {"Background", "Foreground", "Operation", "ToRed", "ToGreen", "ToBlue", "ToAlpha"},
    "ErodeDilate": _MASKED | {"Input", "XAmount"},
    "Blur": _MASKED | {"Input", "XBlurSize", "YBlurSize", "LockXY", "Filter"},
}

# `ToRed` and its like: a channel of the foreground, nothing, a channel of the background (one source).
FOREGROUND = {0: "red", 1: "green", 2: "blue", 3: "alpha"}
UNCHANGED = 4
BACKGROUND = {5: "red", 6: "green", 7: "blue", 8: "alpha"}

CHOICES = {
    "Filter": frozenset({"Fast Gaussian"}),
    "Clip1.OpenEXRFormat.RedName": frozenset({"R"}),
    "Clip1.OpenEXRFormat.GreenName": frozenset({"G"}),
    "Clip1.OpenEXRFormat.BlueName": frozenset({"B"}),
    "Clip1.OpenEXRFormat.AlphaName": frozenset({"A"}),
}

EXR = "OpenEXRFormat"
SEQUENCES = {"ResultSequence": "VOID_RESULT_SEQUENCE", "MatteSequence": "VOID_MATTE_SEQUENCE"}
# What the shipped clips hold: one frame, so that they are whole as they are; each line is replaced as text.
ONE_FRAME = {"StartFrame": 0, "Length": 1, "TrimIn": 0, "TrimOut": 0, "GlobalStart": 0, "GlobalEnd": 0}
