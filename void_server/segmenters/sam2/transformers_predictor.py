# SPDX-License-Identifier: Apache-2.0
"""SAM2 in transformers' Sam2VideoModel, without its processors, which need torchvision.

Each object has a session of its own: in one session for all, an object that is prompted later than another would be
followed on frames of which nothing is known yet. The picture's features are shared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import Sam2VideoModel
from transformers.models.sam2_video.modeling_sam2_video import (
    Sam2VideoInferenceCache,
    Sam2VideoInferenceSession,
)

from void_server.errors import DataLoss, InvalidInput
from void_server.segmenters.sam2.predictor import Seen, Shot
from void_server.segmenters.sam2.prompts import Given
from void_server.segmenters.sam2.tensors import Frames, interruptible, mask, points_and_labels


class TransformersPredictor:
    """A `VideoPredictor` on transformers, in float32."""

    def __init__(self, model: Sam2VideoModel) -> None:
        self.model = model.eval().requires_grad_(False)

    @staticmethod
    def load(folder: Path, device: str = "cpu") -> TransformersPredictor:
        """The model in a folder with config.json and safetensors; nothing is fetched.

        Raises:
            OSError: a file is missing or cannot be read.
            InvalidInput: the folder holds another model, or not all of this one.
            DataLoss: the tensors are damaged.
        """
        model, report = _read(folder)
        missing = sorted(report["missing_keys"])
        if missing:
            raise InvalidInput(
                f"The checkpoint lacks {len(missing)} tensors of SAM2's video model, such as {missing[0]}.",
                fix="Give a folder such as facebook/sam2.1-hiera-large, whole.",
                file=str(folder),
            )
        return TransformersPredictor(model.to(device))

    def opened(self, shot: Shot, embedding: object | None = None) -> _Opened:
        """See `VideoPredictor`."""
        return _Opened(self.model, shot, embedding)


def _read(folder: Path) -> Any:
    """The model, and transformers' report of what did not fit."""
    try:
        return Sam2VideoModel.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except SafetensorError as error:
        raise DataLoss(
            f"The checkpoint cannot be read: {error}", fix="Copy or fetch it again, whole.", file=str(folder)
        ) from error
    except RuntimeError as error:
        raise InvalidInput(
            f"The tensors of the checkpoint do not have the shapes that its config.json says: {str(error)[:300]}",
            fix="Give config.json and the tensors of one model.",
            file=str(folder),
        ) from error


class _Opened:
    """See `OpenedShot`."""

    def __init__(self, model: Sam2VideoModel, shot: Shot, embedding: object | None) -> None:
        self._model, self._shot = model, shot
        self._side = int(model.config.image_size)
        self._reach = max(model.config.num_maskmem, model.config.max_object_pointers_in_encoder)
        self._features = embedding or Sam2VideoInferenceCache(model.device, model.device)
        self._sessions: dict[int, Any] = {}

    @property
    def embedding(self) -> object:
        return self._features

    def condition(self, given: Given, remember: bool = True) -> Seen:
        session = self._sessions.setdefault(given.object, self._new_session())
        index = session.obj_id_to_idx(given.object)
        if given.matte is not None:
            session.add_mask_inputs(index, given.position, mask(given.matte, self._side))
        else:
            points, labels = points_and_labels(given, self._shot.size, self._side)
            told = {"point_coords": points[None, None], "point_labels": labels[None, None]}
            session.add_point_inputs(index, given.position, told)
        session.obj_with_new_inputs = [given.object]
        return self._run(session, given.position, reverse=False, remember=remember)

    def step(self, name: int, position: int, reverse: bool) -> Seen:
        session = self._sessions[name]
        found = self._run(session, position, reverse, remember=True)
        # The model reads no older ones.
        past = position + self._reach + 1 if reverse else position - self._reach - 1
        session.output_dict_per_obj[0]["non_cond_frame_outputs"].pop(past, None)
        return found

    def forget(self) -> None:
        for session in self._sessions.values():
            session.output_dict_per_obj[0]["non_cond_frame_outputs"].clear()
            session.frames_tracked_per_obj[0].clear()

    def _new_session(self) -> Any:
        session = Sam2VideoInferenceSession(
            video_height=self._shot.size[0],
            video_width=self._shot.size[1],
            inference_device=self._model.device,
            inference_state_device=self._model.device,
            dtype=torch.float32,
        )
        session.processed_frames = Frames(self._shot, self._side)
        session.cache = self._features
        return session

    def _run(self, session: Any, position: int, reverse: bool, remember: bool) -> Seen:
        with interruptible(self._model.vision_encoder.backbone.blocks, self._shot.alive):
            found = self._model(session, frame_idx=position, reverse=reverse, run_mem_encoder=remember)
        logits = found.pred_masks[0, 0].to("cpu", torch.float32).numpy()
        return Seen(np.asarray(logits, np.float32), float(found.object_score_logits.flatten()[0]))
