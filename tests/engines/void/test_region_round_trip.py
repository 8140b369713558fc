# SPDX-License-Identifier: Apache-2.0
"""There and back through crops with a model that changes nothing: the plate comes back, and where it was.

ComfyUI's crop-and-stitch nodes once shifted what they returned by a pixel: at borders, with odd sizes, after resizing.
"""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from void_server.engines.cleanplate import FrameFill
from void_server.engines.void.regions import planned, region_parts
from void_server.engines.void.settings import VoidSettings
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.conform import conform
from void_server.pipeline.encode import _codes, _pictures
from void_server.pipeline.regions import Crops
from void_server.quadmask.regions import Quadmask

from .test_regions import view_of

MARGIN = 16
FRAMES = 3
LEAST_WAVE = 9.0
"""Standard deviation, in plate pixels, of the blur of the texture: what the coarsest model here can still show."""


def texture(height: int, width: int, seed: int = 3) -> np.ndarray:
    """(h, w, 3) float32, about 0.2 to 0.8, without detail that the model's pixels could not hold."""
    noise = np.random.default_rng(seed).standard_normal((height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), LEAST_WAVE)
    return np.asarray(0.5 + 0.1 * smooth / smooth.std(), np.float32)


def shot_of(plate: np.ndarray, boxes: list, keep: np.ndarray | None = None) -> SimpleNamespace:
    """Frames of one picture, each with something to remove in its box."""
    same = SimpleNamespace(encode=lambda values: values, decode=lambda values: values)

    def quadmask(position: int, _window: object) -> Quadmask:
        remove = np.zeros(plate.shape[:2], np.float32)
        x0, y0, x1, y1 = boxes[position]
        remove[y0:y1, x0:x1] = 1
        return Quadmask(remove, np.zeros_like(remove))

    return SimpleNamespace(
        frames=range(len(boxes)),
        window=None,
        quadmask=quadmask,
        keep=lambda *_: np.zeros(plate.shape[:2], np.float32) if keep is None else keep,
        plate=lambda _: plate,
        manifest=SimpleNamespace(settings={"margin": MARGIN}, model_light=lambda: same),
    )


def there_and_back(shot, view, blobs, *, context: float = 1.5):
    """The plan, and each frame's fill, from a model that answers what it is shown."""
    parts = [region_parts(shot.quadmask(p, None).region) for p in shot.frames]
    plan = planned(parts, view, margin=MARGIN, context=context)
    seen = []
    for run in plan.runs:
        crops = Crops.from_dict(Crops.of(run, view).to_dict())
        settings = VoidSettings(height=view.height, width=view.width)
        pictures = _pictures(shot, settings, crops).permute(1, 2, 3, 0).numpy()
        told = _codes(shot, settings, (view.height, view.width), crops)[0].numpy() < 255
        seen.append((run, crops, pictures, told))
    fills = []
    for position in shot.frames:
        runs = [
            {
                "answers": {
                    str(p): answer_of(blobs, pictures[p], pictures[p], told[p], crops.corners[p])
                    for p in shot.frames
                },
                "crop": list(crops.rect(position)),
                "fills": list(run.fills[position]),
            }
            for run, crops, pictures, told in seen
            if run.fills[position] is not None
        ]
        stored, _ = conform(shot, {"position": position, "runs": runs}, blobs)
        fills.append(FrameFill.from_arrays(load_arrays(blobs, stored["fill"].digest)))
    return plan, fills


def answer_of(blobs, made: np.ndarray, seen: np.ndarray, told: np.ndarray, corner=(0, 0)) -> dict:
    """As the plan of `conform` tells of one frame."""
    stored = {"made": made, "seen": seen.astype(np.float16), "told": told.astype(np.uint8)}
    digests = {name: store_arrays(blobs, {name: values}).digest for name, values in stored.items()}
    return digests | {"corner": list(corner)}


def shift(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(x, y) in pixels by which `found` lies beside `wanted`, by least squares over their gradients."""
    down, across = np.gradient(wanted.astype(np.float64), axis=(0, 1))
    slopes = np.stack([across.ravel(), down.ravel()], axis=1)
    return -np.linalg.lstsq(slopes, (found - wanted).astype(np.float64).ravel(), rcond=None)[0]


CASES = {
    "middle": ((1920, 1080), 1.0, (900, 500, 1200, 660)),
    "large": ((3000, 1700), 1.0, (1000, 500, 1700, 1000)),
    "corner": ((1920, 1080), 1.0, (0, 0, 200, 150)),
    "other corner": ((1920, 1080), 1.0, (1700, 900, 1920, 1080)),
    "odd": ((1501, 847), 1.0, (333, 211, 612, 402)),
    "odd, at the border": ((1501, 847), 1.0, (1201, 500, 1501, 847)),
    "squeezed": ((1828, 1556), 2.0, (700, 500, 903, 801)),
    "squeezed, odd, at the border": ((1829, 1557), 2.0, (1601, 1200, 1829, 1557)),
    "squeezed by 4/3": ((1999, 1131), 1.3333, (1500, 11, 1801, 131)),
    "wide": ((1400, 1556), 0.5, (500, 500, 801, 701)),
}


@pytest.fixture
def blobs(tmp_path) -> BlobFolder:
    return BlobFolder(tmp_path / "blobs")


@pytest.mark.parametrize("case", CASES)
def test_a_model_that_changes_nothing_gives_the_plate_back_where_it_was(case, blobs):
    size, aspect, box = CASES[case]
    plate, view = texture(size[1], size[0]), view_of(*size, aspect)
    boxes = [tuple(v + 2 * t * (0 < v < size[n % 2]) for n, v in enumerate(box)) for t in range(FRAMES)]
    plan, fills = there_and_back(shot_of(plate, boxes), view, blobs)
    assert not plan.whole
    for fill in fills:
        x0, y0, x1, y1 = fill.box
        wanted = plate[y0:y1, x0:x1]
        assert np.abs(shift(fill.colour, wanted)).max() < 0.1
        assert np.abs(fill.colour - wanted).max() < 0.03 and np.abs(fill.colour - wanted).mean() < 0.003


def test_at_the_model_s_own_scale_every_pixel_comes_back(blobs):
    noise = np.random.default_rng(1).uniform(0.1, 0.9, (1080, 1920, 3)).astype(np.float32)
    plan, fills = there_and_back(shot_of(noise, [(900, 500, 1000, 600)]), view_of(1920, 1080), blobs)
    x0, y0, x1, y1 = fills[0].box
    assert plan.scale(plan.runs[0]) == 1
    np.testing.assert_allclose(fills[0].colour, noise[y0:y1, x0:x1], atol=1e-4)


def test_the_measure_of_a_shift_sees_one_of_a_pixel():
    plate = texture(300, 400)
    np.testing.assert_allclose(shift(np.roll(plate, 1, axis=1), plate)[0], 1, atol=0.05)
    np.testing.assert_allclose(shift(np.roll(plate, -1, axis=0), plate)[1], -1, atol=0.05)


def test_a_moving_crop_brings_every_frame_back(blobs):
    plate, view = texture(1080, 2600), view_of(2600, 1080)
    boxes = [(30 * t, 400, 30 * t + 150, 550) for t in range(80)]
    few = [*range(0, 80, 16), 79]
    parts = [region_parts(shot_of(plate, boxes).quadmask(p, None).region) for p in range(80)]
    assert planned(parts, view, margin=MARGIN).runs[0].moves
    shot = shot_of(plate, boxes)
    shot.frames = range(80)
    plan = planned(parts, view, margin=MARGIN)
    crops = Crops.of(plan.runs[0], view)
    settings = VoidSettings(height=view.height, width=view.width)
    for position in few:
        alone = shot_of(plate, [boxes[position]])
        one = Crops(crops.model, crops.size, (crops.corners[position],))
        made = _pictures(alone, settings, one).permute(1, 2, 3, 0).numpy()[0]
        run = {
            "answers": {"0": answer_of(blobs, made, made, np.zeros(made.shape[:2]), one.corners[0])},
            "crop": list(one.rect(0)),
            "fills": list(plan.runs[0].fills[position]),
        }
        stored, _ = conform(alone, {"position": 0, "runs": [run]}, blobs)
        fill = FrameFill.from_arrays(load_arrays(blobs, stored["fill"].digest))
        x0, y0, x1, y1 = fill.box
        assert np.abs(shift(fill.colour, plate[y0:y1, x0:x1])).max() < 0.1


def test_outside_of_what_is_filled_the_plate_is_left_and_nothing_beyond_the_box_is_told(blobs):
    plate = texture(1080, 1920)
    _, fills = there_and_back(shot_of(plate, [(900, 500, 1000, 600)]), view_of(1920, 1080), blobs)
    assert fills[0].box == (884, 484, 1016, 616)
    left = fills[0].synthesised == 0
    assert left.any() and (fills[0].colour[left] == plate[484:616, 884:1016][left]).all()


def test_overscan_is_not_filled(blobs):
    plate = texture(1280, 2120)
    view = view_of(1920, 1080, overscan=100)
    _, fills = there_and_back(shot_of(plate, [(0, 50, 200, 300)]), view, blobs)
    assert fills[0].box == (100, 100, 216, 316)


def test_two_runs_fill_what_is_theirs(blobs):
    plate, view = texture(1700, 3000), view_of(3000, 1700)
    shot = shot_of(plate, [(100, 100, 200, 200)])
    other = (2700, 1400, 2800, 1500)

    def quadmask(_position: int, _window: object) -> Quadmask:
        remove = np.zeros(plate.shape[:2], np.float32)
        for x0, y0, x1, y1 in ((100, 100, 200, 200), other):
            remove[y0:y1, x0:x1] = 1
        return Quadmask(remove, np.zeros_like(remove))

    shot.quadmask = quadmask
    plan, fills = there_and_back(shot, view, blobs)
    assert len(plan.runs) == 2 and fills[0].box == (84, 84, 2816, 1516)
    filled = fills[0].synthesised > 0
    assert filled[16:116, 16:116].all() and filled[-116:-16, -116:-16].all() and filled.mean() < 0.02
    np.testing.assert_allclose(fills[0].colour, plate[84:1516, 84:2816], atol=1e-4)


def test_a_crop_of_the_whole_frame_is_the_same_bits_as_no_crop(blobs):
    size = 300, 200
    plate, view = texture(200, 300), view_of(*size)
    shot = shot_of(plate, [(100, 80, 160, 130)])
    settings = VoidSettings(height=view.height, width=view.width)
    whole = Crops((view.height, view.width), size, ((0, 0),))
    pictures = [_pictures(shot, settings, c).permute(1, 2, 3, 0).numpy()[0] for c in (None, whole)]
    told = [_codes(shot, settings, (view.height, view.width), c).numpy() for c in (None, whole)]
    assert (pictures[0] == pictures[1]).all() and (told[0] == told[1]).all()
    answer = answer_of(blobs, pictures[0] + np.float32(0.1), pictures[0], told[0][0, 0] < 255)
    stored = [
        conform(
            shot,
            {
                "position": 0,
                "runs": [
                    {
                        "answers": {"0": answer},
                        "crop": rect,
                        "fills": rect,
                    }
                ],
            },
            blobs,
        )[0]["fill"].digest
        for rect in (None, [0, 0, *size])
    ]
    assert stored[0] == stored[1]
