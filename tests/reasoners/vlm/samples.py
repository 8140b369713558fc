# SPDX-License-Identifier: Apache-2.0
"""Answers as a model writes them, and a small question."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import numpy as np

from void_server.reasoners.vlm.answer import Bounds
from void_server.reasoners.vlm.request import EffectsQuestion, PictureLimits, question

BOUNDS = Bounds(rows=8, columns=14, first=1001, last=1040)

GOOD: dict[str, Any] = {
    "integral_belongings": [
        {
            "noun": "red rucksack",
            "why": "The man wears it.",
            "cells_by_frame": [{"frame": 1001, "cells": [{"row": 2, "column": 3}, {"row": 3, "column": 3}]}],
        }
    ],
    "affected_objects": [
        {
            "noun": "shadow on the pavement",
            "kind": "shadow",
            "why": "The man casts it.",
            "will_move": False,
            "first_appears_frame": 1001,
            "should_have_stayed": False,
            "original_cells": [],
            "cells_by_frame": [
                {"frame": 1001, "cells": [{"row": 6, "column": 2}, {"row": 6, "column": 3}]},
                {"frame": 1005, "cells": [{"row": 6, "column": 6}, {"row": 6, "column": 7}]},
            ],
            "size_in_cells": {"rows": 1, "columns": 2},
            "trajectory": [],
        },
        {
            "noun": "yellow box",
            "kind": "moved_object",
            "why": "The man kicks it over.",
            "will_move": True,
            "first_appears_frame": 1010,
            "should_have_stayed": True,
            "original_cells": [{"row": 4, "column": 9}],
            "cells_by_frame": [],
            "size_in_cells": {"rows": 1, "columns": 1},
            "trajectory": [
                {"frame": 1010, "row": 4, "column": 9},
                {"frame": 1014, "row": 6, "column": 13},
            ],
        },
    ],
    "scene_description": "A quiet pavement in front of a shop.",
    "confidence": 0.8,
}


def good() -> dict[str, Any]:
    """The good answer, to be changed."""
    return deepcopy(GOOD)


def written(answer: dict[str, Any]) -> str:
    return json.dumps(answer)


def small_question() -> EffectsQuestion:
    """A question about forty frames of 64 x 36 pixels, with three pictures."""
    picture = np.full((36, 64, 3), 0.5, np.float32)
    matte = np.zeros((36, 64), np.float32)
    matte[10:20, 10:20] = 1
    limits = PictureLimits(frames=2)
    return question(range(1001, 1041), lambda _: picture, lambda _: matte, limits=limits)
