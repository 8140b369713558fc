# SPDX-License-Identifier: Apache-2.0
"""One frame for the probe: rendered as EXR with alpha, looked at, removed; Resolve is as it was before."""

from __future__ import annotations

import os
import time
from tempfile import TemporaryDirectory
from typing import Any, Iterator

from void_resolve.errors import need
from void_resolve.host import Host


def lines(host: Host) -> Iterator[tuple[str, Any]]:
    """What the file of the first frame of the clip under the playhead holds.

    Raises:
        ArtistError: it could not be rendered.
    """
    from void_resolve import exr

    with TemporaryDirectory(prefix="void_probe_") as folder:
        path = _rendered(host, folder)
        yield "file", os.path.basename(path)
        yield "folder below", os.path.relpath(os.path.dirname(path), folder)
        yield "bytes", os.path.getsize(path)
        header = exr.read_header(path)
        yield "channels", [(channel.name, channel.bytes) for channel in header.channels]
        yield "compression", header.compression
        yield "size", header.size
        yield "data window", header.window
        if "A" in header.names:
            yield "A varies", exr.varies(path, "A")


def _rendered(host: Host, folder: str) -> str:
    from void_resolve.rendering import Asked, render
    from void_resolve.state import keep_render_settings, restored
    from void_resolve.turn import Turn

    timeline = host.timeline()
    item = need(timeline.GetCurrentVideoItem(), "There is no clip under the playhead.", "Park it on one.")
    first = int(item.GetStart())
    size = tuple(int(timeline.GetSetting(f"timelineResolution{side}")) for side in ("Width", "Height"))
    with restored(host) as restore:
        keep_render_settings(host.project(), restore)
        asked = Asked("probe", folder, first, first, (size[0], size[1]), key=True)
        (path,) = render(host, asked, restore, Turn(lambda _: None, lambda: False, time.sleep))
    return path
