# SPDX-License-Identifier: Apache-2.0
"""The result out again: exactly what we put in, found by our own tags."""

from __future__ import annotations

from typing import Any, Callable

from void_resolve import importing, tags, timecode
from void_resolve.errors import ArtistError, need
from void_resolve.host import Host
from void_resolve.state import restored, surely, told


def take_back(host: Host) -> list[str]:
    """Take out the result under the playhead: item, clips, and track and bin where nothing else is in them.

    Returns:
        What was taken out, in words; nothing where no result lies there.

    Raises:
        ArtistError: Resolve did not let us.
    """
    host.page()
    timeline = host.timeline()
    rate = float(need(timeline.GetSetting("timelineFrameRate"), "Resolve does not tell the frame rate."))
    frame = timecode.frame_of(str(timeline.GetCurrentTimecode() or ""), rate)
    jobs = [each for each in tags.items(timeline) if frame is not None and _shows(each[1], frame)]
    if not jobs:
        return []
    with restored(host) as restore:
        host.open_page("edit")
        # All that could be refused is asked before anything is taken out.
        pool, folders, done = host.pool(), importing.bins_of_ours(host), []
        for track, item, job in sorted(jobs, key=lambda each: -each[0]):
            done += _take_item(timeline, track, item, job)
            done += _take_clips(pool, folders, job)
    return [*done, *filter(None, [told(restore)])]


def _take_item(timeline: Any, track: int, item: Any, job: str) -> list[str]:
    name = item.GetName()
    if not surely(lambda: timeline.DeleteClips([item], False)):
        raise ArtistError(
            f"Resolve did not take {name} off the timeline.", f"Unlock video track {track}, then try again."
        )
    done = [f"{name} (job {job}) from video track {track}"]

    def empty() -> bool:
        return not timeline.GetItemListInTrack("video", track) and tags.is_our_track(timeline, track)

    # An answer that failed looks like an empty track, and so do those of bins.
    if empty() and empty() and surely(lambda: timeline.DeleteTrack("video", track)):
        done.append(f"video track {track}")
    return done


def _take_clips(pool: Any, folders: list[Any], job: str) -> list[str]:
    """The clips of a job that no timeline uses any more, and our bin where it is empty then."""
    done = []
    for folder in folders:
        clips = folder.GetClipList() or folder.GetClipList() or []
        for clip in clips:
            name = clip.GetName()
            if (tags.job_of_clip(clip) or tags.job_of_clip(clip)) != job:
                continue
            if str(clip.GetClipProperty("Usage") or "0") != "0":
                done.append(f"kept {name} in the media pool: it is used elsewhere")
            elif surely(_deletion(pool, clip)):
                done.append(f"{name} from the media pool")
        if all(not folder.GetClipList() and not folder.GetSubFolderList() for _ in range(2)) and surely(
            _deletion_of_bin(pool, folder)
        ):
            done.append(f"the bin {tags.BIN}")
    return done


def _deletion(pool: Any, clip: Any) -> Callable[[], Any]:
    return lambda: pool.DeleteClips([clip])


def _deletion_of_bin(pool: Any, folder: Any) -> Callable[[], Any]:
    return lambda: pool.DeleteFolders([folder])


def _shows(item: Any, frame: int) -> bool:
    start, duration = item.GetStart(), item.GetDuration()
    return start is not None and bool(duration) and int(start) <= frame < int(start) + int(duration)
