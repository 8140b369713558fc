# SPDX-License-Identifier: Apache-2.0
"""What a worker process does with a task; keeps decoded frames between units."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import OpenImageIO as oiio

from void_server.errors import Internal
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.frames.roots import Roots
from void_server.jobs.words import GROUNDING
from void_server.pipeline import cleanplate, masks, reasoner
from void_server.pipeline.ask import ask, effects
from void_server.pipeline.capabilities import capabilities
from void_server.pipeline.compare import compare_frame
from void_server.pipeline.config_source import config_source
from void_server.pipeline.conform import conform
from void_server.pipeline.differ import differ
from void_server.pipeline.find import find
from void_server.pipeline.finders import finders_of
from void_server.pipeline.grain import grain
from void_server.pipeline.identity import identity
from void_server.pipeline.ingest import ingest, probe
from void_server.pipeline.manifest import ShotManifest, load_manifest
from void_server.pipeline.mask_preview import Previews
from void_server.pipeline.order import parse_order
from void_server.pipeline.plan import plan_stage
from void_server.pipeline.publish import publish
from void_server.pipeline.regions import regions
from void_server.pipeline.report import report
from void_server.pipeline.results import Results
from void_server.pipeline.review import review
from void_server.pipeline.segment import forget_model, segment
from void_server.pipeline.shot import CACHE_BYTES, ByteCache, StoredShot
from void_server.pipeline.sources import Sources
from void_server.pipeline.stills import still
from void_server.plates.colour import DEFAULT_CONFIG, ColourSpace
from void_server.plates.header import EXRLimits
from void_server.reasoners.vlm.site import read_site

Answer = tuple[dict[str, StoredBlob], dict[str, Any]]
Step = Callable[..., Any]
"""Of a task's steps: (done, total), and `kept=True` where they are saved; see `void_server.pool.worker`."""

_SHOT_UNITS = {
    "survey": reasoner.survey,
    "survey_motion": reasoner.survey_motion,
    "survey_anchor": cleanplate.anchor,
    "survey_settle": cleanplate.settle,
    "tie": reasoner.tie,
    "propose": reasoner.propose,
    "prepare": cleanplate.prepare,
    "motion": cleanplate.motion,
    "anchor": cleanplate.anchor,
    "settle": cleanplate.settle,
    "fill": cleanplate.fill,
}


def _no_step(done: int, total: int, kept: bool = False) -> bool:
    """For tasks that nobody watches."""
    return False


class Session:
    """The state of one worker process.

    Args:
        blobs: the frame store.
        roots: shared storage whose files are read where they lie.
        limits: what an uploaded file may ask for.
        cache_bytes: decoded frames and analysis to keep.
        vlm: file that says which models may be asked; None for none.
        alone: whether no other worker uses the same GPU: else models do not stay on it between two units.

    Raises:
        InvalidInput: that file cannot be used.
    """

    def __init__(
        self,
        blobs: BlobFolder,
        roots: Roots,
        limits: EXRLimits,
        cache_bytes: int = CACHE_BYTES,
        vlm: Path | None = None,
        alone: bool = True,
    ) -> None:
        self._alone = alone
        self._vlm = read_site(vlm)
        self._blobs = blobs
        self._sources = Sources(blobs, roots)
        self._limits = limits
        self._cache = ByteCache(cache_bytes)
        self._manifests: dict[str, ShotManifest] = {}
        self._previews = Previews()
        cv2.setNumThreads(1)
        cv2.ocl.setUseOpenCL(False)
        oiio.attribute("threads", 1)
        oiio.attribute("exr_threads", 1)

    def handle(self, task: dict[str, Any], step: Step = _no_step) -> Any:
        """Do one task of `void_server.pool.messages`.

        Args:
            step: told how many steps of a long task are done, of how many; it may raise to end the task.

        Raises:
            VoidError: it cannot be done.
        """
        what = task["do"]
        if what == "capabilities":
            return capabilities(self._vlm)
        if what == "identity":
            return identity()
        if what == "probe":
            return probe(task["digest"], self._blobs, self._limits)
        if what == "preview":
            return self._previews.made(task, self._blobs, self._limits)
        if what == "plan":
            order = parse_order(task["spec"], finders_of(self._vlm), task.get("job", ""))
            return plan_stage(
                task["stage"], order, Results(task["results"]), self._blobs, self._limits, self._vlm
            )
        if what == "unit":
            return self._unit(task["kind"], task["args"], step, task.get("spent", 0.0))
        raise Internal(f"There is no task {what!r}.")

    def drop_caches(self) -> None:
        """Free what can be read again."""
        self._cache.clear()
        self._manifests.clear()

    def _unit(self, kind: str, args: dict[str, Any], step: Step, spent: float) -> dict[str, Any]:
        self._blobs.check_space()
        started = time.perf_counter()
        stored, info = self._compute(kind, args, step)
        return {
            "blobs": {name: {"digest": b.digest, "size": b.size} for name, b in stored.items()},
            "info": info,
            "seconds": round(spent + time.perf_counter() - started, 4),
        }

    def _compute(self, kind: str, args: dict[str, Any], step: Step) -> Answer:
        if kind == "ingest":
            return ingest(args, self._sources)
        shot = self._shot(args["shot"])
        if kind in _SHOT_UNITS:
            return _SHOT_UNITS[kind](shot, args["position"], self._blobs)
        if kind == "complete":
            return cleanplate.complete(shot, args, self._blobs)
        if kind == "carry":
            return cleanplate.carry(shot, args, self._blobs)
        if kind == "steady":
            return cleanplate.steady(shot, args, self._blobs)
        if kind == "differ":
            return differ(shot, args, self._blobs)
        if kind == "regions":
            return regions(shot, args)
        # PyTorch takes seconds to import, and other jobs do without it.
        if kind == "encode":
            from void_server.pipeline.encode import encode

            return self._let_go_after(encode(shot, args, self._blobs, step))
        if kind == "generate":
            from void_server.pipeline.generate import generate

            return self._let_go_after(generate(shot, args, self._blobs, step))
        if kind == "compare":
            return compare_frame(shot, args, self._blobs)
        if kind == "conform":
            return conform(shot, args, self._blobs)
        if kind == "grain":
            return grain(shot, args, self._blobs)
        if kind == "find":
            answer = find(shot, args, self._vlm, step)
            return self._let_go_after(answer) if args["finder"] == GROUNDING else answer
        if kind == "ask":
            return ask(shot, args, self._blobs, self._vlm, step)
        if kind == "effects":
            answer = effects(shot, args, self._blobs, step)
            return self._let_go_after(answer) if args["ground"] else answer
        if kind == "segment":
            answer = segment(shot, args, self._blobs, step)
            return self._let_go_after(answer) if args["segmenter"] == "sam2" else answer
        if kind == "associate":
            return reasoner.associate(args, self._blobs)
        if kind == "publish":
            return publish(shot, args, self._blobs)
        if kind == "mattes":
            return masks.mattes(shot, args, self._blobs)
        if kind == "coded":
            return masks.coded(shot, args, self._blobs, step)
        if kind == "mask_report":
            return masks.mask_report(shot, args, self._blobs)
        if kind == "review":
            return review(shot, args, self._blobs)
        if kind == "report":
            return report(shot, args, self._blobs)
        if kind == "still":
            return still(shot, args, self._blobs)
        raise Internal(f"There is no unit {kind!r}.")

    def _let_go_after(self, answer: Answer) -> Answer:
        """Frees the GPU where another worker may need it: each would keep a copy, and none would be used again."""
        if not self._alone:
            from void_server.pipeline.void_models import let_go

            let_go()
            forget_model()
        return answer

    def _shot(self, digest: str) -> StoredShot:
        if digest not in self._manifests:
            self._blobs.size(digest)
            self._manifests = {digest: load_manifest(self._blobs.path(digest))}
        manifest = self._manifests[digest]
        return StoredShot(manifest, self._sources, self._colour(manifest), self._cache)

    def _colour(self, manifest: ShotManifest) -> ColourSpace:
        ref = manifest.colour
        config = config_source(self._blobs, ref.config, ref.archive) or DEFAULT_CONFIG
        return ColourSpace(ref.name, config, "", ref.linear)
