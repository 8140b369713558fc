# SPDX-License-Identifier: Apache-2.0
"""What a returned frame keeps of its source, through the whole product, for every kind of plate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import set_sequence, spec_of
from tests.small_shot import SmallShot, write_exr

SIZE = (72, 96)


@dataclass(frozen=True)
class Variant:
    """A rewritten plate: `frames` by number, and what the order must say about it."""

    frames: dict[int, Path]
    colour_space: str = ""


def pixels_of(shot: SmallShot, frame: int) -> np.ndarray:
    return np.asarray(oiio.ImageBuf(str(shot.files("plate")[frame])).get_pixels(oiio.HALF))


def each(shot: SmallShot, write) -> dict[int, Path]:
    return {f: write(f, pixels_of(shot, f)) for f in shot.files("plate")}


def moving_window(shot, folder):
    """Data window smaller than the display window, another one on each frame."""

    def write(frame, pixels):
        x, y = 2 + frame % 3, 1 + frame % 2
        return write_exr(folder / f"p.{frame}.exr", pixels[y:-3, x:-2], "RGB", origin=(x, y), display=SIZE)

    return Variant(each(shot, write))


def overscan(shot, folder):
    """Data window larger than the display window, at negative coordinates."""

    def write(frame, pixels):
        wide = np.pad(pixels, ((4, 6), (8, 5), (0, 0)), mode="edge")
        return write_exr(folder / f"p.{frame}.exr", wide, "RGB", origin=(-8, -4), display=SIZE)

    return Variant(each(shot, write))


def hostile_samples(shot, folder):
    """NaN with a payload, infinities, -0, negatives, 60,000, inside and outside of the object."""

    def write(frame, pixels):
        odd = pixels.copy()
        bits = odd.view(np.uint16)
        for row in (2, 30):
            bits[row, 30:90:7, 0] = 0x7E55
            bits[row + 1, 30:90:7, 1] = 0x8000
            odd[row + 2, 30:90:7] = np.inf
            odd[row + 3, 30:90:7] = -np.inf
            odd[row + 4, 30:90:7] = -0.25
            odd[row + 5, 30:90:7] = 60000
        return write_exr(folder / f"p.{frame}.exr", odd, "RGB")

    return Variant(each(shot, write))


def float_plate(shot, folder):
    def write(frame, pixels):
        fine = pixels.astype(np.float32) * np.float32(1.000123)
        return write_exr(folder / f"p.{frame}.exr", fine, "RGB")

    return Variant(each(shot, write))


def with_alpha_and_depth(shot, folder):
    def write(frame, pixels):
        alpha = np.linspace(0, 1, SIZE[1], dtype=np.float16)[None, :, None].repeat(SIZE[0], 0)
        return write_exr(
            folder / f"p.{frame}.exr",
            np.concatenate([pixels, alpha, alpha * 9], 2),
            ("R", "G", "B", "A", "depth.Z"),
        )

    return Variant(each(shot, write))


def luminance(shot, folder):
    return Variant(each(shot, lambda f, p: write_exr(folder / f"p.{f}.exr", p[..., 1:2], "Y")))


def tiled_lossy(shot, folder):
    """DWAA in, ZIPS out: what counts are the samples that the file decodes to."""
    return Variant(
        each(shot, lambda f, p: write_exr(folder / f"p.{f}.exr", p, "RGB", tile=32, compression="dwaa"))
    )


def anamorphic(shot, folder):
    return Variant(each(shot, lambda f, p: write_exr(folder / f"p.{f}.exr", p, "RGB", PixelAspectRatio=2.0)))


def camera_log(shot, folder):
    """A plate in a logarithmic space comes back in that space."""

    def write(frame, pixels):
        logged = (np.log2(pixels.astype(np.float32) * 16 + 1) / 8 + 0.05).astype(np.float16)
        return write_exr(folder / f"p.{frame}.exr", logged, "RGB")

    return Variant(each(shot, write), colour_space="ACEScct")


def multi_part(shot, folder):
    """As renderers and Nuke write them: the beauty beside other parts."""

    def write(frame, pixels):
        path = folder / f"p.{frame}.exr"
        depth = np.full(SIZE, 5, np.float32)
        OpenEXR.File(
            [
                OpenEXR.Part({"name": "depth"}, {"Z": depth}),
                OpenEXR.Part({"name": "rgba"}, {"RGB": np.ascontiguousarray(pixels)}),
            ]
        ).write(str(path))
        return path

    return Variant(each(shot, write))


VARIANTS = [
    moving_window,
    overscan,
    hostile_samples,
    float_plate,
    with_alpha_and_depth,
    luminance,
    tiled_lossy,
    anamorphic,
    camera_log,
    multi_part,
]


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda v: v.__name__)
def returned(request, server, shot, tmp_path_factory):
    """A finished job of one variant: pairs of (source file, result file) and the job."""
    folder = tmp_path_factory.mktemp(request.param.__name__)
    variant = request.param(shot, folder)
    spec = spec_of(shot, f"/{request.param.__name__}")
    aspect = 2.0 if request.param is anamorphic else 1.0
    for role, name in (("remove", "roto"), ("affected", "affected")):
        mattes = {}
        for frame, path in shot.files(name).items():
            values = np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.HALF))
            mattes[frame] = write_exr(folder / f"{name}.{frame}.exr", values, "A", PixelAspectRatio=aspect)
        server.caller.upload_files(mattes.values())
        set_sequence(spec, role, mattes)
    server.caller.upload_files(variant.frames.values())
    set_sequence(spec, "plate", variant.frames)
    spec.shot.colour.name = variant.colour_space
    job = server.caller.run(spec)
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    pairs = []
    for output in job.outputs:
        if output.kind == jobs_pb2.OUTPUT_KIND_RESULT:
            path = folder / f"result.{output.frame}.exr"
            path.write_bytes(server.caller.download(output.blob.digest))
            pairs.append((variant.frames[output.frame], path))
    return pairs


def colour_part(path: Path) -> tuple[oiio.ImageSpec, dict[str, np.ndarray]]:
    """Spec and channels of the part that holds the colour, in their own type."""
    image = oiio.ImageInput.open(str(path))
    index = 0
    while True:
        spec = image.spec(index)
        if {"R", "Y"} & set(spec.channelnames):
            pixels = image.read_image(index, 0, 0, spec.nchannels, spec.format)
            return spec, {n: pixels[..., i] for i, n in enumerate(spec.channelnames)}
        index += 1


def bits(samples: np.ndarray) -> np.ndarray:
    return samples.view(np.uint16 if samples.dtype == np.float16 else np.uint32)


def channel(channels: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A void_mask channel; the reader may call `void_mask.red` by its short name."""
    return channels.get(f"void_mask.{name}", channels.get(f"void_mask.{name[0].upper()}"))


def test_each_sample_outside_the_blend_matte_has_the_source_s_bits(returned):
    for source, result in returned:
        _, before = colour_part(source)
        _, after = colour_part(result)
        untouched = channel(after, "alpha") == 0
        assert untouched.any() and not untouched.all()
        for name in set(before) & {"R", "G", "B", "A", "Y"}:
            assert (bits(np.ascontiguousarray(before[name])) == bits(np.ascontiguousarray(after[name])))[
                untouched
            ].all()


def test_inside_every_sample_is_a_number(returned):
    for _, result in returned:
        _, after = colour_part(result)
        inside = channel(after, "alpha") == 1
        for name in set(after) & {"R", "G", "B", "Y"}:
            assert np.isfinite(after[name][inside]).all()


def test_windows_pixel_aspect_and_type_are_the_source_s(returned):
    for source, result in returned:
        before, _ = colour_part(source)
        after, _ = colour_part(result)
        for name in ("x", "y", "width", "height", "full_x", "full_y", "full_width", "full_height", "format"):
            assert getattr(after, name) == getattr(before, name), name
        assert after.getattribute("PixelAspectRatio") == before.getattribute("PixelAspectRatio")
        assert after.getattribute("compression").startswith("zips")


def test_the_channels_are_colour_alpha_if_there_was_one_and_void_mask(returned):
    for source, result in returned:
        _, before = colour_part(source)
        header = OpenEXR.File(str(result), header_only=True)
        assert len(header.parts) == 1
        names = {c.name for c in header.header()["channels"]}
        assert names == (set(before) & set("RGBAY")) | {
            f"void_mask.{n}" for n in ("red", "green", "blue", "alpha")
        }


def test_a_matte_that_marks_only_the_overscan_is_filled_there(server, shot, tmp_path):
    plates = overscan(shot, tmp_path).frames
    values = np.zeros((82, 109), np.float16)
    values[30:45, 0:6] = 1
    files = {}
    for frame in plates:
        empty = np.zeros_like(values)
        marked = values if frame == shot.first else empty
        name = tmp_path / f"m.{frame}.exr"
        files[frame] = write_exr(name, marked[..., None], "A", origin=(-8, -4), display=SIZE)
    server.caller.upload_files([*plates.values(), *files.values()])
    spec = spec_of(shot, "/overscan_only", remove=files)
    set_sequence(spec, "plate", plates)
    job = server.caller.run(spec)
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    result = tmp_path / "result.exr"
    outputs = (o for o in job.outputs if o.kind == jobs_pb2.OUTPUT_KIND_RESULT)
    result.write_bytes(server.caller.download(next(o.blob.digest for o in outputs if o.frame == shot.first)))
    _, before = colour_part(plates[shot.first])
    _, after = colour_part(result)
    removed = channel(after, "red") == 1
    assert removed.any() and (before["G"] != after["G"])[removed].mean() > 0.5


def test_the_object_is_replaced(returned):
    for source, result in returned:
        _, before = colour_part(source)
        _, after = colour_part(result)
        removed = channel(after, "red") == 1
        name = "R" if "R" in after else "Y"
        assert (bits(before[name].copy()) != bits(after[name].copy()))[removed].mean() > 0.9
