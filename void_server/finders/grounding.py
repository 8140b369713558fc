# SPDX-License-Identifier: Apache-2.0
"""The finder `grounding`: Grounding DINO from a local folder, in transformers without its processors, which need
torchvision.

A phrase counts as seen in a box by the most that one of its words does; each gets its best box on a frame, if that is
good enough. So a phrase finds one thing a frame: of several alike, one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModelForZeroShotObjectDetection, AutoTokenizer

from void_server.errors import DataLoss, InvalidInput
from void_server.finders.protocol import F32, Finder, Found, FoundBox, FoundObject

MODELS = ("grounding-dino", "mm-grounding-dino")
"""Kinds of models, as config.json calls them."""
FRAMES = 5
"""Frames that are looked at, spread over the shot."""
SHORTEST, LONGEST = 800, 1333
"""Sides in pixels that the published models look at, unless the folder says otherwise."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours that they were trained on (ImageNet)."""

Step = Callable[[int, int], None]


@dataclass(frozen=True)
class Looks:
    """How a picture is made ready.

    Attributes:
        shortest, longest: sides in pixels; the shorter side is brought to `shortest` unless the longer would pass
            `longest`.
        mean, deviation: of red, green and blue.
    """

    shortest: int = SHORTEST
    longest: int = LONGEST
    mean: tuple[float, ...] = MEAN
    deviation: tuple[float, ...] = DEVIATION

    def of(self, picture: F32) -> F32:
        """(3, h, w) float32 from (H, W, 3) display-like 0..1; what is no number is black."""
        height, width = picture.shape[:2]
        share = min(self.shortest / min(height, width), self.longest / max(height, width))
        size = max(1, int(width * share + 1e-6)), max(1, int(height * share + 1e-6))
        clean = np.clip(np.nan_to_num(picture, nan=0, posinf=1, neginf=0), 0, 1).astype(np.float32)
        kind = cv2.INTER_AREA if share < 1 else cv2.INTER_LINEAR
        resized = np.asarray(cv2.resize(clean, size, interpolation=kind), np.float32)
        normal = (resized - np.asarray(self.mean, np.float32)) / np.asarray(self.deviation, np.float32)
        return np.ascontiguousarray(normal.transpose(2, 0, 1), np.float32)


class GroundingModel:
    """A model with its tokenizer, in float32."""

    def __init__(self, model: Any, tokenizer: Any, looks: Looks) -> None:
        self._model = model.eval().requires_grad_(False)
        self._tokenizer = tokenizer
        self._looks = looks

    @staticmethod
    def load(folder: Path, device: str = "cpu") -> GroundingModel:
        """The model in a folder with config.json, safetensors and a tokenizer; nothing is fetched, and no code of the
        folder is run.

        Raises:
            OSError: a file is missing or cannot be read.
            InvalidInput: the folder holds another model, or not all of this one.
            DataLoss: the tensors are damaged.
        """
        _check_kind(folder)
        model, report = _read(folder)
        missing = sorted(report["missing_keys"])
        if missing:
            raise InvalidInput(
                f"The grounding model lacks {len(missing)} tensors, such as {missing[0]}.",
                fix="Give a folder such as IDEA-Research/grounding-dino-tiny, whole.",
                file=str(folder),
            )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return GroundingModel(model.to(device), tokenizer, _looks(folder))

    def look(self, picture: F32, phrases: Sequence[str]) -> tuple[F32, F32]:
        """How much each phrase is seen in each box: (boxes, phrases) float32 0..1; and the boxes, (boxes, 4) float32:
        left, top, right and bottom as shares of the picture.

        Raises:
            InvalidInput: the phrases are more words than the model reads.
        """
        text, spans = _joined(phrases)
        read = self._tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
        places = read.pop("offset_mapping")[0].tolist()
        if len(places) > self._model.config.max_text_len:
            raise InvalidInput(
                f"{len(phrases)} phrases are more words than the grounding model reads at once.",
                fix="Look for fewer things at a time.",
            )
        tokens = [
            [k for k, (a, b) in enumerate(places) if a >= first and first < b <= end] for first, end in spans
        ]
        pixels = torch.from_numpy(self._looks.of(picture))[None].to(self._model.device)
        mask = torch.ones(pixels.shape[0], *pixels.shape[2:], dtype=torch.long, device=pixels.device)
        with torch.inference_mode():
            seen = self._model(pixel_values=pixels, pixel_mask=mask, **read.to(self._model.device))
        words = torch.sigmoid(seen.logits[0].float()).cpu().numpy()
        x, y, width, height = seen.pred_boxes[0].float().cpu().numpy().T
        edges = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
        scores = np.stack([words[:, t].max(axis=1) if t else np.zeros(len(words)) for t in tokens], axis=1)
        return scores.astype(np.float32), np.clip(edges, 0, 1).astype(np.float32)


def grounding_finder(model: GroundingModel, phrases: Sequence[str], least_score: float, step: Step) -> Finder:
    """Looks for phrases on a few frames.

    Args:
        phrases: at least one.
        least_score: 0..1, below which a box does not count.
        step: told of frames; it may raise to end the work.
    """

    def find(frames: Sequence[int], pictures: Callable[[int], F32]) -> Found:
        shown = sorted({round(float(k)) for k in np.linspace(0, len(frames) - 1, min(FRAMES, len(frames)))})
        boxes: dict[str, list[FoundBox]] = {phrase: [] for phrase in phrases}
        best: dict[str, float] = dict.fromkeys(phrases, 0.0)
        for done, position in enumerate(shown):
            step(done, len(shown))
            scores, edges = model.look(pictures(position), phrases)
            for column, phrase in enumerate(phrases):
                row = int(scores[:, column].argmax())
                score, place = float(scores[row, column]), [float(edge) for edge in edges[row]]
                best[phrase] = max(best[phrase], score)
                if score >= least_score and place[0] < place[2] and place[1] < place[3]:
                    boxes[phrase].append(FoundBox(frames[position], *place))
        found = tuple(FoundObject(phrase, tuple(boxes[phrase])) for phrase in phrases if boxes[phrase])
        scores_told = {phrase: round(score, 4) for phrase, score in best.items()}
        return Found(found, {"looked_at": [frames[p] for p in shown], "best_scores": scores_told})

    return find


def _joined(phrases: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text as the model reads phrases, each ended by a full stop, and where each phrase begins and ends in it."""
    text, spans = "", []
    for phrase in phrases:
        spans.append((len(text), len(text) + len(phrase)))
        text += f"{phrase}. "
    return text.rstrip(), spans


def _check_kind(folder: Path) -> None:
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type", "")
    except (ValueError, AttributeError) as error:
        raise InvalidInput(
            f"config.json of the grounding model cannot be read: {error}.", fix=_FIX, file=str(folder)
        ) from None
    if kind not in MODELS:
        raise InvalidInput(
            f"{folder} holds a model of the kind {str(kind)[:80]!r}, not one of {', '.join(MODELS)}.",
            fix=_FIX,
            file=str(folder),
        )


_FIX = "Give a folder such as IDEA-Research/grounding-dino-tiny."


def _read(folder: Path) -> Any:
    """The model, and transformers' report of what did not fit."""
    try:
        return AutoModelForZeroShotObjectDetection.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except SafetensorError as error:
        raise DataLoss(
            f"The grounding model cannot be read: {error}",
            fix="Copy or fetch it again, whole.",
            file=str(folder),
        ) from error
    except RuntimeError as error:
        raise InvalidInput(
            f"The tensors of the grounding model do not have the shapes that its config.json says: {str(error)[:300]}",
            fix="Give config.json and the tensors of one model.",
            file=str(folder),
        ) from error


def _looks(folder: Path) -> Looks:
    """What the folder's preprocessor_config.json says; the published models' values where it says nothing."""
    try:
        told = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
        size = told.get("size") or {}
        return Looks(
            int(size.get("shortest_edge", SHORTEST)),
            int(size.get("longest_edge", LONGEST)),
            tuple(float(v) for v in told.get("image_mean", MEAN)),
            tuple(float(v) for v in told.get("image_std", DEVIATION)),
        )
    except FileNotFoundError:
        return Looks()
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"preprocessor_config.json of the grounding model cannot be read: {error}.",
            fix=_FIX,
            file=str(folder),
        ) from None
