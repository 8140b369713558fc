# SPDX-License-Identifier: Apache-2.0
"""The segmenter sam2 on Meta's package, with random weights at a quarter of the size that it is published for."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
import torch

from tests.segmenters.sam2_models import RedDisc
from void_server.errors import DataLoss, InvalidInput, PreconditionFailed
from void_server.segmenters.sam2 import (
    Box,
    Drawn,
    EmbeddingCache,
    Point,
    load_predictor,
    preview,
    segment_sam2,
)
from void_server.segmenters.sam2.predictor import Shot
from void_server.segmenters.sam2.prompts import Given
from void_server.segmenters.sam2.sam2_predictor import CONFIGURATIONS, Sam2Predictor, build

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("sam2") is None,
    reason="the package sam2 is not installed (make sam2): official checkpoints and Meta's predictor are not checked",
)
TINY = CONFIGURATIONS["sam2.1_hiera_tiny.pt"]


@pytest.fixture(scope="module")
def predictor():
    torch.manual_seed(3)
    return Sam2Predictor(build(TINY, overrides=["++model.image_size=256"]))


@pytest.fixture
def encoded(predictor):
    """Grows by one whenever the encoder runs."""
    calls = []
    hook = predictor.model.image_encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    yield calls
    hook.remove()


@needs_package
def test_points_boxes_and_mattes_of_several_objects_are_followed(predictor):
    scene = RedDisc(frames=4)
    prompts = [Point(2, 66, 48), Box(3, 60, 30, 120, 70, object=2), Drawn(1, scene.matte(1), object=3)]
    found = list(segment_sam2(4, scene.picture, prompts, predictor))
    assert [f.position for f in found] == [0, 1, 2, 3]
    assert all(np.isfinite(f.matte).all() and 0 <= f.confidence <= 1 for f in found)


@needs_package
@pytest.mark.parametrize("reverse", [False, True])
def test_steps_are_those_of_the_official_loop(predictor, reverse):
    scene, start = RedDisc(frames=4), 3 if reverse else 0
    given = Given(start, 1, points=(Point(start, 50, 48),))
    one, two = (predictor.opened(Shot(4, scene.size, scene.picture)) for _ in range(2))
    one.condition(given)
    two.condition(given)
    loop = predictor.model.propagate_in_video(two._states[1], start_frame_idx=start, reverse=reverse)
    expected = {position: logits[0, 0].numpy() for position, _, logits in loop}
    for position in (2, 1, 0) if reverse else (1, 2, 3):
        found = one.step(1, position, reverse)
        np.testing.assert_array_equal(found.logits, expected[position])


@needs_package
def test_the_encoder_runs_once_a_frame_and_sweep_for_all_objects(predictor, encoded):
    scene = RedDisc(frames=3)
    list(segment_sam2(3, scene.picture, [Point(0, 50, 48), Point(0, 10, 10, object=2)], predictor))
    assert len(encoded) == 3


@needs_package
def test_a_second_click_does_not_run_the_encoder(predictor, encoded):
    cache, picture = EmbeddingCache(predictor), RedDisc().picture(0)
    preview(picture, [Point(0, 50, 48)], cache)
    preview(picture, [Point(0, 50, 48), Point(0, 5, 5, positive=False)], cache)
    assert len(encoded) == 1


@needs_package
def test_work_ends_within_the_encoder(predictor):
    calls, scene = [], RedDisc(frames=2)

    def told(done, total):
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(segment_sam2(2, scene.picture, [Point(0, 50, 48)], predictor, told))
    assert calls == [0, 0, 0]


@needs_package
def test_an_official_checkpoint_is_loaded_by_its_name(tmp_path):
    model = build(TINY)
    path = tmp_path / "sam2.1_hiera_tiny.pt"
    torch.save({"model": model.state_dict()}, path)
    loaded = load_predictor(path).model.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())


@needs_package
def test_a_checkpoint_under_the_name_of_another_is_refused(tmp_path):
    path = tmp_path / "sam2.1_hiera_tiny.pt"
    torch.save({"model": {"some.weight": torch.zeros(2)}}, path)
    with pytest.raises(InvalidInput, match="not those of configs"):
        load_predictor(path)


@needs_package
@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04cut"])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "sam2.1_hiera_tiny.pt"
    path.write_bytes(content)
    with pytest.raises(DataLoss, match="cannot be read"):
        load_predictor(path)


@needs_package
def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / "sam2.1_hiera_tiny.pt"
    torch.save({"model": Given(0, 1)}, path)
    with pytest.raises(DataLoss):
        load_predictor(path)


def test_a_checkpoint_of_unknown_name_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"model\.pt is no name of an official checkpoint") as refused:
        load_predictor(path)
    assert "sam2.1_hiera_large.pt" in refused.value.fix


def test_without_the_package_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sam2.build_sam", None)
    path = tmp_path / "sam2.1_hiera_large.pt"
    path.write_bytes(b"")
    with pytest.raises(PreconditionFailed, match="package sam2") as refused:
        load_predictor(path)
    assert "make sam2" in refused.value.fix
