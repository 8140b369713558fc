# SPDX-License-Identifier: Apache-2.0
"""The optional layers of a result: `void_qc` for judging it, `void_source` for borrowing again by hand, `void_gain` and
`void_offset` for putting a shadow or a reflection back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from void_server.engines.cleanplate import FrameFill
from void_server.pipeline.shot import StoredShot
from void_server.plates.encoding import symlog
from void_server.plates.window import Window, place

F32 = npt.NDArray[np.float32]


def window_of(shot: StoredShot, fill: FrameFill) -> Window:
    """Where a fill lies, in the plate's pixel coordinates."""
    x0, y0, x1, y1 = fill.box
    return Window(shot.window.x + x0, shot.window.y + y0, x1 - x0, y1 - y0)


def over(window: Window, values: F32, source: Window) -> F32:
    """Values that cover `source`, over `window`; 0 elsewhere."""
    placed: F32 = place(values, source, window).astype(np.float32, copy=False)
    return placed


def qc_layer(
    shot: StoredShot, fill: FrameFill | None, before: FrameFill | None, window: Window
) -> dict[str, F32]:
    """`void_qc` over `window`.

    Args:
        fill: the frame's fill; None where nothing was to be filled.
        before: the fill of the frame before.

    Returns:
        red confidence, green borrowed, blue synthesised, all 0..1 and 0 where nothing was filled; alpha the change to
        the fill of the frame before at the same pixel, in stops, 0 where one of the two has none.
    """
    nothing = np.zeros(window.shape, np.float32)
    if fill is None or fill.empty:
        return {f"void_qc.{name}": nothing for name in ("red", "green", "blue", "alpha")}
    here = window_of(shot, fill)
    filled = _filled(fill).astype(np.float32)
    return {
        "void_qc.red": over(window, fill.confidence * filled, here),
        "void_qc.green": over(window, fill.borrowed, here),
        "void_qc.blue": over(window, fill.synthesised, here),
        "void_qc.alpha": over(window, filled * _change(shot, fill, before), here),
    }


def _filled(fill: FrameFill) -> npt.NDArray[np.bool_]:
    """(h, w), where a fill is not simply the plate."""
    changed = fill.borrowed + fill.synthesised
    return np.asarray((changed if fill.relit is None else changed + fill.relit) > 0)


def _change(shot: StoredShot, fill: FrameFill, before: FrameFill | None) -> F32:
    """(h, w) mean over the channels of the difference in stops, over the fill's own box."""
    change = np.zeros(fill.confidence.shape, np.float32)
    if before is None or before.empty:
        return change
    here, there = window_of(shot, fill), window_of(shot, before)
    shared = here.intersect(there)
    if shared.is_empty:
        return change
    epsilon = shot.manifest.shot_encoding().epsilon
    now, then = fill.colour[here.slices(shared)], before.colour[there.slices(shared)]
    both = _filled(before)[there.slices(shared)]
    difference = np.abs(symlog(now, epsilon) - symlog(then, epsilon)).mean(axis=-1)
    change[here.slices(shared)] = np.where(both, difference, 0)
    return change


def source_layer(
    shot: StoredShot, position: int, fill: FrameFill | None, window: Window, display: Window
) -> dict[str, npt.NDArray[np.float32]]:
    """`void_source` over `window`, for an STMap of the frame that blue names.

    Args:
        display: the plate's display window.

    Returns:
        red and green the place of each pixel's source, from the display window's lower left corner ((x + 0.5) / width,
        1 - (y + 0.5) / height), blue the frame number; where nothing is borrowed, the pixel's own place and frame.
    """
    column, row = np.meshgrid(
        np.arange(window.x, window.x + window.width, dtype=np.float64),
        np.arange(window.y, window.y + window.height, dtype=np.float64),
    )
    numbers = np.array([f.frame for f in shot.manifest.frames], np.float64)
    frame = np.full(window.shape, numbers[position])
    if fill is not None and fill.trace is not None and not fill.empty:
        here = window_of(shot, fill)
        shared = here.intersect(window)
        if not shared.is_empty:
            inside, trace = window.slices(shared), fill.trace[here.slices(shared)]
            borrowed = trace[..., 2] >= 0
            column[inside][borrowed] = shot.window.x + trace[borrowed, 0]
            row[inside][borrowed] = shot.window.y + trace[borrowed, 1]
            frame[inside][borrowed] = numbers[trace[borrowed, 2].astype(np.intp)]
    return {
        "void_source.red": ((column - display.x + 0.5) / display.width).astype(np.float32),
        "void_source.green": (1 - (row - display.y + 0.5) / display.height).astype(np.float32),
        "void_source.blue": frame.astype(np.float32),
    }


def relight_layers(shot: StoredShot, fill: FrameFill | None, window: Window) -> dict[str, F32]:
    """`void_gain` and `void_offset` over `window`, in the engine's scene-linear light: what was divided out and
    subtracted where the plate's own surface was kept, plate = result * gain + offset; 1 and 0 elsewhere.
    """
    colours = ("red", "green", "blue")
    layers = {f"void_gain.{c}": np.ones(window.shape, np.float32) for c in colours}
    layers |= {f"void_offset.{c}": np.zeros(window.shape, np.float32) for c in colours}
    if fill is None or fill.empty or fill.gain is None or fill.offset is None:
        return layers
    here = window_of(shot, fill)
    for channel, colour in enumerate(colours):
        # Placed as the difference from 1, since outside the fill there is 0.
        layers[f"void_gain.{colour}"] = 1 + over(window, fill.gain[..., channel] - 1, here)
        layers[f"void_offset.{colour}"] = over(window, fill.offset[..., channel], here)
    return layers
