# SPDX-License-Identifier: Apache-2.0
"""Which method of Resolve exists since which version (facts, section 2.1).

Computed from the packages fusionscript-stubs 18.5 to 21.0, and by hand from the facts for 21.0.4 and 21.1,
which no package describes. Where the two disagree the later version stands here: ImportRenderPreset is
18.6.6.
"""

from __future__ import annotations

from functools import cache

MINIMUM = "19.1"
"""The first version that the plugin supports without typed ranges (facts, end of section 2.1)."""

FIRST_VERSIONS = {
    "Resolve": {
        "18.5": (
            "DeleteLayoutPreset ExportLayoutPreset Fusion GetCurrentPage GetMediaStorage GetProductName "
            "GetProjectManager GetVersion GetVersionString ImportLayoutPreset LoadLayoutPreset OpenPage "
            "Quit SaveLayoutPreset UpdateLayoutPreset"
        ),
        "18.6.6": "ExportBurnInPreset ExportRenderPreset ImportBurnInPreset ImportRenderPreset",
        "19.0": "GetKeyframeMode SetKeyframeMode",
        "20.2.2": "GetFairlightPresets",
        "21.0": "DisableBackgroundTasksForCurrentResolveSession",
    },
    "ProjectManager": {
        "18.5": (
            "ArchiveProject CloseProject CreateFolder CreateProject DeleteFolder DeleteProject "
            "ExportProject GetCurrentDatabase GetCurrentFolder GetCurrentProject GetDatabaseList "
            "GetFolderListInCurrentFolder GetFoldersInCurrentFolder GetProjectListInCurrentFolder "
            "GetProjectsInCurrentFolder GotoParentFolder GotoRootFolder ImportProject LoadProject "
            "OpenFolder RestoreProject SaveProject SetCurrentDatabase"
        ),
        "18.6.6": "CreateCloudProject ImportCloudProject RestoreCloudProject",
        "19.1": "LoadCloudProject",
    },
    "Project": {
        "18.5": (
            "AddRenderJob DeleteAllRenderJobs DeleteRenderJob DeleteRenderJobByIndex "
            "ExportCurrentFrameAsStill GetCurrentRenderFormatAndCodec GetCurrentRenderMode "
            "GetCurrentTimeline GetGallery GetMediaPool GetName GetPresetList GetPresets "
            "GetRenderCodecs GetRenderFormats GetRenderJobList GetRenderJobStatus GetRenderJobs "
            "GetRenderPresetList GetRenderPresets GetRenderResolutions GetSetting GetTimelineByIndex "
            "GetTimelineCount GetUniqueId InsertAudioToCurrentTrackAtPlayhead IsRenderingInProgress "
            "LoadBurnInPreset LoadRenderPreset RefreshLUTList SaveAsNewRenderPreset "
            "SetCurrentRenderFormatAndCodec SetCurrentRenderMode SetCurrentTimeline SetName SetPreset "
            "SetRenderSettings SetSetting StartRendering StopRendering"
        ),
        "19.0": "AddColorGroup DeleteColorGroup GetColorGroupsList",
        "19.1": "DeleteRenderPreset GetQuickExportRenderPresets RenderWithQuickExport",
        "20.2.2": "ApplyFairlightPresetToCurrentTimeline",
        "21.0": "GenerateSpeech ResetIntellisearchAnalysis",
    },
    "MediaStorage": {
        "18.5": (
            "AddClipMattesToMediaPool AddItemListToMediaPool AddItemsToMediaPool "
            "AddTimelineMattesToMediaPool GetFileList GetFiles GetMountedVolumeList GetMountedVolumes "
            "GetSubFolderList GetSubFolders RevealInStorage"
        ),
    },
    "MediaPool": {
        "18.5": (
            "AddSubFolder AppendToTimeline CreateEmptyTimeline CreateTimelineFromClips DeleteClipMattes "
            "DeleteClips DeleteFolders DeleteTimelines ExportMetadata GetClipMatteList GetCurrentFolder "
            "GetRootFolder GetTimelineMatteList GetUniqueId ImportFolderFromFile ImportMedia "
            "ImportTimelineFromFile MoveClips MoveFolders RefreshFolders RelinkClips SetCurrentFolder "
            "UnlinkClips"
        ),
        "18.6.6": "CreateStereoClip",
        "19.0": "GetSelectedClips SetSelectedClip",
        "19.1": "AutoSyncAudio",
    },
    "Folder": {
        "18.5": (
            "Export GetClipList GetClips GetIsFolderStale GetName GetSubFolderList GetSubFolders GetUniqueId"
        ),
        "18.6.6": "ClearTranscription TranscribeAudio",
        "21.0": (
            "AnalyzeForIntellisearch AnalyzeForSlate ClearAudioClassification "
            "PerformAudioClassification RemoveMotionBlur"
        ),
    },
    "MediaPoolItem": {
        "18.5": (
            "AddFlag AddMarker ClearClipColor ClearFlags ClearTranscription DeleteMarkerAtFrame "
            "DeleteMarkerByCustomData DeleteMarkersByColor GetClipColor GetClipProperty GetFlagList "
            "GetFlags GetMarkerByCustomData GetMarkerCustomData GetMarkers GetMediaId GetMetadata "
            "GetName GetUniqueId LinkProxyMedia ReplaceClip SetClipColor SetClipProperty SetMetadata "
            "TranscribeAudio UnlinkProxyMedia UpdateMarkerCustomData"
        ),
        "19.0": "GetAudioMapping GetThirdPartyMetadata SetThirdPartyMetadata",
        "19.1": "ClearMarkInOut GetMarkInOut SetMarkInOut",
        "20.0": "LinkFullResolutionMedia MonitorGrowingFile ReplaceClipPreserveSubClip",
        "20.2": "SetName",
        "21.0": (
            "AnalyzeForIntellisearch AnalyzeForSlate ClearAudioClassification "
            "PerformAudioClassification RemoveMotionBlur"
        ),
        "21.0.4": "GetTimeline",
    },
    "Timeline": {
        "18.5": (
            "AddMarker AddTrack ApplyGradeFromDRX CreateCompoundClip CreateFusionClip "
            "CreateSubtitlesFromAudio DeleteClips DeleteMarkerAtFrame DeleteMarkerByCustomData "
            "DeleteMarkersByColor DeleteTrack DetectSceneCuts DuplicateTimeline Export "
            "GetCurrentClipThumbnailImage GetCurrentTimecode GetCurrentVideoItem GetEndFrame "
            "GetIsTrackEnabled GetIsTrackLocked GetItemListInTrack GetItemsInTrack "
            "GetMarkerByCustomData GetMarkerCustomData GetMarkers GetName GetSetting GetStartFrame "
            "GetStartTimecode GetTrackCount GetTrackName GetUniqueId GrabAllStills GrabStill "
            "ImportIntoTimeline InsertFusionCompositionIntoTimeline InsertFusionGeneratorIntoTimeline "
            "InsertFusionTitleIntoTimeline InsertGeneratorIntoTimeline InsertOFXGeneratorIntoTimeline "
            "InsertTitleIntoTimeline SetClipsLinked SetCurrentTimecode SetName SetSetting "
            "SetStartTimecode SetTrackEnable SetTrackLock SetTrackName UpdateMarkerCustomData"
        ),
        "18.6.6": "ConvertTimelineToStereo",
        "19.0": "AnalyzeDolbyVision GetNodeGraph GetTrackSubType",
        "19.1": "ClearMarkInOut GetMarkInOut GetMediaPoolItem SetMarkInOut",
        "20.1": "GetVoiceIsolationState SetVoiceIsolationState",
        "21.0.4": "GetSelectedClips",
    },
    "TimelineItem": {
        "18.5": (
            "AddFlag AddFusionComp AddMarker AddTake AddVersion ApplyArriCdlLut ClearClipColor "
            "ClearFlags CopyGrades CreateMagicMask DeleteFusionCompByName DeleteMarkerAtFrame "
            "DeleteMarkerByCustomData DeleteMarkersByColor DeleteTakeByIndex DeleteVersionByName "
            "ExportFusionComp FinalizeTake GetClipColor GetClipEnabled GetCurrentVersion GetDuration "
            "GetEnd GetFlagList GetFlags GetFusionCompByIndex GetFusionCompByName GetFusionCompCount "
            "GetFusionCompNameList GetFusionCompNames GetLUT GetLeftOffset GetMarkerByCustomData "
            "GetMarkerCustomData GetMarkers GetMediaPoolItem GetName GetNodeLabel GetNumNodes "
            "GetProperty GetRightOffset GetSelectedTakeIndex GetStart GetStereoConvergenceValues "
            "GetStereoLeftFloatingWindowParams GetStereoRightFloatingWindowParams GetTakeByIndex "
            "GetTakesCount GetUniqueId GetVersionNameList GetVersionNames ImportFusionComp "
            "LoadBurnInPreset LoadFusionCompByName LoadVersionByName RegenerateMagicMask "
            "RenameFusionCompByName RenameVersionByName SelectTakeByIndex SetCDL SetClipColor "
            "SetClipEnabled SetLUT SetProperty SmartReframe Stabilize UpdateMarkerCustomData "
            "UpdateSidecar"
        ),
        "19.0": (
            "AssignToColorGroup ExportLUT GetColorGroup GetLinkedItems GetNodeGraph "
            "GetSourceAudioChannelMapping GetSourceEndFrame GetSourceEndTime GetSourceStartFrame "
            "GetSourceStartTime GetTrackTypeAndIndex RemoveFromColorGroup"
        ),
        "19.1": (
            "GetIsColorOutputCacheEnabled GetIsFusionOutputCacheEnabled SetColorOutputCache "
            "SetFusionOutputCache"
        ),
        "20.1": "GetVoiceIsolationState SetVoiceIsolationState",
        "20.2": "ResetAllNodeColors SetName",
        "21.1": "AddTransition GetType SetFades",
    },
    "Gallery": {
        "18.5": "GetAlbumName GetCurrentStillAlbum GetGalleryStillAlbums SetAlbumName SetCurrentStillAlbum",
        "19.1": "CreateGalleryPowerGradeAlbum CreateGalleryStillAlbum GetGalleryPowerGradeAlbums",
    },
    "GalleryStillAlbum": {
        "18.5": "DeleteStills ExportStills GetLabel GetStills SetLabel",
        "18.6.6": "ImportStills",
    },
    "Graph": {
        "19.0": "GetLUT GetNodeLabel GetNumNodes GetToolsInNode SetLUT SetNodeEnabled",
        "19.1": "ApplyArriCdlLut ApplyGradeFromDRX GetNodeCacheMode ResetAllGrades SetNodeCacheMode",
    },
    "ColorGroup": {
        "19.0": "GetClipsInTimeline GetName GetPostClipNodeGraph GetPreClipNodeGraph SetName",
    },
}

UNDOCUMENTED = {
    "Fusion": {"18.5": "GetResolve GetCurrentComp RequestDir RequestFile"},
    "FusionComp": {
        "18.5": "AddTool FindTool GetToolList StartUndo EndUndo Lock Unlock Save GetAttrs SetAttrs",
    },
    "FusionTool": {
        "18.5": "SetInput GetInput ConnectInput FindMainInput FindMainOutput GetAttrs SetAttrs Delete"
    },
}
"""Fusion's objects, which are in no stub (facts, sections 1.6 and 2.6)."""

RENDER_SETTINGS = {
    "18.5": (
        "SelectAllFrames MarkIn MarkOut TargetDir CustomName UniqueFilenameStyle ExportVideo ExportAudio "
        "FormatWidth FormatHeight FrameRate PixelAspectRatio VideoQuality AudioCodec AudioBitDepth "
        "AudioSampleRate ColorSpaceTag GammaTag ExportAlpha EncodingProfile MultiPassEncode AlphaMode "
        "NetworkOptimization"
    ),
    "19.1": "ClipStartFrame TimelineStartTimecode ReplaceExistingFilesInPlace",
    "20.2": "ExportSubtitle SubtitleFormat",
    "21.0.4": "UseFullExtents AddFrameHandles DataBurnIn",
}


def number(version: str) -> tuple[int, ...]:
    """20.3.2 as (20, 3, 2, 0), so that 21.0 and 21.0.0 are one version."""
    parts = [int(part) for part in version.split(".")]
    return tuple(parts + [0] * (4 - len(parts)))


@cache
def first_versions(script_class: str) -> dict[str, str]:
    """The methods of a class, each with the first version that has it."""
    rows = {**FIRST_VERSIONS, **UNDOCUMENTED}.get(script_class, {})
    return {name: version for version, names in rows.items() for name in names.split()}


def available(script_class: str, name: str, version: str) -> bool:
    """Whether this version has the method."""
    first = first_versions(script_class).get(name)
    return first is not None and number(first) <= number(version)


def render_keys(version: str) -> set[str]:
    """The keys that SetRenderSettings knows (facts, section 2.3)."""
    rows = RENDER_SETTINGS.items()
    return {key for first, keys in rows if number(first) <= number(version) for key in keys.split()}
