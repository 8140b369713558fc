# SPDX-License-Identifier: Apache-2.0
"""The clean-plate engine: rebuilds a removed region's background from other frames of the shot, without a model.

Pure steps, each of which may run in a process of its own and be stored: `prepare_frame` for every frame;
`estimate_pair` for every two neighbours, `anchor_span` for every `SPAN` of these pairs, then `settle_pair` and
`anchored` for each pair; `fill_frame` for every frame with something to fill; then, where no frame shows something,
`complete_key` for a few frames and `carry_keys` for the others; at last `low_band` and `steady_gain` bring neighbouring
fills together.
Same inputs, same bits (with one OpenCV thread). The method is docs/cleanplate.md.
"""

from void_server.engines.cleanplate.anchors import SPAN, Anchoring, anchor_span, anchored, span_start
from void_server.engines.cleanplate.fill import FrameFill, fill_frame
from void_server.engines.cleanplate.key_frames import (
    KeyFrame,
    carry_keys,
    complete_key,
    key_positions,
    unseen_part,
)
from void_server.engines.cleanplate.motion import PairMotion, estimate_pair
from void_server.engines.cleanplate.other_times import SETTLE_REACH
from void_server.engines.cleanplate.proxy import ProxyFrame, prepare_frame
from void_server.engines.cleanplate.settings import VERSION, CleanplateSettings
from void_server.engines.cleanplate.settle import settle_pair
from void_server.engines.cleanplate.shot import ShotReader
from void_server.engines.cleanplate.steady import (
    NEIGHBOURS,
    LowBand,
    SteadyGain,
    low_band,
    steadied,
    steady_gain,
)

__all__ = [
    "NEIGHBOURS",
    "SETTLE_REACH",
    "SPAN",
    "VERSION",
    "Anchoring",
    "CleanplateSettings",
    "FrameFill",
    "KeyFrame",
    "LowBand",
    "PairMotion",
    "ProxyFrame",
    "ShotReader",
    "SteadyGain",
    "anchor_span",
    "anchored",
    "carry_keys",
    "complete_key",
    "estimate_pair",
    "fill_frame",
    "key_positions",
    "low_band",
    "prepare_frame",
    "settle_pair",
    "span_start",
    "steadied",
    "steady_gain",
    "unseen_part",
]
