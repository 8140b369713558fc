# SPDX-License-Identifier: Apache-2.0
"""How a call fails: None, False, [], {} or "", never a reason (facts, section 2); faults on demand."""

from __future__ import annotations

from typing import Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LISTS = _words(
    "GetClipList GetSubFolderList GetRenderJobList GetRenderPresetList GetItemListInTrack GetClipMatteList "
    "GetTimelineMatteList GetSelectedClips GetVersionNameList GetFusionCompNameList GetLinkedItems "
    "GetFlagList "
    "ImportMedia AppendToTimeline AddTimelineMattesToMediaPool AddItemListToMediaPool GetToolsInNode "
    "GetTrackTypeAndIndex GetRenderResolutions GetProjectListInCurrentFolder GetToolList"
)
DICTIONARIES = _words("GetRenderFormats GetRenderCodecs GetRenderJobStatus GetProperty")
TEXTS = frozenset({"AddRenderJob", "GetSetting", "GetUniqueId"})
NOTHING = _words(
    "AddSubFolder CreateEmptyTimeline DuplicateTimeline AddFusionComp ImportFusionComp StopRendering Fusion "
    "GetColorGroup CreateTimelineFromClips AddTool FindTool GrabStill"
)
READS = ("Get", "Is", "Find", "Fusion", "ExportCurrentFrameAsStill")

FAULTS = {
    "constant_alpha": "R08: the file has an alpha, which is 1 everywhere",
    "no_alpha": "R08: ExportAlpha is taken, and no file has an alpha",
    "missing_frame": "R08: the job ends with 100 %, and one file in the middle is not there",
    "late_file": "R08: the last file appears a while after the job has ended",
    "wrong_size": "R08: the files have the timeline's size, not the one that was set",
    "nested_folder": "R08: the files lie in a folder of their own below TargetDir",
    "codec_reads_back": "R04: the codec is set, True is answered, and another one is read back",
    "codec_refused": "R04: RGBHalfZIP is listed, and cannot be set",
    "no_codecs": "R04: the map of codecs is empty",
    "no_formats": "R04: the map of formats is empty",
    "clip_filtering": "R18: single clip cannot be chosen while clips are filtered",
    "video_off": "R05: an audio render left ExportVideo off",
    "job_refused": "R06: AddRenderJob answers an empty text",
    "stuck_at_zero": "R07: started, and then not rendering, Ready with 0 %",
    "stops_at_37": "R07: not rendering any more, with 37 %",
    "render_error": "R07: failed, with a text",
    "first_append_none": "R09: the first append on a new timeline answers [None] and places nothing",
    "null_item": "R09: an append answers an item without an id and places nothing",
    "lost_on_save": "R09: what was appended is gone after SaveProject",
    "locked": "R10: no track can be added",
    "take_true": "R11: AddTake tells the truth",
    "wrong_fps": "R12: an imported sequence is taken for 30 frames a second",
    "mattes_refused": "R14: AddClipMattesToMediaPool answers False",
    "matte_is_a_still": "R14: of a sequence only the frame that was named is attached",
    "mattes_lost": "R14: AddClipMattesToMediaPool answers True and attaches nothing",
    "source_unknown": "R15: the source range of every item reads 0/0",
    "source_off_by_one": "R15: GetSourceStartFrame is one too low at 100 %",
    "source_from_zero": "R15: source frames count from the clip's first frame",
    "headless": "R16: no window can be opened",
    "ui_callable": "R16: fusion.UIManager has to be called",
    "marks_absolute": "R18: marks are frames of the timeline, not counted from its start",
    "alpha_matte_refused": "R14: AddClipMattesToMediaPool answers False for files with an alpha",
    "group_refused": "R20: AssignToColorGroup answers False",
    "comps_inert": "R19: a composition on a timeline that a script made does not render",
    "comp_without_alpha": "R19: the alpha of MediaOut is not exported",
    "comp_time_of_clip": "R19: a composition's time counts from the clip's first frame, not from the item's",
    "comp_not_parsed": "R19: a composition that is imported comes in empty",
    "version_starts_blank": "R18: AddVersion begins without a grade",
    "new_timeline_is_current": "R18: CreateEmptyTimeline makes its timeline the current one",
    "new_bin_is_current": "R18: AddSubFolder makes its bin the current one",
}


def failure_of(name: str) -> Any:
    """What a call of this method answers when it fails."""
    if name in LISTS:
        return []
    if name in DICTIONARIES:
        return {}
    if name in TEXTS:
        return ""
    if name in NOTHING or name.startswith("Get"):
        return None
    return False


def is_write(name: str) -> bool:
    """Whether the call changes something, and so fails under a modal dialog."""
    return not name.startswith(READS)


def under_a_dialog(name: str) -> Any:
    """Under a modal dialog every write answers None or False (facts, section 1.6)."""
    failure = failure_of(name)
    return failure if failure is False else None
