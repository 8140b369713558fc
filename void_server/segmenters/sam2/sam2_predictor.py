# SPDX-License-Identifier: Apache-2.0
"""SAM2 in Meta's package `sam2`, which reads the official checkpoints (`sam2.1_hiera_large.pt`).

Its `init_state` reads a folder of JPEGs into memory and its `propagate_in_video` leaves out frame 0 when asked for it
alone, backward, so the state is made here, with frames that are read one at a time, and stepped through with what
`propagate_in_video` calls itself. As in `transformers_predictor`, each object has a state of its own.
"""

from __future__ import annotations

import importlib
import pickle
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from void_server.errors import DataLoss, InvalidInput
from void_server.segmenters.sam2.predictor import Seen, Shot
from void_server.segmenters.sam2.prompts import Given
from void_server.segmenters.sam2.tensors import Frames, interruptible, mask, points_and_labels

SIZES = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}
CONFIGURATIONS = {
    f"{release}_hiera_{size}.pt": f"configs/{release}/{release}_hiera_{short}.yaml"
    for release in ("sam2.1", "sam2")
    for size, short in SIZES.items()
}
"""The package's configuration of each official checkpoint (`HF_MODEL_ID_TO_FILENAMES` of build_sam.py)."""


def build(configuration: str, device: str = "cpu", overrides: Sequence[str] = ()) -> Any:
    """A model of the package with random weights.

    Args:
        configuration: one of `CONFIGURATIONS`.
        device: where it computes.
        overrides: changes of the configuration, as hydra writes them.

    Raises:
        ImportError: the package is not there.
    """
    builder = importlib.import_module("sam2.build_sam")
    model = builder.build_sam2_video_predictor(
        configuration, ckpt_path=None, device=device, hydra_overrides_extra=list(overrides)
    )
    # Needs a CUDA extension that is not built; without it there is a warning for every frame.
    model.fill_hole_area = 0
    return model.eval().requires_grad_(False)


class Sam2Predictor:
    """A `VideoPredictor` on the package `sam2`, in float32."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @staticmethod
    def load(checkpoint: Path, device: str = "cpu") -> Sam2Predictor:
        """The model of an official checkpoint, which is told by the file's name.

        Raises:
            ImportError: the package is not there.
            InvalidInput: no official checkpoint has this name, or its tensors are not the model's.
            DataLoss: the file is damaged, or holds more than tensors.
            OSError: it cannot be read.
        """
        configuration = CONFIGURATIONS.get(checkpoint.name)
        if configuration is None:
            raise InvalidInput(
                f"{checkpoint.name} is no name of an official checkpoint.",
                fix=f"Name it as it was published: {', '.join(CONFIGURATIONS)}.",
                file=str(checkpoint),
            )
        model = build(configuration)
        tensors = _tensors(checkpoint)
        try:
            model.load_state_dict(tensors)
        except RuntimeError as error:
            raise InvalidInput(
                f"The tensors of {checkpoint.name} are not those of {configuration}: {str(error)[:300]}",
                fix="Give the checkpoint under the name that it was published with.",
                file=str(checkpoint),
            ) from error
        return Sam2Predictor(model.to(device))

    def opened(self, shot: Shot, embedding: object | None = None) -> _Opened:
        """See `VideoPredictor`."""
        return _Opened(self.model, shot, embedding)


def _tensors(checkpoint: Path) -> dict[str, Any]:
    try:
        found = torch.load(checkpoint, map_location="cpu", weights_only=True)["model"]
    except (RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise DataLoss(
            f"The checkpoint cannot be read: {str(error)[:300]}",
            fix="Fetch it again: void-server weights verify sam2 tells whether it is whole.",
            file=str(checkpoint),
        ) from error
    if not isinstance(found, dict):
        raise DataLoss("The checkpoint holds no tensors.", fix="Fetch it again.", file=str(checkpoint))
    return found


class _Opened:
    """See `OpenedShot`."""

    def __init__(self, model: Any, shot: Shot, embedding: object | None) -> None:
        self._model, self._shot = model, shot
        self._side = int(model.image_size)
        self._reach = max(model.num_maskmem, model.max_obj_ptrs_in_encoder)
        self._features: Any = embedding or {}
        self._states: dict[int, dict[str, Any]] = {}

    @property
    def embedding(self) -> object:
        return self._features

    def condition(self, given: Given, remember: bool = True) -> Seen:
        state = self._states.setdefault(given.object, self._new_state())
        state["cached_features"] = self._features
        with interruptible(self._model.image_encoder.trunk.blocks, self._shot.alive):
            self._add(state, given)
        self._features = state["cached_features"]
        out = state["temp_output_dict_per_obj"][0]["cond_frame_outputs"][given.position]
        if remember:
            self._remember(state)
        return _seen(out)

    def step(self, name: int, position: int, reverse: bool) -> Seen:
        state = self._states[name]
        state["cached_features"] = self._features
        outputs = state["output_dict_per_obj"][0]
        blocks = self._model.image_encoder.trunk.blocks
        with torch.inference_mode(), interruptible(blocks, self._shot.alive):
            found, _ = self._model._run_single_frame_inference(
                inference_state=state,
                output_dict=outputs,
                frame_idx=position,
                batch_size=1,
                is_init_cond_frame=False,
                point_inputs=None,
                mask_inputs=None,
                reverse=reverse,
                run_mem_encoder=True,
            )
        self._features = state["cached_features"]
        outputs["non_cond_frame_outputs"][position] = found
        # The model reads no older ones.
        past = position + self._reach + 1 if reverse else position - self._reach - 1
        outputs["non_cond_frame_outputs"].pop(past, None)
        return _seen(found)

    def forget(self) -> None:
        for state in self._states.values():
            state["output_dict_per_obj"][0]["non_cond_frame_outputs"].clear()

    def _add(self, state: dict[str, Any], given: Given) -> None:
        if given.matte is not None:
            drawn = mask(given.matte, self._side)[0, 0]
            self._model.add_new_mask(state, given.position, given.object, drawn)
            return
        points, labels = points_and_labels(given, self._shot.size, self._side)
        # Scaled back to 0..1, for the package scales by the model's picture again.
        self._model.add_new_points_or_box(
            state, given.position, given.object, points / self._side, labels, normalize_coords=False
        )

    def _remember(self, state: dict[str, Any]) -> None:
        """Encodes what was prompted into memory; the picture's features are still there."""
        self._model.propagate_in_video_preflight(state)
        self._features = state["cached_features"]

    def _new_state(self) -> dict[str, Any]:
        """What `init_state` makes, with frames that are read when they are needed. Results are kept at the model's
        size: at the plate's, prompting a 4K frame would cost more than the model.
        """
        device = self._model.device
        return {
            "images": Frames(self._shot, self._side),
            "num_frames": self._shot.frames,
            "offload_video_to_cpu": True,
            "offload_state_to_cpu": False,
            "video_height": self._side // 4,
            "video_width": self._side // 4,
            "device": device,
            "storage_device": device,
            "point_inputs_per_obj": {},
            "mask_inputs_per_obj": {},
            "cached_features": {},
            "constants": {},
            "obj_id_to_idx": OrderedDict(),
            "obj_idx_to_id": OrderedDict(),
            "obj_ids": [],
            "output_dict_per_obj": {},
            "temp_output_dict_per_obj": {},
            "frames_tracked_per_obj": {},
        }


def _seen(out: dict[str, Any]) -> Seen:
    logits = out["pred_masks"][0, 0].to("cpu", torch.float32).numpy()
    return Seen(np.asarray(logits, np.float32), float(out["object_score_logits"].flatten()[0]))
