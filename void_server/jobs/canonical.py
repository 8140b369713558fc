# SPDX-License-Identifier: Apache-2.0
"""The identity of an order: same material, settings and place give the same request id, on any machine."""

from __future__ import annotations

import hashlib
import json

from google.protobuf.json_format import MessageToDict
from void.v1 import jobs_pb2

from void_server.jobs.fairness import HIGH, LOW, NORMAL, band_of
from void_server.pool.schedule import Band

SEQUENCES = ("plate", "remove", "affected", "keep", "quadmask", "clean_plate")
"""The frame sequences of a `void.v1.Shot`, by field name."""


def request_id(spec: jobs_pb2.JobSpec) -> str:
    """SHA-256 of the spec as JSON with sorted keys and proto field names, 64 hexadecimal digits.

    How the user spells a pattern or calls a file is left out: it serves messages. So is the priority: it changes when a
    job runs, not what it makes. The exception is the plate's name
    where the job's own OCIO config may read the colour space from it. Of a file on shared storage counts the stamp as
    the client saw it, without inode and time of change, which only the server tells.

    JSON rather than the wire form, because protobuf promises no canonical bytes
    (protobuf.dev/programming-guides/serialization-not-canonical).
    """
    tree = MessageToDict(_without_spelling(spec), preserving_proto_field_name=True)
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def input_digests(spec: jobs_pb2.JobSpec) -> set[str]:
    """Digests of all blobs that an order reads: its frames and its OCIO archive."""
    files = (f for role in SEQUENCES for f in getattr(spec.shot, role).files)
    digests = {f.blob.digest for f in files} | {spec.shot.colour.archive.digest}
    return digests - {""}


def input_sizes(spec: jobs_pb2.JobSpec) -> dict[str, int]:
    """Bytes of the blobs that an order reads, as it says them, by digest."""
    blobs = [f.blob for role in SEQUENCES for f in getattr(spec.shot, role).files]
    return {b.digest: b.bytes for b in (*blobs, spec.shot.colour.archive) if b.digest}


def frames_of(spec: jobs_pb2.JobSpec) -> int:
    """How many frames an order has; step 0 reads as 1."""
    frames = spec.shot.range
    return max(0, len(range(frames.first, frames.last + 1, max(1, frames.step))))


def priority_of(spec: jobs_pb2.JobSpec) -> str:
    """One of `void_server.jobs.fairness.PRIORITIES`."""
    return {jobs_pb2.PRIORITY_LOW: LOW, jobs_pb2.PRIORITY_HIGH: HIGH}.get(spec.priority, NORMAL)


def spec_band(spec: jobs_pb2.JobSpec) -> Band:
    """Where the units of an order wait."""
    return band_of(priority_of(spec), spec.settings.preview)


def _without_spelling(spec: jobs_pb2.JobSpec) -> jobs_pb2.JobSpec:
    bare = jobs_pb2.JobSpec()
    bare.CopyFrom(spec)
    bare.ClearField("priority")
    colour = bare.shot.colour
    named_by_file = not colour.name and colour.WhichOneof("config") is not None
    for role in SEQUENCES:
        sequence = getattr(bare.shot, role)
        sequence.ClearField("pattern")
        for file in sequence.files:
            if file.HasField("path"):
                file.path.stamp.ClearField("inode")
                file.path.stamp.ClearField("changed_ns")
        if role == "plate" and named_by_file:
            continue
        for file in sequence.files:
            file.ClearField("name")
    return bare
