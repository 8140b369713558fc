# SPDX-License-Identifier: Apache-2.0
"""The unit `publish`: fill and plate are blended, written, read back and checked against the hashed source.

Only the lines that the mattes touch are blended; the others are the plate with empty passes. Where the plate was
published before, with another edge or other mattes, the other lines are not read: `again` takes them over. The files
are the same, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.conform.blend import blend_matte, composite
from void_server.conform.change import narrowed, unlike
from void_server.conform.quality import frame_quality
from void_server.conform.seam import REACH as SEAM_REACH
from void_server.conform.seam import seam_ratio
from void_server.engines.cleanplate import FrameFill
from void_server.errors import DataLoss
from void_server.frames.adding import Adding, adding
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.frames.blocks import Blocks
from void_server.pipeline.again import LINES, Again, Earlier, EarlierSpoilt, published_before, recorded
from void_server.pipeline.arrays import SUFFIX, write_arrays
from void_server.pipeline.compare import stored_fill
from void_server.pipeline.differ import change_over
from void_server.pipeline.grain import with_grain
from void_server.pipeline.opened_source import blocks_to_arrays
from void_server.pipeline.passes import over, qc_layer, relight_layers, source_layer, window_of
from void_server.pipeline.shot import StoredShot
from void_server.plates.blank import check_blank
from void_server.plates.delivered import (
    CONTENT,
    FORMAT,
    all_stripes,
    digests_of_stripes,
    joined_content,
    result_stripes,
)
from void_server.plates.encode import Written
from void_server.plates.exr import above_zero
from void_server.plates.header import read_header
from void_server.plates.plate import Planes, Plate, PlateChannels, strip
from void_server.plates.result import (
    layer_channels,
    matte_as_published,
    quadmask_letters,
    write_channels,
    write_grey,
)
from void_server.plates.splice import whole_chunks
from void_server.plates.verify import (
    OutsideCheck,
    check_spread,
    check_written,
    outside_difference,
    samples_outside,
)
from void_server.plates.window import Window
from void_server.quadmask.regions import THRESHOLD

KEY_FILES = {
    "matte_remove": "red",
    "matte_affected": "green",
    "matte_overlap": "blue",
    "matte_blend": "alpha",
}
"""Files of one region each, and the channel of `void_mask` that they hold."""

F32 = npt.NDArray[np.float32]


def publish(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Make the returned files of one frame; leaves the blobs `result`, `matte` and `inside`, which `review` reads, and
    `matte_remove` and its like where they are wanted.

    Also leaves `stripes`: the digests of what the files hold, by stripes of lines, for the next time.

    Args:
        args: `position`; `changes`, what says what was changed (`differ.changes_near`);
            `fill`, which holds `fill`, the stored `FrameFill`, empty for a frame with nothing to fill,
            and `steady`, the gain that steadies it, empty where there is none; `edge`: grow, feather (pixels),
            compression, and `narrow`: whether only what the engine changed is replaced of the affected region;
            `passes`: `qc`, `source` and `relight`, whether these layers are wanted, `others`, whether the plate's are,
            and `before`, the stored fill of the frame before, or None; `attributes`: provenance for the header, under
            `void/`; `keys`: whether each region is wanted as a file of its own too; `grain`: what of the plate's grain
            the fill is to be given (`plan_grain.wanted_grain`), or absent; `earlier`: blobs and info of the same plate
            as it was last published with such layers, or absent.

    `made` of what is told says which job made the files, and the digests of what they hold.

    Raises:
        DataLoss: a sample outside the blend matte is not the source's, or the source is corrupt; nothing is published.
    """
    # Files of one region each are written whole.
    earlier = None if args["keys"] else recorded(args.get("earlier"), blobs)
    try:
        return _published(shot, args, earlier, blobs)
    except EarlierSpoilt:
        return _published(shot, args, None, blobs)


def _published(
    shot: StoredShot, args: Mapping[str, Any], earlier: Earlier | None, blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """`publish`, onto what was published earlier; raises EarlierSpoilt where that is damaged."""
    position, edge, passes = args["position"], args["edge"], args["passes"]
    fill = stored_fill(args["fill"], blobs)
    read = _read(shot, args, fill, earlier, blobs)
    plate, planes, lines, again = read.plate, read.planes, read.lines, read.again
    whole = plate.part.data_window
    held = planes.channels.part.data_window
    rows = (
        again.rows
        if again
        else whole_chunks(whole, *(lines if lines[0] < lines[1] else (0, 1)), edge["compression"])
    )
    inner = rows[0] - (held.y - whole.y), rows[1] - (held.y - whole.y)
    source = planes.lines(inner)
    window = source.data_window
    quadmask = shot.quadmask(position, window)
    keep = shot.keep(position, window)

    def blended(region: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
        grow, feather = edge["grow"], edge["feather"]
        return blend_matte(region, keep, grow=grow, feather=feather, dtype=source.colour.dtype)

    drawn = blend = blended(quadmask.region)
    confidence = np.zeros(window.shape, np.float32)
    result, clipped, unfilled = source.colour, 0, 0
    if fill is not None and above_zero(blend).any():
        picture, at = _fill_in_plate_space(shot, fill, source)
        if edge["narrow"]:
            change = _change(shot, fill, source, picture, at)
            found = change_over(args["changes"], position, _from_common(shot, window), blobs)
            change = change if found is None else np.minimum(change, found)
            blend = narrowed(drawn, blended(quadmask.remove > THRESHOLD), change)
            # What keeps the plate's bits was not made up, whatever the engine answered there.
            made_up = over(window_of(shot, fill), above_zero(blend).astype(np.float32), window)
            fill = replace(fill, synthesised=fill.synthesised * made_up)
        if args.get("grain"):
            grained = with_grain(shot, position, fill, blend, window, args["grain"], blobs)
            picture, at = _fill_in_plate_space(shot, grained, source)
        joined = composite(source.colour, picture, blend, at=at)
        result, clipped, unfilled = joined.colour, joined.clipped, joined.unfilled
        confidence = over(window, fill.confidence, window_of(shot, fill))
    mask = {n: matte_as_published(v, source.colour.dtype) for n, v in quadmask.layer(blend).items()}
    layer: dict[str, npt.NDArray[Any]] = {f"void_mask.{n}": _over(held, v, inner) for n, v in mask.items()}
    if passes["qc"]:
        previous = stored_fill(passes["before"], blobs) if passes["before"] else None
        layer |= qc_layer(shot, fill, previous, held)
    if passes["source"]:
        layer |= source_layer(shot, position, fill, held, plate.part.display_window)
    if passes["relight"]:
        layer |= relight_layers(shot, fill, held)
    planes.put(inner, result)
    channels = planes.samples | layer_channels(layer, source.colour.dtype)
    given = {"compression": edge["compression"], "attributes": args["attributes"]}
    letters = quadmask_letters(mask, source.colour.dtype)
    colours = [*planes.colour, *(["A"] if planes.channels.alpha else [])]
    stripes = {
        "result": result_stripes(channels, colours),
        "matte": all_stripes({name: _over(held, values, inner) for name, values in letters.items()}),
    }
    with adding(blobs) as files:
        path, matte_path = files.scratch(".exr"), files.scratch(".exr")
        if again:
            written = {
                "result": again.write("result", path, plate, channels, stripes["result"][:, CONTENT], given),
                "matte": again.write("matte", matte_path, plate, letters, stripes["matte"], given),
            }
            stripes = again.joined(stripes)
            # The file was found to hold these lines.
            outside = samples_outside(replace(source, colour=result), source, blend)
        else:
            written = {
                "result": _write_result(path, plate, channels, rows, given),
                "matte": _write_matte(matte_path, plate, letters, rows, given),
            }
            outside = outside_difference(path, source, blend, rows=rows)
        _refuse_touched(outside, shot.manifest.frames[position].frame)
        digests = {
            "format": FORMAT,
            "result": digests_of_stripes(read_header(path), stripes["result"]).to_dict(),
            "matte": joined_content(read_header(matte_path), stripes["matte"]),
        }
        stored = {
            "result": files.file(path, written["result"].checksums),
            "matte": files.file(matte_path, written["matte"].checksums),
        }
        left = stripes | blocks_to_arrays("source", read.blocks)
        for name, file in stored.items():
            left |= blocks_to_arrays(name, Blocks(file.digest, written[name].checksums, written[name].head))
        stored["stripes"] = files.file(write_arrays(files.scratch(SUFFIX), left))
        stored["inside"] = files.file(write_arrays(files.scratch(SUFFIX), _inside(result, blend, window)))
        if args["keys"]:
            stored |= _key_files(plate, layer, given, files)
        quality = frame_quality(
            source.colour,
            result,
            blend,
            outside=outside,
            clipped=clipped,
            confidence=confidence,
            change=None,
            pixels=whole.pixels,
            seam=seam_ratio(result, blend, shot.manifest.shot_encoding().epsilon, shot.to_linear),
        )
    touched, reached = (int(np.count_nonzero(above_zero(matte))) for matte in (blend, drawn))
    return stored, {
        **asdict(quality),
        # The lines around were held against this plate when they were written, now or the first time.
        "outside_samples_checked": outside.samples_checked
        + (whole.pixels - window.pixels) * len(planes.samples),
        "blend_percent": 100.0 * float(touched) / whole.pixels,
        "kept_percent": 100.0 * (reached - touched) / max(1, reached),
        "unfilled": unfilled,
        "made": {"job": args["attributes"]["void/job"], "delivered": digests},
        LINES: list(lines),
        ENCODED: written["result"].encoded_lines,
    }


@dataclass(frozen=True)
class _Read:
    """What was read of a plate.

    Attributes:
        plate: where its picture is.
        planes: its samples: all of them, or the lines that may differ from what was published before.
        lines: the lines [first, end) outside which the result is the plate with empty passes.
        again: what was published before, where the result is written onto that.
        blocks: what is to be known of the file the next time.
    """

    plate: PlateChannels
    planes: Planes
    lines: tuple[int, int]
    again: Again | None
    blocks: Blocks | None


def _read(
    shot: StoredShot,
    args: Mapping[str, Any],
    fill: FrameFill | None,
    earlier: Earlier | None,
    blobs: BlobFolder,
) -> _Read:
    """Read what is needed of a plate; arguments and errors as of `publish`."""
    position, edge, others = args["position"], args["edge"], args["passes"]["others"]
    known = earlier.source if earlier else None
    with shot.reading_source(position, known) as opened:
        plate = opened.channels
        whole = plate.part.data_window
        lines = _touched(shot, position, fill, whole, edge)
        again = published_before(earlier, lines, whole, edge["compression"], blobs)
        if again or not opened.part:
            planes = opened.planes(again.rows if again else None, others=others)
            return _Read(plate, planes, lines, again, opened.blocks())
    return _read(shot, args, fill, None, blobs)


def _over(whole: Window, values: npt.NDArray[Any], rows: tuple[int, int]) -> npt.NDArray[Any]:
    """(h, w) over the whole window: the values on these lines, 0 on the others."""
    if rows == (0, whole.height):
        return values
    over_all = np.zeros(whole.shape, values.dtype)
    over_all[slice(*rows)] = values
    return over_all


def _write_result(
    path: Path,
    plate: PlateChannels,
    channels: Mapping[str, npt.NDArray[Any]],
    rows: tuple[int, int],
    given: Mapping[str, Any],
) -> Written:
    """Write the result.

    All blocks are decompressed as they are made, and all bytes are read when the file is put in its place; OpenImageIO
    decodes the lines `rows` and some of the others.

    Raises:
        DataLoss: the file does not hold what was written.
    """
    window = plate.part.data_window
    written = write_channels(path, plate, channels, scratch=True, **given)
    check_written(path, {name: values[slice(*rows)] for name, values in channels.items()}, window, rows=rows)
    check_spread(path, channels, window)
    return written


def _write_matte(
    path: Path,
    plate: PlateChannels,
    letters: Mapping[str, npt.NDArray[Any]],
    rows: tuple[int, int],
    given: Mapping[str, Any],
) -> Written:
    """Write the matte file, of which `letters` are the lines `rows`, and read all of it again; raises as
    `_write_result`.
    """
    window = plate.part.data_window
    written = write_channels(path, strip(plate, rows), letters, blank=window, scratch=True, **given)
    check_written(path, letters, window, rows=rows)
    check_blank(path, rows)
    return written


def _change(shot: StoredShot, fill: FrameFill, source: Plate, picture: F32, at: tuple[int, int]) -> F32:
    """(h, w) float32 0..1 over the source's data window: where the fill is more than the plate; 1 where none lies."""
    window = source.data_window
    if fill.change is not None:
        return np.asarray(1 - over(window, 1 - fill.change, window_of(shot, fill)), np.float32)
    change = np.ones(window.shape, np.float32)
    inside = np.s_[at[1] : at[1] + picture.shape[0], at[0] : at[0] + picture.shape[1]]
    if picture.size:
        change[inside] = unlike(source.colour[inside], picture)
    return change


def _from_common(shot: StoredShot, window: Window) -> Window:
    return Window(window.x - shot.window.x, window.y - shot.window.y, window.width, window.height)


ENCODED = "encoded_lines"
"""Of a published frame: how many lines were compressed for it; no figure of its quality."""


def _key_files(
    plate: PlateChannels, layer: Mapping[str, npt.NDArray[Any]], given: Mapping[str, Any], files: Adding
) -> dict[str, StoredBlob]:
    """Each region as a picture of its own, by the blob's name."""
    stored = {}
    for name, channel in KEY_FILES.items():
        path = files.scratch(".exr")
        write_grey(path, plate, layer[f"void_mask.{channel}"], **given)
        stored[name] = files.file(path)
    return stored


def _touched(
    shot: StoredShot, position: int, fill: FrameFill | None, window: Window, edge: Mapping[str, Any]
) -> tuple[int, int]:
    """Lines [first, end) of the window outside which the frame comes back as the plate with empty passes."""
    near = shot.marked(position).intersect(window)
    quadmask = shot.quadmask(position, near)
    drawn = np.flatnonzero((np.maximum(quadmask.remove, quadmask.affected) > 0).any(axis=1))
    drawn += near.y - window.y
    # The seam is measured with the plate beside it.
    reach = math.ceil(edge["grow"] + edge["feather"]) + SEAM_REACH
    spans = [(int(drawn[0]) - reach, int(drawn[-1]) + reach + 1)] if drawn.size else []
    if fill is not None and not fill.empty:
        filled = window_of(shot, fill).intersect(window)
        if not filled.is_empty:
            spans.append((filled.y - window.y, filled.y - window.y + filled.height))
    if not spans:
        return 0, 0
    return max(0, min(s[0] for s in spans)), min(window.height, max(s[1] for s in spans))


def _inside(result: npt.NDArray[Any], blend: npt.NDArray[Any], window: Window) -> dict[str, npt.NDArray[Any]]:
    """The result where it may differ from the plate and for `SEAM_REACH` pixels around: `colour`, `inside` (0 or 1),
    and its corner `at`.
    """
    inside = above_zero(blend)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if rows.size == 0:
        empty = result[:0, :0]
        return {"colour": empty, "inside": empty[..., 0].astype(np.uint8), "at": np.zeros(2, np.int64)}
    box = tuple(slice(max(0, int(i[0]) - SEAM_REACH), int(i[-1]) + SEAM_REACH + 1) for i in (rows, columns))
    at = np.array([window.x + box[1].start, window.y + box[0].start], np.int64)
    return {"colour": result[box], "inside": inside[box].astype(np.uint8), "at": at}


def _fill_in_plate_space(shot: StoredShot, fill: FrameFill, source: Plate) -> tuple[F32, tuple[int, int]]:
    """What of the fill lies in the source's data window, in the plate's space and channel count, and where (x, y)."""
    colour = shot.to_plate_space(fill.colour)
    if source.colour.shape[2] == 1:
        colour = colour.mean(axis=2, keepdims=True)
    window = source.data_window
    shared = window_of(shot, fill).intersect(window)
    if shared.is_empty:
        return colour[:0, :0], (0, 0)
    return colour[window_of(shot, fill).slices(shared)], (shared.x - window.x, shared.y - window.y)


def _refuse_touched(outside: OutsideCheck, frame: int) -> None:
    if outside.samples_differing:
        raise DataLoss(
            f"{outside.samples_differing} samples outside the blend matte differ from the source"
            f" (by up to {outside.greatest_difference:g}) in the written file; it is not published.",
            fix="This is a defect of the server or its disk; report it with the server's log.",
            frame=frame,
        )
