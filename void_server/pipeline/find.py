# SPDX-License-Identifier: Apache-2.0
"""The unit `find`: where the things are that words alone name, as boxes that an artist could have given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from void_server.engines.cleanplate.arrays import F32
from void_server.finders import Finder, Found, FoundBox
from void_server.frames.blobs import StoredBlob
from void_server.jobs.words import GROUNDING
from void_server.pipeline.finders import grounding_folder
from void_server.pipeline.model_question import papers, put
from void_server.pipeline.segment import pictures_of
from void_server.pipeline.shot import StoredShot
from void_server.plates.window import Window
from void_server.reasoners.vlm import find_question
from void_server.reasoners.vlm.site import VlmSite

Step = Callable[[int, int], None]
DECIMALS = 1
"""Of an edge in pixels, as it is used and as it is told."""


def find(
    shot: StoredShot, args: Mapping[str, Any], site: VlmSite, step: Step
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave no blob; tell `objects`: each with its `name` and `boxes` (`frame`, and `place`: left, top, right and
    bottom in pixels of the display window); none where nothing was found. And `finder`, and the papers of the search.

    Args:
        args: `finder`; for a model that is asked also `instruction` and `consent`, for `grounding` also `phrases`,
            `least_score` and the identity of its `weights`.
        step: told of steps, or polled; it may raise to end the work.

    Raises:
        VlmError: the model may not be asked, or does not answer.
        PreconditionFailed: the model is not there.
    """
    frames = [frame.frame for frame in shot.manifest.frames]
    finder = _grounding(args, step) if args["finder"] == GROUNDING else _model(args, site, step)
    found = finder(frames, pictures_of(shot, 0))
    display = shot.source(0).display_window
    objects = []
    for thing in found.objects:
        boxes = [(box.frame, on_display(box, shot.window, display)) for box in thing.boxes]
        seen = [{"frame": frame, "place": place} for frame, place in boxes if place]
        if seen:
            objects.append({"name": thing.name, "boxes": seen})
    return {}, {"finder": args["finder"], "objects": objects, **found.papers}


def on_display(box: FoundBox, seen: Window, display: Window) -> list[float]:
    """Left, top, right and bottom of a box in pixels of the display window, cut off at its edges; empty where nothing
    of it is inside.

    Args:
        seen: the window that the box is a share of.
    """
    x, y = seen.x - display.x, seen.y - display.y
    edges = (
        (x + box.left * seen.width, display.width),
        (y + box.top * seen.height, display.height),
        (x + box.right * seen.width, display.width),
        (y + box.bottom * seen.height, display.height),
    )
    left, top, right, bottom = (round(float(min(max(edge, 0), most)), DECIMALS) for edge, most in edges)
    return [left, top, right, bottom] if left < right and top < bottom else []


def _model(args: Mapping[str, Any], site: VlmSite, step: Step) -> Finder:
    def ask(frames: Sequence[int], pictures: Callable[[int], F32]) -> Found:
        question = find_question(frames, pictures, args["instruction"])
        asked = put(question, args["finder"], site, args["consent"], step)
        return Found(asked.answer, papers(asked))

    return ask


def _grounding(args: Mapping[str, Any], step: Step) -> Finder:
    # PyTorch takes seconds to import, and other jobs do without it.
    import torch

    from void_server.finders.grounding import GroundingModel, grounding_finder

    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = GroundingModel.load(grounding_folder(), device)
    look = grounding_finder(model, args["phrases"], args["least_score"], step)

    def find(frames: Sequence[int], pictures: Callable[[int], F32]) -> Found:
        found = look(frames, pictures)
        return Found(found.objects, {**found.papers, "weights": args["weights"]})

    return find
