# SPDX-License-Identifier: Apache-2.0
"""The Deliver page's half of a project: settings, presets and the queue (facts, section 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.resolve.standin.calls import Gate
from tests.resolve.standin.compositions import Unrooted
from tests.resolve.standin.jobs import ERROR, STATUS, STEPS, Job
from tests.resolve.standin.versions import number, render_keys

CODECS = tuple(
    f"RGB{kind}{method}" for kind in ("Half", "Float") for method in ("", "RLE", "ZIP", "PIZ", "DWAA", "DWAB")
)
FORMATS = {"EXR": "exr", "QuickTime": "mov", "TIFF": "tif"}
DEFAULTS: dict[str, Any] = {
    "SelectAllFrames": True,
    "MarkIn": None,
    "MarkOut": None,
    "TargetDir": "",
    "CustomName": "",
    "ExportVideo": True,
    "ExportAudio": True,
    "FormatWidth": 0,
    "FormatHeight": 0,
    "ExportAlpha": False,
    "AlphaMode": 0,
}
OF_A_JOB = frozenset({"SelectAllFrames", "MarkIn", "MarkOut", "TargetDir", "CustomName"})
"""What every job sets anew, so that nobody misses what was there before."""

FLAGS = frozenset(
    {"SelectAllFrames", "ExportVideo", "ExportAudio", "ExportAlpha", "UseFullExtents", "NetworkOptimization"}
)
WHOLE = frozenset({"FormatWidth", "FormatHeight", "MarkIn", "MarkOut", "AddFrameHandles", "ClipStartFrame"})


def label(codec: str, version: str) -> str:
    """A codec's description, which changes with the version; its id does not (R04d)."""
    kind, method = ("half", codec[7:]) if codec.startswith("RGBHalf") else ("float", codec[8:])
    if number(version) >= number("21.0"):
        return f"RGB {kind.title()} {method}".strip()
    if number(version) >= number("20.0"):
        return f"RGB {kind} ({method or 'Uncompressed'})"
    return f"RGB {kind} ({method} Compression)" if method else f"RGB {kind}"


class RenderQueue:
    """What a project answers to a script that renders."""

    gate: Gate
    resolve: Any
    current: Any
    language: str

    def prepare_queue(self) -> None:
        self.render_settings = dict(DEFAULTS)
        self.render_format = ("mov", "ProRes422HQ")
        self.render_mode = 0
        self.presets: dict[str, tuple[Any, ...]] = {}
        self.jobs: list[Job] = []
        self.running: list[Job] = []
        self.late: list[tuple[float, Job, Any]] = []
        self.quits_at: tuple[int, str] | None = None
        self.clock = 0.0
        if "video_off" in self.gate.faults:
            self.render_settings["ExportVideo"] = False

    def rendering(self) -> bool:
        return bool(self.running)

    def GetRenderFormats(self):
        return {} if "no_formats" in self.gate.faults else dict(FORMATS)

    def GetRenderCodecs(self, render_format):
        """Descriptions to ids (R04a)."""
        if "no_codecs" in self.gate.faults:
            return {}
        if render_format.lower() == "exr":
            return {label(codec, self.gate.version): codec for codec in CODECS}
        return {"Apple ProRes 422 HQ": "ProRes422HQ"} if render_format in ("mov", "QuickTime") else {}

    def GetCurrentRenderFormatAndCodec(self):
        render_format, codec = self.render_format
        return {"format": render_format, "codec": codec}

    def SetCurrentRenderFormatAndCodec(self, render_format, codec):
        """Wants the id, and rejects the description (R04b)."""
        if codec not in self.GetRenderCodecs(render_format).values():
            return False
        if codec == "RGBHalfZIP" and "codec_refused" in self.gate.faults:
            return False
        set_to = "RGBHalf" if "codec_reads_back" in self.gate.faults else codec
        self.render_format = (FORMATS.get(render_format, render_format), set_to)
        return True

    def GetCurrentRenderMode(self):
        return self.render_mode

    def SetCurrentRenderMode(self, mode):
        if mode not in (0, 1) or (mode == 1 and "clip_filtering" in self.gate.faults):
            return False
        self.render_mode = mode
        return True

    def SetRenderSettings(self, settings):
        """All of it or nothing (R05a), on top of what was there (R05b)."""
        if not isinstance(settings, dict) or not settings:
            return False
        merged = {**self.render_settings, **settings}
        if not all(self._valid(key, value, merged) for key, value in settings.items()):
            return False
        if len(settings) > 1 and not self.render_settings["ExportVideo"]:
            settings = {key: value for key, value in settings.items() if key != "ExportVideo"}
        self.render_settings.update(settings)
        if "MarkIn" in settings and "MarkOut" in settings:
            self.current.marks["video"] = (int(settings["MarkIn"]), int(settings["MarkOut"]))
        return True

    def _valid(self, key: str, value: Any, merged: dict[str, Any]) -> bool:
        if key not in render_keys(self.gate.version):
            return False
        if key in FLAGS:
            return isinstance(value, bool)
        if key in WHOLE and (not isinstance(value, int) or isinstance(value, bool)):
            return False
        rules: dict[str, Callable[[], bool]] = {
            "TargetDir": lambda: isinstance(value, str) and Path(value).is_dir(),
            "CustomName": lambda: isinstance(value, str) and "/" not in value,
            "AlphaMode": lambda: value in (0, 1) and merged["ExportAlpha"],
            "MarkIn": lambda: self._in_range(value) and value <= merged["MarkOut"],
            "MarkOut": lambda: self._in_range(value),
            "FormatWidth": lambda: value > 0,
            "FormatHeight": lambda: value > 0,
        }
        return rules[key]() if key in rules else True

    def _in_range(self, frame: int) -> bool:
        return self.current is not None and self.current.start <= frame < self.current.last()

    def state_of_render(self) -> tuple[Any, ...]:
        """What a preset holds: not the range of a job."""
        kept = {key: value for key, value in self.render_settings.items() if key not in OF_A_JOB}
        return kept, self.render_format, self.render_mode

    def GetRenderPresetList(self):
        return list(self.presets)

    def SaveAsNewRenderPreset(self, name):
        if not name or name in self.presets:
            return False
        self.presets[name] = self.state_of_render()
        return True

    def LoadRenderPreset(self, name):
        if name not in self.presets:
            return False
        settings, self.render_format, self.render_mode = self.presets[name]
        of_job = {key: value for key, value in self.render_settings.items() if key in OF_A_JOB}
        self.render_settings = {**DEFAULTS, **settings, **of_job}
        return True

    def DeleteRenderPreset(self, name):
        return self.presets.pop(name, None) is not None

    def AddRenderJob(self):
        """An empty text where it fails (R06a): off the Deliver page, without a folder, without a picture."""
        settings = self.render_settings
        timeline = self.current
        if "job_refused" in self.gate.faults or self.resolve.page != "deliver" or timeline is None:
            return ""
        if not Path(settings["TargetDir"] or "?").is_dir() or timeline.last() <= timeline.start:
            return ""
        job = Job(timeline, dict(settings), *self.render_format, self.render_mode)
        if settings.get("AddFrameHandles") and not settings.get("UseFullExtents"):
            first, last = job.range()
            handles = settings["AddFrameHandles"]
            job.settings.update(SelectAllFrames=False, MarkIn=first - handles, MarkOut=last + handles)
        self.jobs.append(job)
        return job.id

    def _job(self, job_id: Any) -> Job | None:
        return next((job for job in self.jobs if job.id == job_id), None)

    def GetRenderJobList(self):
        return [job.listed(index) for index, job in enumerate(self.jobs, 1)]

    def DeleteRenderJob(self, job_id):
        job = self._job(job_id)
        if job is None or job in self.running:
            return False
        if job.foreign:
            self.gate.violate("DeleteRenderJob of somebody else's job")
        self.jobs.remove(job)
        return True

    def DeleteAllRenderJobs(self):
        if any(job.foreign for job in self.jobs):
            self.gate.violate("DeleteAllRenderJobs with somebody else's jobs in the queue")
        self.jobs = []
        return True

    def StartRendering(self, *arguments):
        """Without ids it starts whatever is ready, whose ever it is (R06c)."""
        ids = [a for each in arguments for a in (each if isinstance(each, list) else [each])]
        ids = [each for each in ids if isinstance(each, str)]
        jobs = [self._job(each) for each in ids] if ids else [j for j in self.jobs if j.status == "ready"]
        if not jobs or None in jobs or self.running:
            return False
        if not ids:
            self.gate.violate("StartRendering without ids")
        for job in jobs:
            if job.foreign:
                self.gate.violate("StartRendering of somebody else's job")
            job.started += 1
            if "stuck_at_zero" not in self.gate.faults:
                job.status = "rendering"
                self.running.append(job)
        return True

    def IsRenderingInProgress(self):
        running = self.rendering()
        self.advance()
        return running

    def GetRenderJobStatus(self, job_id):
        """Its words are in the language of Resolve's user interface (R07a)."""
        job = self._job(job_id)
        if job is None:
            return {}
        status = {"JobStatus": STATUS[self.language][job.status], "CompletionPercentage": job.percent}
        if job.error:
            status["Error"] = job.error
        if job.status == "rendering":
            self.advance()
        return status

    def StopRendering(self):
        """Stops everything and marks every job that has not ended (R07d)."""
        self.running = []
        for job in self.jobs:
            if job.status in ("ready", "rendering"):
                job.status = "cancelled"

    def advance(self) -> None:
        """One step of the first running job."""
        if not self.running:
            return
        job = self.running[0]
        percent = STEPS[STEPS.index(job.percent) + 1]
        count = len(job.files(self.gate.faults))
        share = slice(count * job.percent // 100, count * percent // 100)
        if "render_error" in self.gate.faults:
            job.status, job.error = "failed", ERROR[self.language]
            self.running.pop(0)
            return
        try:
            late = job.write(share, self.gate.faults)
        except Unrooted:
            job.status, job.error = "failed", ERROR[self.language]
            self.running.pop(0)
            return
        job.percent = percent
        if self.quits_at and percent >= self.quits_at[0]:
            self.gate.gone = self.quits_at[1]
        if percent == 37 and "stops_at_37" in self.gate.faults:
            job.status = "cancelled"
            self.running.pop(0)
        elif percent == 100:
            job.status = "complete"
            self.running.pop(0)
            self.late += [(self.clock + 1.0, job, file) for file in late]

    def pass_time(self, seconds: float) -> None:
        """Time passes: a render goes on, and late files come."""
        self.clock += seconds
        self.advance()
        for due, job, file in list(self.late):
            if due <= self.clock:
                job.write_file(file, self.gate.faults)
                self.late.remove((due, job, file))
