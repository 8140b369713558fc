# SPDX-License-Identifier: Apache-2.0
"""The unit `conform`: the model's picture of a frame at the plate's size and light, joined with real pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from void_server.engines.cleanplate.membrane import enlarged
from void_server.engines.void.plate_size import Rect, at_plate_size, box_around, grown_region
from void_server.engines.void.regions import hull, meet
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.answers import Answer, corrected
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.compare import near_comparisons, stored_fill
from void_server.pipeline.real_pixels import join, over_time, real_fill, seen_of
from void_server.pipeline.regions import cut
from void_server.pipeline.shot import StoredShot


def conform(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blob `fill`. What the model made of it is made up, and not sure.

    Args:
        args: `position` of the frame, and `runs` of the model that have something to fill on it: each with the `crop`
            of the frame that it saw, what it `fills` of it (None for all of the frame), its `number`, and its `answers`
            to this frame and those near it, by position: digests of the model's picture, `made`, of what it was shown,
            `seen`, and of where it was told to change something, `told`, and the `corner` of its crop there. Where it
            is to be joined with real pixels, `detail` says in which `way` (`real_pixels.Way`), with what the
            clean-plate engine `rebuilt` of the frame (`compare.stored_fill`), and what near frames were `compared`, by
            position.
    """
    position, margin = args["position"], shot.manifest.settings["margin"]
    region = shot.quadmask(position, shot.window).region
    box = box_around(region, margin)
    runs = [_Run.of(run, region.shape) for run in args["runs"]]
    if box is not None:
        box = hull([common for run in runs if (common := meet(run.fills, box)) is not None])
    if box is None:
        return {}, {"synthesised": 0.0}
    linear, encoding = shot.plate(position), shot.manifest.model_light()
    x0, y0, x1, y1 = box
    grown = grown_region(region, margin)
    colour = np.nan_to_num(cut(linear, box), nan=0.0, posinf=65504.0, neginf=-65504.0).astype(np.float32)
    detail = args.get("detail")
    rebuilt = stored_fill(detail["rebuilt"], blobs) if detail else None
    made_up, real, change = np.zeros((3, y1 - y0, x1 - x0), np.float32)
    shifts = []
    for run in runs:
        load = run.reader(blobs)
        answer = corrected(position, max(run.answers), load)
        shifts.append(answer.shift.figures)
        told = load(position).told
        if detail:
            seen = seen_of(linear, encoding, rebuilt, region, run.crop, margin)
            near = near_comparisons(detail["compared"], run.number, blobs)
            picture, share = join(answer.made, told, seen, over_time(position, near, shot), detail["way"])
        else:
            with np.errstate(invalid="ignore"):
                encoded = encoding.encode(cut(linear, run.crop))
            picture, share = at_plate_size(answer.made, encoded, cut(region, run.crop), told), None
        part = meet(run.fills, box)
        if part is None:
            continue
        there, here = _moved(part, run.crop), _moved(part, box)
        filled = cut(grown, part)
        cut(colour, here)[filled] = encoding.decode(cut(picture, there))[filled]
        cut(made_up, here)[filled] = 1
        cut(change, here)[filled] = cut(enlarged(answer.change, picture), there)[filled]
        if share is not None:
            cut(real, here)[filled] = cut(share, there)[filled]
    # Beyond what a run filled there is only the plate.
    change[made_up == 0] = 1
    fill = replace(real_fill(box, colour, made_up > 0, real, rebuilt), change=change)
    info = {"synthesised": round(float(region.mean(dtype=np.float64)), 5), "colour_shift": shifts}
    if detail:
        inside = cut(region, box)
        info |= {
            "synthesised": round(float((fill.synthesised * inside).sum(dtype=np.float64)) / region.size, 5),
            "real": round(float(1 - fill.synthesised[inside].mean(dtype=np.float64)), 5),
        }
    return {"fill": store_arrays(blobs, fill.to_arrays())}, info


@dataclass(frozen=True)
class _Run:
    answers: Mapping[int, Mapping[str, Any]]
    crop: Rect
    fills: Rect
    number: int

    @staticmethod
    def of(tree: Mapping[str, Any], shape: tuple[int, ...]) -> _Run:
        whole = 0, 0, shape[1], shape[0]
        crop, fills = (whole if tree[n] is None else _rect(tree[n]) for n in ("crop", "fills"))
        answers = {int(p): answer for p, answer in tree["answers"].items()}
        return _Run(answers, crop, fills, tree.get("number", 0))

    def reader(self, blobs: BlobFolder) -> Callable[[int], Answer]:
        """Gives the answer to a frame."""

        def load(position: int) -> Answer:
            stored = self.answers[position]
            made, seen, told = (load_arrays(blobs, stored[n])[n] for n in ("made", "seen", "told"))
            scale = (
                made.shape[1] / (self.crop[2] - self.crop[0]),
                made.shape[0] / (self.crop[3] - self.crop[1]),
            )
            x, y = (at * pixels for at, pixels in zip(stored["corner"], scale, strict=True))
            return Answer(made, seen.astype(np.float32), told > 0, (x, y))

        return cache(load)


def _rect(values: Sequence[int]) -> Rect:
    x0, y0, x1, y1 = values
    return x0, y0, x1, y1


def _moved(rect: Rect, origin: Rect) -> Rect:
    """The rectangle as seen from the corner of another one."""
    x, y = origin[:2]
    return rect[0] - x, rect[1] - y, rect[2] - x, rect[3] - y
