# SPDX-License-Identifier: Apache-2.0
"""The segmenter sam2 on transformers, with a tiny model of random weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

from tests.segmenters.sam2_models import SIDE, RedDisc, tiny_model
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
from void_server.segmenters.sam2.tensors import Frames, mask, pixels, points_and_labels
from void_server.segmenters.sam2.transformers_predictor import TransformersPredictor

LONG = 30
"""More frames than the model looks back."""


@pytest.fixture(scope="module")
def predictor():
    return TransformersPredictor(tiny_model())


@pytest.fixture
def encoded(predictor):
    """Grows by one whenever the encoder runs."""
    calls = []
    hook = predictor.model.vision_encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    yield calls
    hook.remove()


def opened(predictor, scene):
    return predictor.opened(Shot(scene.frames, scene.size, scene.picture))


def official(model, scene, position, reverse):
    """Logits by position as transformers' own loop gives them with the whole shot in memory."""
    frames = Frames(Shot(scene.frames, scene.size, scene.picture), SIDE)
    video = torch.stack([frames[i] for i in range(scene.frames)])
    session = Sam2VideoInferenceSession(video=video, video_height=96, video_width=160, dtype=torch.float32)
    index = session.obj_id_to_idx(1)
    places = torch.tensor([[[[50 * SIDE / 160, 48 * SIDE / 96]]]])
    session.add_point_inputs(
        index, position, {"point_coords": places, "point_labels": torch.ones(1, 1, 1).int()}
    )
    session.obj_with_new_inputs = [1]
    model(session, frame_idx=position)
    loop = model.propagate_in_video_iterator(session, start_frame_idx=position, reverse=reverse)
    return {found.frame_idx: found.pred_masks[0, 0].numpy() for found in loop}


@pytest.mark.parametrize("reverse", [False, True])
def test_steps_are_those_of_the_official_loop(predictor, reverse):
    scene = RedDisc(frames=LONG, speed=2.0)
    start = LONG - 1 if reverse else 0
    expected = official(predictor.model, scene, start, reverse)
    shot = opened(predictor, scene)
    shot.condition(Given(start, 1, points=(Point(start, 50, 48),)))
    for position in range(LONG - 2, -1, -1) if reverse else range(1, LONG):
        np.testing.assert_array_equal(shot.step(1, position, reverse).logits, expected[position])


def test_a_long_shot_leaves_no_more_in_memory_than_the_model_reads(predictor):
    scene = RedDisc(frames=LONG)
    shot = opened(predictor, scene)
    shot.condition(Given(0, 1, points=(Point(0, 50, 48),)))
    for position in range(1, LONG):
        shot.step(1, position, reverse=False)
    (session,) = shot._sessions.values()
    assert len(session.output_dict_per_obj[0]["non_cond_frame_outputs"]) <= 17
    assert len(session.cache._vision_features) == 1


def test_points_boxes_and_mattes_of_several_objects_are_followed(predictor):
    scene = RedDisc()
    prompts = [Point(3, 74, 48), Box(5, 60, 30, 120, 70, object=2), Drawn(1, scene.matte(1), object=3)]
    found = list(segment_sam2(scene.frames, scene.picture, prompts, predictor))
    assert [f.position for f in found] == list(range(7))
    assert all(np.isfinite(f.matte).all() and 0 <= f.confidence <= 1 for f in found)


def test_the_encoder_runs_once_a_frame_and_sweep_for_all_objects(predictor, encoded):
    scene = RedDisc(frames=4)
    prompts = [Point(0, 50, 48), Point(0, 10, 10, object=2), Point(0, 90, 90, object=3)]
    list(segment_sam2(4, scene.picture, prompts, predictor))
    assert len(encoded) == 4


def test_the_same_prompts_give_the_same_bits(predictor):
    scene = RedDisc(frames=4)
    one, two = (list(segment_sam2(4, scene.picture, [Point(1, 58, 48)], predictor)) for _ in range(2))
    assert all(np.array_equal(a.matte, b.matte) for a, b in zip(one, two, strict=True))


def test_work_ends_within_the_encoder(predictor):
    calls, scene = [], RedDisc(frames=2)

    def told(done, total):
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(segment_sam2(2, scene.picture, [Point(0, 50, 48)], predictor, told))
    assert calls == [0, 0, 0]
    assert not any(part._forward_pre_hooks for part in predictor.model.vision_encoder.backbone.blocks)


def test_a_second_click_does_not_run_the_encoder(predictor, encoded):
    cache, picture = EmbeddingCache(predictor), RedDisc().picture(0)
    preview(picture, [Point(0, 50, 48)], cache)
    preview(picture.copy(), [Point(0, 50, 48), Point(0, 5, 5, positive=False)], cache)
    assert len(encoded) == 1


def test_another_picture_is_encoded_and_the_oldest_let_go(predictor, encoded):
    scene, cache = RedDisc(), EmbeddingCache(predictor, limit=2)
    for position in (0, 1, 0, 2, 0, 1):
        preview(scene.picture(position), [Point(0, 50, 48)], cache)
    assert len(cache) == 2 and len(encoded) == 4


def test_a_cached_picture_gives_the_same_matte(predictor):
    cache, picture = EmbeddingCache(predictor), RedDisc().picture(0)
    one, two = (preview(picture, [Box(0, 30, 30, 70, 70)], cache) for _ in range(2))
    assert np.array_equal(one, two)


def test_a_preview_is_the_matte_of_the_frame_alone(predictor):
    scene = RedDisc(frames=1)
    prompts = [Point(0, 50, 48), Box(0, 90, 20, 140, 70, object=2)]
    (whole,) = segment_sam2(1, scene.picture, prompts, predictor)
    assert np.array_equal(preview(scene.picture(0), prompts, EmbeddingCache(predictor)), whole.matte)


def test_a_preview_refuses_what_a_shot_refuses(predictor):
    with pytest.raises(InvalidInput, match="outside of the picture"):
        preview(RedDisc().picture(0), [Point(0, 500, 48)], EmbeddingCache(predictor))


def test_a_saved_model_is_loaded_from_its_folder(predictor, tmp_path):
    predictor.model.save_pretrained(tmp_path)
    picture = RedDisc().picture(0)
    found, expected = (
        preview(picture, [Point(0, 50, 48)], EmbeddingCache(p)) for p in (load_predictor(tmp_path), predictor)
    )
    assert np.array_equal(found, expected)


def test_a_folder_that_lacks_tensors_is_refused(predictor, tmp_path):
    predictor.model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(path).items() if "memory_encoder" not in name}
    save_file(kept, path, metadata={"format": "pt"})
    with pytest.raises(InvalidInput, match=r"lacks \d+ tensors .* memory_encoder"):
        load_predictor(tmp_path)


def test_a_cut_checkpoint_is_refused(predictor, tmp_path):
    predictor.model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(DataLoss, match="cannot be read"):
        load_predictor(tmp_path)


def test_tensors_of_another_shape_are_refused(predictor, tmp_path):
    predictor.model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    tensors["no_memory_embedding"] = torch.zeros(1, 1, 7)
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(InvalidInput, match="do not have the shapes"):
        load_predictor(tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(OSError):
        load_predictor(tmp_path)


def test_a_checkpoint_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PreconditionFailed, match="no checkpoint of SAM2"):
        load_predictor(tmp_path / "sam2.1_hiera_large.pt")


def test_a_picture_is_scaled_to_the_models_square_and_normalised():
    picture = np.zeros((90, 160, 3), np.float32)
    picture[:, 80:] = (1, 2, np.nan)
    found = pixels(picture, 32)
    assert found.shape == (3, 32, 32)
    assert found[:, 0, 0].tolist() == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])
    assert found[:, 0, -1].tolist() == pytest.approx([0.515 / 0.229, 0.544 / 0.224, -0.406 / 0.225])


def test_a_box_is_two_points_before_the_others():
    given = Given(0, 1, points=(Point(0, 80, 45), Point(0, 0, 0, positive=False)), box=Box(0, 0, 0, 160, 90))
    places, labels = points_and_labels(given, (90, 160), 64)
    assert places.tolist() == [[0, 0], [64, 64], [32, 32], [0, 0]]
    assert labels.tolist() == [2, 3, 1, 0]


def test_what_is_too_thin_for_the_models_picture_still_is_in_its_mask():
    matte = np.zeros((900, 1600), np.float32)
    matte[450, 800] = 1
    assert mask(matte, 32).sum() >= 1 and not mask(np.zeros_like(matte), 32).any()
