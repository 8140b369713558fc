# SPDX-License-Identifier: Apache-2.0
"""Finds every problem of an order at once, from what ingest saw, before any work is done.

Files that are not uploaded yet are left out; the client asks again when they are there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from void_server.jobs.model import Problem
from void_server.pipeline.engine_choice import ENGINE_MAX_FRAMES
from void_server.pipeline.findings import file_name, finding, frame_list
from void_server.pipeline.ingest import FILE, PATTERN
from void_server.pipeline.order import CLEAN_PLATE, INPUTS, MATTES, Order
from void_server.pipeline.preflight_clean_plates import unusable_clean_plates
from void_server.pipeline.preflight_prompts import unusable_prompts
from void_server.pipeline.results import Results
from void_server.plates.matte import same_picture
from void_server.plates.window import Window


def find_problems(order: Order, results: Results) -> list[Problem]:
    """All problems of an order; errors and warnings."""
    seen = {role: _infos(order, results, role) for role in order.inputs}
    problems: list[Problem] = []
    problems += _engine_limit(order)
    for role in INPUTS:
        if role in order.inputs:
            problems += _coverage(order, role)
            problems += _unreadable(order, role, seen[role])
    plates = _readable(seen.get("plate", {}))
    problems += _mixed_plates(order, plates)
    mattes = {role: _readable(seen.get(role, {})) for role in MATTES}
    for role in MATTES:
        problems += _other_picture(order, role, mattes[role], plates)
        problems += _unclean_samples(order, role, mattes[role])
    problems += _extents(order, mattes)
    problems += unusable_prompts(order, plates)
    clean = _readable(seen.get(CLEAN_PLATE, {}))
    problems += _other_picture(order, CLEAN_PLATE, clean, plates)
    problems += unusable_clean_plates(order, clean, plates, mattes)
    return problems


_Info = Mapping[str, Any]


def _infos(order: Order, results: Results, role: str) -> dict[int, _Info]:
    found = {}
    for frame in order.frames:
        unit = results.find("ingest", frame, role)
        if unit is not None:
            found[frame] = unit.info
    return found


def _readable(infos: Mapping[int, _Info]) -> dict[int, _Info]:
    return {frame: info for frame, info in infos.items() if "problem" not in info}


def _engine_limit(order: Order) -> Iterator[Problem]:
    limit = ENGINE_MAX_FRAMES[order.engine]
    if len(order.frames) > limit:
        yield finding(
            order,
            "",
            "too_many_frames",
            (),
            f"{len(order.frames)} frames are more than the engine {order.engine} takes ({limit}).",
            "Split the range.",
        )


def _coverage(order: Order, role: str) -> Iterator[Problem]:
    files = order.inputs[role].files
    missing = [f for f in order.frames if f not in files]
    if not missing or (sparse(order, role) and len(missing) < len(order.frames)):
        return
    pattern = order.inputs[role].pattern
    if len(missing) == len(order.frames):
        yield finding(
            order,
            role,
            "no_overlap",
            (),
            f"{role} {pattern} has frames {frame_list(files)}, none of the range"
            f" {order.frames[0]}-{order.frames[-1]}.",
            "Change --range, or give the right sequence.",
        )
        return
    yield finding(
        order,
        role,
        "missing_frames",
        missing,
        f"{role} {pattern} lacks frames {frame_list(missing)}.",
        "Render them (a matte may be black there), or leave them out with --range.",
    )


SPARSE = ("flow", "sam2")
"""Segmenters that make the mattes of frames without one."""


def sparse(order: Order, role: str) -> bool:
    """Whether an input may be there for some frames of the range only."""
    return role == CLEAN_PLATE or (role == "remove" and order.segmenter in SPARSE)


def _unreadable(order: Order, role: str, infos: Mapping[int, _Info]) -> Iterator[Problem]:
    """What each file's finding says; findings that differ only in the file are told once."""
    pattern = order.inputs[role].pattern
    same: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for frame, info in infos.items():
        if "problem" in info:
            found = info["problem"]
            same[found["code"], found["message"], found["fix"]].append(frame)
    for (code, message, fix), frames in same.items():
        named = file_name(order, role, frames[0]) if len(frames) == 1 else pattern
        said = [text.replace(FILE, named).replace(PATTERN, pattern) for text in (message, fix)]
        yield finding(order, role, code, frames, *said)


def _mixed_plates(order: Order, plates: Mapping[int, _Info]) -> Iterator[Problem]:
    looks: tuple[tuple[str, Callable[[_Info], str], str], ...] = (
        ("display window", _picture, "Reformat them to one size, or split the range."),
        ("sample type", lambda i: str(i["type"]), "Write all frames as half, or all as float."),
        ("channels", lambda i: ", ".join(i["channels"]), "Write all frames with the same colour channels."),
        (
            "colour space",
            lambda i: str(i["colour"]["name"]),
            "Say which one holds with --colorspace, or write all frames in the same space.",
        ),
    )
    for what, of, fix in looks:
        groups: dict[str, list[int]] = defaultdict(list)
        for frame, info in plates.items():
            groups[of(info)].append(frame)
        if len(groups) < 2:
            continue
        usual = max(groups, key=lambda g: len(groups[g]))
        for value, frames in groups.items():
            alike = of is _picture and _same_picture(plates[frames[0]], plates[groups[usual][0]])
            if value != usual and not alike:
                yield finding(
                    order,
                    "plate",
                    "mixed_plates",
                    frames,
                    f"plate frames {frame_list(frames)} have {what} {value}, the others {usual}.",
                    fix,
                )


def _same_picture(a: _Info, b: _Info) -> bool:
    return same_picture(
        Window(**a["display_window"]), a["pixel_aspect"], Window(**b["display_window"]), b["pixel_aspect"]
    )


def _picture(info: _Info) -> str:
    window = info["display_window"]
    size = f"{window['width']}x{window['height']}"
    place = f" at {window['x']},{window['y']}" if window["x"] or window["y"] else ""
    aspect = f", pixel aspect {info['pixel_aspect']:g}" if info["pixel_aspect"] != 1 else ""
    return f"{size}{place}{aspect}"


def _other_picture(
    order: Order, role: str, infos: Mapping[int, _Info], plates: Mapping[int, _Info]
) -> Iterator[Problem]:
    """`infos`: of mattes, or of clean plates."""
    if not plates:
        return
    what, one = ("clean_plate", "them") if role == CLEAN_PLATE else (f"{role} matte", "the matte")
    usual = next(iter(plates.values()))
    same: dict[tuple[str, str], list[int]] = defaultdict(list)
    for frame, info in infos.items():
        plate = plates.get(frame, usual)
        if not _same_picture(info, plate):
            same[_picture(info), _picture(plate)].append(frame)
    for (theirs, ours), frames in same.items():
        yield finding(
            order,
            role,
            "other_picture",
            frames,
            f"{what} frames {frame_list(frames)} are {theirs}, the plate is {ours}.",
            f"Reformat {one} to the plate's format (its bounding box may be anything).",
        )


def _unclean_samples(order: Order, role: str, mattes: Mapping[int, _Info]) -> Iterator[Problem]:
    for count, what, done in (
        ("nan_count", "samples that are not numbers", "taken as 0"),
        ("clipped_count", "samples outside 0 to 1", "clipped"),
    ):
        frames = [f for f, info in mattes.items() if info[count]]
        if frames:
            yield finding(
                order,
                role,
                "unclean_matte",
                frames,
                f"{role} matte frames {frame_list(frames)} have {what}; they are {done}.",
                "Nothing to do if that is what you mean.",
                severity="warning",
            )


def _extents(order: Order, mattes: Mapping[str, Mapping[int, _Info]]) -> Iterator[Problem]:
    """Mattes that mark nothing, or the whole picture."""
    removing = tuple(r for r in ("remove", "quadmask") if r in order.inputs)
    yield from _empty(
        order,
        removing,
        mattes,
        everywhere="error",
        some=" without an affected matte there, they come back untouched.",
    )
    yield from _full(order, removing, mattes)
    for role in ("affected", "keep"):
        if role in order.inputs:
            yield from _full(order, (role,), mattes)
    if "affected" in order.inputs:
        yield from _empty(order, ("affected",), mattes, everywhere="warning", some="")


def _empty(
    order: Order,
    roles: tuple[str, ...],
    mattes: Mapping[str, Mapping[int, _Info]],
    *,
    everywhere: str,
    some: str,
) -> Iterator[Problem]:
    """`everywhere`: how bad it is on all frames; `some`: what it means on some of them, unsaid when empty."""
    looked, name = _looked(roles, mattes), " and ".join(roles)
    empty = {f for f in looked if all(mattes[r][f]["removes"] == 0 for r in roles if f in mattes[r])}
    if empty and empty == {f for f in order.frames if any(order.file(r, f) for r in roles)}:
        yield finding(
            order,
            roles[0],
            "matte_empty",
            (),
            f"The {name} matte is empty on every frame of the range.",
            "Check the channel (PATTERN:channel), the range, and that the roto was rendered.",
            severity=everywhere,
        )
    elif empty and some:
        yield finding(
            order,
            roles[0],
            "matte_empty",
            empty,
            f"The {name} matte is empty on frames {frame_list(empty)};{some}",
            "Nothing to do if the object is not in these frames.",
            severity="warning",
        )


def _full(
    order: Order, roles: tuple[str, ...], mattes: Mapping[str, Mapping[int, _Info]]
) -> Iterator[Problem]:
    looked, name = _looked(roles, mattes), " and ".join(roles)
    full = {f for f in looked if any(mattes[r][f]["full"] for r in roles if f in mattes[r])}
    if full and full == set(order.frames):
        yield finding(
            order,
            roles[0],
            "matte_full",
            (),
            f"The {name} matte covers the whole picture on every frame of the range.",
            "Check the channel (PATTERN:channel): an alpha of a plate is often 1 everywhere.",
        )
    elif full:
        yield finding(
            order,
            roles[0],
            "matte_full",
            full,
            f"The {name} matte covers the whole picture on frames {frame_list(full)}.",
            "Check these frames; what it covers there can only come from others.",
            severity="warning",
        )


def _looked(roles: tuple[str, ...], mattes: Mapping[str, Mapping[int, _Info]]) -> set[int]:
    return {f for role in roles for f in mattes[role]}
