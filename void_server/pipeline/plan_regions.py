# SPDX-License-Identifier: Apache-2.0
"""What the engine `void` is to see of a shot: the stage `regions`, and the plan that follows from it."""

from __future__ import annotations

from typing import Any

from void_server.engines.void.given_crops import Followed, crops_text, parse_crops, planned_as
from void_server.engines.void.plate_size import Rect
from void_server.engines.void.regions import Planner, RegionPlan, Run, View, planned
from void_server.engines.void.settings import OVERLAP, model_size
from void_server.engines.void.settings import VERSION as VOID_VERSION
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import known_shot, margin_of, matte_contents
from void_server.pipeline.order import Order
from void_server.pipeline.regions import Crops
from void_server.pipeline.results import Results
from void_server.pipeline.units import Plan, unit
from void_server.plates.window import Window


def plan_regions(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """A unit for each frame with something to fill, so that a repainted matte is looked at alone."""
    if not _wanted(order):
        return Plan()
    shot = known_shot(order, results, blobs)
    digest, units = shot.store(blobs).digest, []
    for position, frame in enumerate(shot.frames):
        if not frame.active:
            continue
        key = unit_key(
            "regions",
            engine=VOID_VERSION,
            mattes=matte_contents(frame),
            window=shot.window,
            view=shot.view,
            margin=shot.settings["margin"],
        )
        args = {"shot": digest, "position": position}
        units.append(unit("regions", key, f"region of frame {frame.frame}", args, frame=frame.frame))
    return Plan(units)


def _wanted(order: Order) -> bool:
    chosen = order.options.profile == "production" and order.options.region == "auto"
    return order.engine == "void" and chosen


def region_plan(order: Order, results: Results, common: Window) -> RegionPlan | None:
    """What the model is to see; None for the whole frame, overscan included, where that was asked for.

    Args:
        common: the window that all frames are placed on.

    Raises:
        InvalidInput: crops are given that do not hold what is to be filled.
    """
    if not _wanted(order):
        return None
    if order.options.crops:
        return _followed(order, results, common).plan
    view, parts = _view(order, results, common), _parts(order, results)
    return planned(parts, view, margin=margin_of(order), context=order.options.region_context)


def _followed(order: Order, results: Results, common: Window) -> Followed:
    """The plan of crops that are given."""
    view, parts = _view(order, results, common), _parts(order, results)
    around = Planner(view, margin_of(order), order.options.region_context, len(parts))
    given, origin = parse_crops(order.options.crops), _origin(order, results, common)
    return planned_as(given, parts, around, order.frames, origin)


def _origin(order: Order, results: Results, common: Window) -> tuple[int, int]:
    """The corner of the display window on the common one."""
    shown = Window(**results.get("ingest", order.frames[0], "plate").info["display_window"])
    return shown.x - common.x, shown.y - common.y


def _parts(order: Order, results: Results) -> list[list[Rect]]:
    """What is to be filled on each frame."""
    parts: list[list[Rect]] = []
    for frame in order.frames:
        found = results.find("regions", frame)
        boxes = found.info["parts"] if found is not None else []
        parts.append([(x0, y0, x1, y1) for x0, y0, x1, y1 in boxes])
    return parts


def crops_of(plan: RegionPlan | None, common: Window) -> list[tuple[Crops | None, Run | None]]:
    """The crops of each run; None where it is all of the common window, and the units then need not know of any."""
    if plan is None:
        return [(None, None)]
    if plan.whole and plan.view.area == (0, 0, common.width, common.height):
        return [(None, None)]
    return [(Crops.of(run, plan.view), run) for run in plan.runs]


def _view(order: Order, results: Results, common: Window) -> View:
    """The display window, as far as the plates have samples of it; all of these where they have none of it."""
    plate = results.get("ingest", order.frames[0], "plate").info
    shown = Window(**plate["display_window"]).intersect(common)
    if shown.is_empty:
        shown = common
    aspect = plate["pixel_aspect"]
    height, width = model_size(shown.height, shown.width * aspect, order.options.model_percent / 100)
    left, top = shown.x - common.x, shown.y - common.y
    return View((left, top, left + shown.width, top + shown.height), aspect, height, width)


def described(order: Order, plan: RegionPlan, results: Results, common: Window) -> dict[str, Any]:
    """The plan for the sidecar, JSON-ready.

    `seen` is `whole` or `crops`; `area`, `crop` and `path` are x, y, width and height, or x and y, in pixels of the
    common window; `scale` counts plate pixels for one of the model's picture; `share` is of the area. `crops` is the
    plan as the option of that name takes it: the same text in all views of a stereo shot; `given` is whether it was
    given, and `moved` by how many pixels the crop of each run stands beside it.
    """
    given = order.options.crops
    moved = _followed(order, results, common).offsets if given else ()
    text = given or crops_text(plan, order.frames, _origin(order, results, common))
    view = plan.view
    x0, y0, x1, y1 = view.area
    windows, window = _windows(order)
    return {
        "seen": "whole" if plan.whole else "crops",
        "crops": text,
        "given": bool(given),
        "moved": [list(offset) for offset in moved],
        "area": [x0, y0, x1 - x0, y1 - y0],
        "model": [view.width, view.height],
        "whole_scale": round(view.whole_scale, 4),
        "windows": windows,
        "cost": plan.cost(windows, window),
        "runs": [
            {
                "crop": [*run.corners[0], run.width, run.height],
                "scale": round(plan.scale(run), 4),
                "share": _share(run, view),
                "path": [list(corner) for corner in run.corners] if run.moves else None,
            }
            for run in plan.runs
        ],
    }


def told(order: Order, plan: RegionPlan) -> str:
    """The plan in a sentence, for the user."""
    view = plan.view
    windows, window = _windows(order)
    work = f"{windows} window{'s' if windows > 1 else ''} of {window} frames"
    model = f"{view.width} x {view.height}"
    if plan.whole:
        return (
            f"Region: the model sees the whole frame in {model}, {view.whole_scale:.2f} plate pixels for one of its"
            f" own: no crop would be much finer. {work}."
        )
    seen = ", and ".join(
        f"{run.width} x {run.height} ({_share(run, view):.0%} of it, {'moving' if run.moves else 'at rest'} from"
        f" {run.corners[0][0]}, {run.corners[0][1]}, {plan.scale(run):.2f} plate pixels for one of its own)"
        for run in plan.runs
    )
    cost, runs = plan.cost(windows, window), len(plan.runs)
    times = f"{runs} runs" if runs > 1 else "1 run"
    return (
        f"Region: of the frame, the model sees {seen} in {model}; the whole frame would be {view.whole_scale:.2f}."
        f" {times} of {work}: {cost['of_whole']:.0f} x the work of the whole frame,"
        f" {cost['of_whole_as_fine']:.2f} x what that would take as finely."
    )


def _share(run: Run, view: View) -> float:
    x0, y0, x1, y1 = view.area
    return round(run.width * run.height / ((x1 - x0) * (y1 - y0)), 4)


def _windows(order: Order) -> tuple[int, int]:
    """Windows of one run over the shot, and frames of one."""
    # PyTorch takes seconds to import, and other jobs do without it.
    from void_server.engines.void.clip import padded_length
    from void_server.engines.void.settings import latent_length
    from void_server.engines.void.windows import windows

    settings, frames = order.void_settings(), len(order.frames)
    padded = padded_length(frames, window=settings.window, longest=frames + settings.window)
    return len(windows(latent_length(padded), latent_length(settings.window), OVERLAP)), settings.window
