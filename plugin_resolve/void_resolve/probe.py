# SPDX-License-Identifier: Apache-2.0
"""What this Resolve says of itself, in a text file for a report: read only, unless one frame is asked to be rendered.

Names of people, projects, timelines and clips are left out, and paths below the home folder are shortened.
"""

from __future__ import annotations

import getpass
import os
import platform
import sys
import tempfile
import time
from typing import Any, Callable, Iterator, Mapping, Tuple

from void_resolve import probe_render
from void_resolve.console import say, show_dialog
from void_resolve.errors import ArtistError
from void_resolve.host import Host
from void_resolve.keeping import data_folder
from void_resolve.screen import Ui, find_ui, show_text

VARIABLE = "VOID_PROBE_RENDER"
"""Where no window can ask: 1 lets the probe render one frame."""

PROJECT_SETTINGS = (
    *(
        "colorScienceMode",
        "isAutoColorManage",
        "rcmPresetMode",
        "separateColorSpaceAndGamma",
        "colorSpaceInput",
    ),
    *("colorSpaceInputGamma", "colorSpaceTimeline", "colorSpaceTimelineGamma", "colorSpaceOutput"),
    *(
        "colorSpaceOutputGamma",
        "inputDRT",
        "outputDRT",
        "timelineWorkingLuminance",
        "timelineWorkingLuminanceMode",
    ),
    *("colorAcesIDT", "colorAcesODT", "timelineFrameRate", "timelinePlaybackFrameRate"),
    *("timelineResolutionWidth", "timelineResolutionHeight", "videoMonitorFormat"),
)
CLIP_PROPERTIES = (
    *("Type", "File Path", "FPS", "Frames", "Start", "End", "Start TC", "Resolution", "PAR", "Video Codec"),
    *("Data Level", "Input Color Space", "IDT", "Alpha mode", "Usage", "Reel Name"),
)
ITEM_METHODS = (
    *("GetStart", "GetEnd", "GetDuration", "GetLeftOffset", "GetRightOffset", "GetSourceStartFrame"),
    *("GetSourceEndFrame", "GetTrackTypeAndIndex", "GetFusionCompCount", "GetTakesCount", "GetClipEnabled"),
    "GetProperty",
)

Line = Tuple[str, Any]


def run(names: Mapping[str, Any]) -> None:
    """Ask whether a frame may be rendered, look around, write the file, and say where it is."""
    folder = data_folder()
    host: Host | None = None
    ui: Ui | None = None
    try:
        host = Host.find(names)
        ui = find_ui(host.fusion, host.bmd)
        rendering = os.environ.get(VARIABLE) == "1" if ui is None else may_render(ui)
        if rendering is None:
            return
        path = write(folder, report(host, ui, bool(rendering)))
        text = f"The probe is written: {path}\nLook through it before you send it."
    except ArtistError as error:
        text = str(error)
    except OSError as error:
        text = f"The probe cannot be written: {error}."
    say(text)
    if ui is not None:
        show_text(ui, "VOID probe", text)
    else:
        show_dialog("VOID probe", text)


def may_render(ui: Ui) -> bool | None:
    """Whether one frame may be rendered; None where the artist closes the window."""
    answers: list[bool] = []
    manager = ui.manager
    words = (
        "The probe writes down what this Resolve says of itself, for a report. It only reads.\n"
        "If you let it, it also renders the first frame of the clip under the playhead as an EXR with alpha into a"
        " temporary folder, looks at its channels, and removes it. Your render settings are put back."
    )
    buttons = [
        manager.Button({"ID": "OnlyRead", "Text": "Only read"}),
        manager.Button({"ID": "RenderToo", "Text": "Render one frame too"}),
    ]
    body = [manager.Label({"ID": "Words", "Text": words, "WordWrap": True}), manager.HGroup({}, buttons)]
    window = ui.dispatcher.AddWindow(
        {"ID": "VoidProbe", "WindowTitle": "VOID probe"}, [manager.VGroup({}, body)]
    )

    def answer(value: bool) -> Callable[[Any], None]:
        def clicked(_event: Any) -> None:
            answers.append(value)
            ui.dispatcher.ExitLoop()

        return clicked

    def closed(_event: Any) -> None:
        ui.dispatcher.ExitLoop()

    window.On.OnlyRead.Clicked = answer(False)
    window.On.RenderToo.Clicked = answer(True)
    window.On.VoidProbe.Close = closed
    window.Show()
    ui.dispatcher.RunLoop()
    window.Hide()
    return answers[0] if answers else None


def report(host: Host, ui: Ui | None, rendering: bool) -> str:
    """The text of the file; a section that fails says so, and the others go on."""
    sections = (
        ("Program", lambda: _program(host, ui)),
        ("Python", _python),
        ("Project", lambda: _project(host)),
        ("Render", lambda: _render(host)),
        ("Timeline", lambda: _timeline(host)),
        ("Clip under the playhead", lambda: _clip(host)),
        ("Rendered frame", lambda: probe_render.lines(host) if rendering else [("asked for", "no")]),
    )
    parts = ["VOID probe. Not one line of it leaves this machine by itself."]
    for title, lines in sections:
        parts.append(f"\n## {title}")
        try:
            parts += [f"{name}: {_shown(value)}" for name, value in lines()]
        except Exception as error:  # noqa: BLE001 - the probe is there for what nobody expected
            parts.append(f"failed: {type(error).__name__}: {_shown(str(error))}")
    return "\n".join(parts) + "\n"


def write(folder: str, text: str) -> str:
    """Write the file and return its path; into the temporary folder where ours cannot be written."""
    name = f"VOID_probe_{time.strftime('%Y%m%d-%H%M%S')}.txt"
    for place in (os.path.join(folder, "probe"), tempfile.gettempdir()):
        path = os.path.join(place, name)
        try:
            os.makedirs(place, exist_ok=True)
            with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            return path
        except OSError as error:
            problem = error
    raise problem


def shortened(text: str, home: str, user: str) -> str:
    """A text without the user's name, and with nothing of a path below home but its last part."""
    for spelling in {home, home.replace("\\", "/"), home.replace("/", "\\")} - {"", "/", "\\"}:
        while spelling in text:
            before, _, behind = text.partition(spelling)
            path, end, rest = _path_part(behind)
            last = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
            text = f"{before}~/…/{last}{end}{rest}" if last else f"{before}~{end}{rest}"
    return text.replace(user, "(user)") if len(user) > 2 else text


def _path_part(text: str) -> tuple[str, str, str]:
    """The rest of a path, the character that ends it, and what follows."""
    for place, character in enumerate(text):
        if character in "\"',;\n":
            return text[:place], character, text[place + 1 :]
    return text, "", ""


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = ""
    return shortened(text, os.path.expanduser("~"), user)


def _program(host: Host, ui: Ui | None) -> Iterator[Line]:
    yield "product", host.product
    yield "version", host.resolve.GetVersionString()
    yield "supported", f"{host.studio and host.version[:2] >= (19, 1)}"
    yield "page", host.resolve.GetCurrentPage()
    yield "windows", ui is not None
    if ui is not None:
        yield "dispatcher has", [name for name in dir(ui.dispatcher) if name[:1].isupper()]
    yield "resolve has", [name for name in dir(host.resolve) if name[:1].isupper()]


def _python() -> Iterator[Line]:
    yield "version", sys.version
    yield "executable", sys.executable
    yield "prefix", sys.prefix
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}"
    yield "encoding of files", sys.getfilesystemencoding()
    yield "stdout", None if sys.stdout is None else type(sys.stdout).__name__
    yield "own process", f"pid {os.getpid()}, parent {os.getppid()}"
    names = [name for name in os.environ if name.startswith(("PYTHON", "RESOLVE", "FUSION", "VOID", "OCIO"))]
    yield "environment", sorted(names)


def _project(host: Host) -> Iterator[Line]:
    project = host.project()
    for name in PROJECT_SETTINGS:
        yield name, project.GetSetting(name)


def _render(host: Host) -> Iterator[Line]:
    project = host.project()
    yield "formats", project.GetRenderFormats()
    yield "codecs of EXR", project.GetRenderCodecs("EXR")
    yield "codecs of exr", project.GetRenderCodecs("exr")
    yield "format and codec", project.GetCurrentRenderFormatAndCodec()
    yield "mode", project.GetCurrentRenderMode()
    yield "presets", len(project.GetRenderPresetList() or [])
    yield "jobs", len(project.GetRenderJobList() or [])
    yield "rendering", project.IsRenderingInProgress()


def _timeline(host: Host) -> Iterator[Line]:
    timeline = host.timeline()
    yield "frames", (timeline.GetStartFrame(), timeline.GetEndFrame())
    yield "start timecode", timeline.GetStartTimecode()
    yield "playhead", timeline.GetCurrentTimecode()
    yield "marks", timeline.GetMarkInOut()
    for name in (
        "useCustomSettings",
        "timelineFrameRate",
        "timelineResolutionWidth",
        "timelineResolutionHeight",
    ):
        yield name, timeline.GetSetting(name)
    for number in range(1, int(timeline.GetTrackCount("video") or 0) + 1):
        items = timeline.GetItemListInTrack("video", number) or []
        enabled = timeline.GetIsTrackEnabled("video", number)
        locked = timeline.GetIsTrackLocked("video", number)
        yield f"video track {number}", f"{len(items)} items, enabled {enabled}, locked {locked}"
    yield "can tell what is selected", host.can(timeline, "GetSelectedClips")


def _clip(host: Host) -> Iterator[Line]:
    item = host.timeline().GetCurrentVideoItem()
    if item is None:
        yield "clip", None
        return
    for name in ITEM_METHODS:
        method = getattr(item, name)
        yield name, method() if callable(method) else "not in this version"
    graph = item.GetNodeGraph()
    yield "nodes", None if graph is None else graph.GetNumNodes()
    yield "local versions", len(item.GetVersionNameList(0) or [])
    clip = item.GetMediaPoolItem()
    if clip is None:
        yield "in the media pool", None
        return
    properties = clip.GetClipProperty() or {}
    yield "properties", sorted(properties)
    for name in CLIP_PROPERTIES:
        value = properties.get(name)
        yield name, _folded(str(value)) if name == "File Path" else value
    yield "external mattes", [_folded(str(path)) for path in host.pool().GetClipMatteList(clip) or []]


def _folded(path: str) -> str:
    """The form of a path: letters as x, digits as they are, so that a sequence's brackets can be seen."""
    name = path.replace("\\", "/").rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return "…/" + "".join("x" if character.isalpha() else character for character in stem) + dot + ending
