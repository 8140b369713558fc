# SPDX-License-Identifier: Apache-2.0
"""The layers for touch-up: what `void_qc` and `void_source` of a returned frame say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import spec_of
from tests.small_shot import SmallShot

FRAME = 1003
MARGIN = 20
"""Pixels beyond the blend matte, where nothing was filled: more than the pipeline fills beyond the region."""


@pytest.fixture(scope="module")
def finished(server, shot, tmp_path_factory):
    """The channels of one frame by the `passes` that were asked for."""
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    folder = tmp_path_factory.mktemp("passes")
    return {passes: _result(server, shot, folder, passes) for passes in ("none", "qc", "source", "all")}


def _result(server, shot: SmallShot, folder: Path, passes: str) -> dict[str, np.ndarray]:
    spec = spec_of(shot, f"/{passes}")
    spec.settings.options["passes"] = passes
    job = server.caller.run(spec)
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    path = folder / f"{passes}.exr"
    path.write_bytes(
        server.caller.download(
            next(
                o.blob.digest
                for o in job.outputs
                if o.frame == FRAME and o.kind == jobs_pb2.OUTPUT_KIND_RESULT
            )
        )
    )
    image = oiio.ImageBuf(str(path))
    types = dict(zip(image.spec().channelnames, image.spec().channelformats, strict=False))
    if types:
        assert all(str(t) == "float" for n, t in types.items() if n.startswith("void_source."))
    pixels = np.asarray(image.get_pixels(oiio.FLOAT))
    return dict(zip(image.spec().channelnames, np.moveaxis(pixels, -1, 0), strict=True))


def layer(channels: dict[str, np.ndarray], name: str, colours: tuple[str, ...]) -> list[np.ndarray]:
    """The layer's channels, by either spelling of the EXR reader."""
    short = {"red": "R", "green": "G", "blue": "B", "alpha": "A"}
    return [
        channels[f"{name}.{c}"] if f"{name}.{c}" in channels else channels[f"{name}.{short[c]}"]
        for c in colours
    ]


def test_without_the_option_no_pass_is_written(finished):
    assert not any(name.startswith(("void_qc", "void_source")) for name in finished["none"])


@pytest.mark.parametrize(("passes", "qc", "source"), [("qc", True, False), ("source", False, True)])
def test_each_pass_alone(finished, passes, qc, source):
    names = finished[passes]
    assert any(n.startswith("void_qc.") for n in names) is qc
    assert any(n.startswith("void_source.") for n in names) is source


def test_the_passes_change_no_sample_of_the_picture(finished):
    for name in ("R", "G", "B"):
        for passes in ("qc", "source", "all"):
            np.testing.assert_array_equal(finished[passes][name], finished["none"][name])


def test_qc_says_where_pixels_are_borrowed_made_up_and_trusted(finished):
    confidence, borrowed, made_up, change = layer(
        finished["all"], "void_qc", ("red", "green", "blue", "alpha")
    )
    remove, blend = layer(finished["all"], "void_mask", ("red", "alpha"))
    gone = (blend == 1) & (remove == 1)
    assert gone.any() and (borrowed[gone] + made_up[gone] > 0.99).all()
    assert borrowed[gone].mean() > 0.9
    for values in (confidence, borrowed, made_up):
        assert values.min() >= 0 and values.max() <= 1
    away = cv2.distanceTransform((blend == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > MARGIN
    nothing = (borrowed + made_up == 0) & away
    assert nothing.any() and not confidence[nothing].any() and not change[nothing].any()
    assert change.max() > 0


def _relit(channels):
    """Where a shadow or a reflection was divided or subtracted out."""
    gain, offset = (
        np.stack(layer(channels, name, ("red", "green", "blue"))) for name in ("void_gain", "void_offset")
    )
    return (gain != 1).any(axis=0) | (offset != 0).any(axis=0)


def test_gain_and_offset_give_the_plate_back_where_its_own_surface_was_kept(finished, shot):
    channels = finished["all"]
    _, borrowed, made_up = layer(channels, "void_qc", ("red", "green", "blue"))
    blend = layer(channels, "void_mask", ("alpha",))[0]
    kept = _relit(channels) & (borrowed + made_up < 0.01) & (blend == 1)
    assert kept.any()
    plate = np.asarray(oiio.ImageBuf(str(shot.files("plate")[FRAME])).get_pixels(oiio.FLOAT))
    for index, (name, colour) in enumerate(zip("RGB", ("red", "green", "blue"), strict=True)):
        gain, offset = (
            layer(channels, layer_name, (colour,))[0] for layer_name in ("void_gain", "void_offset")
        )
        again = channels[name] * gain + offset
        np.testing.assert_allclose(again[kept], plate[..., index][kept], rtol=0.02, atol=2e-3)


def test_the_source_pass_leads_back_to_the_borrowed_samples(finished, shot):
    """An STMap of the frames that it names gives the picture again where one frame gave it."""
    s, t, number = layer(finished["all"], "void_source", ("red", "green", "blue"))
    _, borrowed = layer(finished["all"], "void_qc", ("red", "green"))
    height, width = number.shape
    column, row = s * width - 0.5, (1 - t) * height - 0.5
    again = np.zeros((height, width, 3), np.float32)
    for frame, path in shot.files("plate").items():
        pixels = np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))
        seen = cv2.remap(pixels, column, row, cv2.INTER_LINEAR)
        again[number == frame] = seen[number == frame]
    picture = np.stack([finished["all"][c] for c in "RGB"], axis=-1)
    inside = borrowed > 0.99
    assert inside.any() and set(np.unique(number[inside])) <= set(shot.files("plate")) - {FRAME}
    assert np.median(np.abs(again - picture)[inside]) < 0.02


def test_the_source_of_an_untouched_pixel_is_itself(finished):
    s, t, number = layer(finished["all"], "void_source", ("red", "green", "blue"))
    _, borrowed = layer(finished["all"], "void_qc", ("red", "green"))
    height, width = number.shape
    own = borrowed == 0
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    np.testing.assert_allclose(s[own], ((columns + 0.5) / width)[own], atol=1e-6)
    np.testing.assert_allclose(t[own], (1 - (rows + 0.5) / height)[own], atol=1e-6)
    assert (number[own] == FRAME).all()
