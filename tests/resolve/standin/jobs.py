# SPDX-License-Identifier: Apache-2.0
"""Jobs of the render queue, and how one runs: one step a question (facts, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.resolve.standin.renderer import individual_clip, single_clip

STATUS = {
    "en": {
        "ready": "Ready",
        "rendering": "Rendering",
        "complete": "Complete",
        "cancelled": "Cancelled",
        "failed": "Failed",
    },
    "pt": {
        "ready": "Pronto",
        "rendering": "Renderizando",
        "complete": "Concluido",
        "cancelled": "Cancelado",
        "failed": "Falhou",
    },
    "es": {
        "ready": "Listo",
        "rendering": "Renderizando",
        "complete": "Finalizado",
        "cancelled": "Cancelado",
        "failed": "Error",
    },
    "ja": {
        "ready": "準備完了",
        "rendering": "レンダリング中",
        "complete": "完了",
        "cancelled": "キャンセル",
        "failed": "失敗",
    },
}
ERROR = {
    "en": "The clip could not be decoded.",
    "pt": "Não foi possível decodificar o clipe.",
    "es": "No se pudo decodificar el clip.",
    "ja": "クリップをデコードできませんでした。",
}
STEPS = (0, 37, 100)
"""The percentages that a job goes through."""


@dataclass
class Job:
    """A job as it was added: later changes of the settings are none of its business."""

    timeline: Any
    settings: dict[str, Any]
    format: str
    codec: str
    mode: int
    foreign: bool = False
    status: str = "ready"
    percent: int = 0
    error: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))
    started: int = 0

    def range(self) -> tuple[int, int]:
        """First and last frame, both rendered (R08d)."""
        if self.settings["SelectAllFrames"] or self.settings["MarkIn"] is None:
            return self.timeline.start, self.timeline.last() - 1
        return self.settings["MarkIn"], self.settings["MarkOut"]

    def name(self) -> str:
        """Resolve parts digits at the end of the name from the frame's number (R08e)."""
        name = self.settings["CustomName"] or self.timeline.name
        return name + "_" if name[-1:].isdigit() else name

    def listed(self, number: int) -> dict[str, Any]:
        """The row of GetRenderJobList."""
        first, last = self.range()
        return {
            "JobId": self.id,
            "RenderJobName": f"Job {number}",
            "TimelineName": self.timeline.name,
            "TargetDir": self.settings["TargetDir"],
            "OutputFilename": self.name(),
            "MarkIn": first,
            "MarkOut": last,
            "FormatWidth": self.settings["FormatWidth"],
            "FormatHeight": self.settings["FormatHeight"],
            "VideoFormat": self.format,
            "VideoCodec": self.codec,
            "RenderMode": self.mode,
            "IsExportVideo": self.settings["ExportVideo"],
        }

    def state(self) -> tuple[Any, ...]:
        """What must stay as it was when the job is somebody else's."""
        return self.id, self.status, self.percent, self.started, tuple(sorted(self.settings.items(), key=str))

    def files(self, faults: frozenset[str]) -> list[tuple[Path, Any, int]]:
        """Each file that the job will write, with the item (None: the timeline) and the frame."""
        folder = Path(self.settings["TargetDir"])
        if "nested_folder" in faults:
            folder = folder / self.timeline.name
        first, last = self.range()
        if self.mode == 1:
            return [
                (folder / f"{self.name()}{frame:08d}.exr", None, frame) for frame in range(first, last + 1)
            ]
        return [
            (folder / f"{self.name()}{item.name}_{item.source_frame(frame):08d}.exr", item, frame)
            for track in self.timeline.tracks["video"]
            if track.enabled
            for item in track.items
            if item.enabled and item.clip and item.clip.media
            for frame in range(max(first, item.start), min(last + 1, item.end))
        ]

    def write(self, share: slice, faults: frozenset[str]) -> list[tuple[Path, Any, int]]:
        """Write this share of the files; gives those that are late."""
        if not self.settings["ExportVideo"] or self.format != "exr":
            return []
        files = self.files(faults)
        if "missing_frame" in faults:
            files[len(files) // 2 : len(files) // 2 + 1] = [None]
        late = [files.pop()] if "late_file" in faults else []
        for file in files[share]:
            if file is not None:
                self.write_file(file, faults)
        return late

    def write_file(self, file: tuple[Path, Any, int], faults: frozenset[str]) -> None:
        path, item, frame = file
        if item is None:
            single_clip(self, frame, path, faults)
        else:
            individual_clip(self, item, frame, path, faults)
