# SPDX-License-Identifier: Apache-2.0
"""All that a check found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from void_server.verification.finding import Sidecar
from void_server.verification.frame import FrameCheck, Verdict

MOST_SENTENCES = 20
"""Sentences on single frames that are printed; the JSON has all."""
_WORDS = {
    Verdict.VERIFIED: "verified",
    Verdict.DIFFERS: "DIFFERS",
    Verdict.UNKNOWN: "cannot be checked",
}


@dataclass(frozen=True)
class SignatureCheck:
    """A sidecar's signature.

    Attributes:
        state: `valid`, `invalid`, `missing` (a key was given, and nothing is signed), `unchecked` (it is signed, and no
            key was given) or `none`.
        key: short name of the key that the sidecar says it is signed with; empty where it says none.
    """

    state: str
    key: str

    @property
    def verdict(self) -> Verdict:
        """How that counts."""
        if self.state == "invalid":
            return Verdict.DIFFERS
        return Verdict.UNKNOWN if self.state == "missing" else Verdict.VERIFIED

    def __str__(self) -> str:
        return {
            "valid": f"valid, by the key {self.key}",
            "invalid": "NOT VALID: the sidecar was changed, or another key signed it",
            "missing": "MISSING: the sidecar is not signed",
            "unchecked": f"not checked (--public-key); says it is by the key {self.key}",
            "none": "none",
        }[self.state]


@dataclass(frozen=True)
class SidecarCheck:
    """A sidecar with its files."""

    sidecar: Sidecar
    signature: SignatureCheck
    frames: tuple[FrameCheck, ...]

    @property
    def verdict(self) -> Verdict:
        """That of the gravest finding."""
        return gravest([self.signature.verdict, *(f.verdict for f in self.frames)])

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values; shares are 0..1."""
        return {
            "sidecar": str(self.sidecar.path),
            "verdict": self.verdict.name.lower(),
            "signature": asdict(self.signature),
            "made_by": made_by(self.sidecar.tree),
            "frames": [{"verdict": f.verdict.name.lower(), **asdict(f)} for f in self.frames],
        }

    def to_text(self) -> str:
        """Lines for people."""
        return "\n".join(_lines(self))


def gravest(verdicts: Sequence[Verdict]) -> Verdict:
    """What differs is graver than what cannot be checked."""
    for verdict in (Verdict.DIFFERS, Verdict.UNKNOWN):
        if verdict in verdicts:
            return verdict
    return Verdict.VERIFIED


def made_by(tree: dict[str, Any]) -> dict[str, Any]:
    """What the sidecar says of the job, the engine, its weights and its seed."""
    engine, job = tree["engine"], tree.get("job") or {}
    return {
        "job": job.get("id", ""),
        "request_id": job.get("request_id", ""),
        "engine": engine.get("name"),
        "engine_version": engine.get("version"),
        "weights": engine.get("weights") or "",
        "weight_files": (engine.get("model") or {}).get("weights") or {},
        "seed": tree.get("seed"),
        "options": tree.get("options") or {},
        "segmenter": tree.get("segmenter"),
        "reasoner": tree.get("reasoner"),
    }


def _lines(check: SidecarCheck) -> Iterator[str]:
    made = made_by(check.sidecar.tree)
    yield f"{check.sidecar.path}: {_WORDS[check.verdict]}"
    for label, value in (
        ("signature", str(check.signature)),
        ("job", f"{made['job'] or 'not named'}, order {made['request_id'] or 'not named'}"),
        ("engine", f"{made['engine']} {made['engine_version']}, seed {made['seed']}"),
        ("weights", made["weights"] or "none"),
        ("mattes", f"segmenter {made['segmenter']}, reasoner {made['reasoner']}"),
    ):
        yield f"  {label:10} {value}"
    yield from _table([f for f in check.frames if f.kind == "result"])
    mattes = [f for f in check.frames if f.kind == "matte"]
    if mattes:
        whole = sum(f.verdict is Verdict.VERIFIED for f in mattes)
        yield f"  {whole} of {len(mattes)} files of mattes are verified"
    yield from _sentences(check.frames)


def _table(frames: Sequence[FrameCheck]) -> Iterator[str]:
    if not frames:
        return
    rows: list[tuple[str, ...]] = [
        ("FRAME", "CHECK", "MAY DIFFER", "DIFFERS", "OUTSIDE, SAMPLE BY SAMPLE", "BORROWED", "SYNTHESISED")
    ]
    rows += [_row(frame) for frame in frames]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
    yield "  (MAY DIFFER: pixels inside the blend matte. DIFFERS: pixels with any bit that is not the plate's.)"
    if any(frame.borrowed is not None for frame in frames):
        yield "  (BORROWED from other frames, SYNTHESISED: means of void_qc inside the blend matte.)"


def _row(frame: FrameCheck) -> tuple[str, ...]:
    beside = frame.plate
    if beside is None:
        outside = "plate not read"
    elif beside.differing:
        outside = f"{beside.differing:,} of {beside.samples:,} differ"
    else:
        outside = f"{beside.samples:,} identical"
    return (
        str(frame.frame),
        _WORDS[frame.verdict],
        _percent(frame.blend_share),
        _percent(beside.changed_share if beside else None),
        outside,
        _percent(frame.borrowed),
        _percent(frame.synthesised),
    )


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return "< 0.01 %" if 0 < share < 0.0001 else f"{100 * share:.2f} %"


def _sentences(frames: Sequence[FrameCheck]) -> Iterator[str]:
    """What is to be said of frames; one sentence for all that share it."""
    told = [
        (kind, text, frame)
        for frame in frames
        for kind, texts in (
            ("differs", frame.differences),
            ("cannot be checked", frame.unknown),
            ("note", frame.notes),
        )
        for text in texts
    ]
    lines = []
    for (kind, text), group in groupby(sorted(told, key=lambda t: t[:2]), key=lambda t: t[:2]):
        files = [frame.file for _, _, frame in group]
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        lines.append(f"  {kind}: {files[0]}{more}: {text}")
    yield from lines[:MOST_SENTENCES]
    if len(lines) > MOST_SENTENCES:
        yield f"  … and {len(lines) - MOST_SENTENCES} more; --json has all"
