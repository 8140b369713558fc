# SPDX-License-Identifier: Apache-2.0
"""The local text-grounding model, with random weights: what it reads, what it refuses, what becomes of its boxes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.finders.tiny_grounding import write_tiny_grounding
from void_server.errors import DataLoss, InvalidInput
from void_server.finders.grounding import FRAMES, GroundingModel, Looks, grounding_finder

PICTURE = np.random.default_rng(2).random((72, 96, 3), np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_tiny_grounding(tmp_path_factory.mktemp("grounding"))


@pytest.fixture(scope="module")
def model(folder) -> GroundingModel:
    return GroundingModel.load(folder)


@pytest.fixture
def own(folder, tmp_path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(folder, tmp_path / "own"))


class Stand:
    """A model that says what a test gives it, one frame after another."""

    def __init__(self, *answers: tuple[list[list[float]], list[list[float]]]) -> None:
        self.answers = list(answers)

    def look(self, picture, phrases):
        scores, boxes = self.answers.pop(0)
        return np.float32(scores), np.float32(boxes)


def no_step(done: int, total: int) -> None:
    """Nobody watches."""


def test_every_phrase_has_a_score_for_every_box_of_the_picture(model):
    scores, boxes = model.look(PICTURE, ["coffee cup", "saucer"])
    assert scores.shape == (10, 2) and boxes.shape == (10, 4)
    assert (scores >= 0).all() and (scores <= 1).all() and (boxes >= 0).all() and (boxes <= 1).all()


def test_a_phrase_is_scored_by_its_own_words(model, monkeypatch):
    class Sees:
        """Two boxes: one for the piece "##s" of "cups", one for "saucer"."""

        config, device = model._model.config, "cpu"

        def __call__(self, **_):
            self.logits = torch.full((1, 2, 256), -9.0)
            self.logits[0, 0, 3] = self.logits[0, 1, 5] = 9.0
            self.pred_boxes = torch.tensor([[[0.5, 0.5, 0.2, 0.2], [0.1, 0.5, 0.4, 1.0]]])
            return self

    monkeypatch.setattr(model, "_model", Sees())
    scores, edges = model.look(PICTURE, ["coffee cups", "saucer"])
    assert np.allclose(scores, [[1, 0], [0, 1]], atol=0.01)
    assert np.allclose(edges, [[0.4, 0.4, 0.6, 0.6], [0, 0, 0.3, 1]])


def test_more_words_than_the_model_reads_are_refused(model):
    with pytest.raises(InvalidInput, match="more words"):
        model.look(PICTURE, ["cup " * 300])


def test_a_picture_is_brought_to_the_folder_s_size_and_colours(model):
    assert model._looks == Looks(64, 96)
    assert Looks().of(np.zeros((540, 960, 3), np.float32)).shape == (3, 749, 1333)
    plain = Looks(64, 96, (0.5,) * 3, (0.25,) * 3).of(np.full((32, 32, 3), 0.75, np.float32))
    assert plain.shape == (3, 64, 64) and np.allclose(plain, 1)


def test_a_picture_looks_as_transformers_own_processor_makes_it():
    pil = pytest.importorskip("transformers.models.grounding_dino.image_processing_pil_grounding_dino")
    theirs = pil.GroundingDinoImageProcessorPil()(np.uint8(PICTURE * 255), return_tensors="np")[
        "pixel_values"
    ][0]
    ours = Looks().of((np.uint8(PICTURE * 255) / np.float32(255)).astype(np.float32))
    assert ours.shape == theirs.shape and np.abs(ours - theirs).mean() < 0.05


def test_the_best_box_of_each_phrase_counts_where_it_is_good_enough():
    stand = Stand(([[0.2, 0.9], [0.6, 0.1]], [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]))
    found = grounding_finder(stand, ["cup", "saucer"], 0.35, no_step)([1001], lambda _: PICTURE)
    boxes = {thing.name: [(b.frame, b.left, b.right) for b in thing.boxes] for thing in found.objects}
    assert boxes == {"cup": [(1001, 0.5, 1.0)], "saucer": [(1001, 0.0, 0.5)]}


def test_a_frame_on_which_no_box_is_good_enough_is_left_out_and_a_phrase_without_boxes_too():
    box = [[0.1, 0.1, 0.2, 0.2]]
    stand = Stand(([[0.5, 0.1]], box), ([[0.34, 0.2]], box))
    found = grounding_finder(stand, ["cup", "saucer"], 0.35, no_step)([1001, 1002], lambda _: PICTURE)
    assert [(o.name, [b.frame for b in o.boxes]) for o in found.objects] == [("cup", [1001])]
    assert found.papers["best_scores"] == {"cup": 0.5, "saucer": 0.2}


def test_frames_are_spread_over_the_shot_and_the_work_can_be_ended_between_them():
    box, told = [[0.1, 0.1, 0.2, 0.2]], []
    stand = Stand(*[([[0.9]], box)] * FRAMES)
    frames = range(1001, 1042)
    found = grounding_finder(stand, ["cup"], 0.35, lambda *s: told.append(s))(frames, lambda _: PICTURE)
    assert [b.frame for b in found.objects[0].boxes] == [1001, 1011, 1021, 1031, 1041]
    assert told == [(k, FRAMES) for k in range(FRAMES)]


def test_a_folder_with_another_model_is_refused(own):
    (own / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InvalidInput, match="of the kind 'bert'"):
        GroundingModel.load(own)


def test_tensors_that_are_not_safetensors_are_never_read(own):
    (own / "model.safetensors").unlink()
    torch.save({}, own / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        GroundingModel.load(own)


def test_damaged_tensors_are_said_to_be_damaged(own):
    (own / "model.safetensors").write_bytes((own / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(DataLoss, match="cannot be read"):
        GroundingModel.load(own)
