# SPDX-License-Identifier: Apache-2.0
"""Any order of calls by two principals on one real server: a hypothesis state machine with a model of the store.

The model knows what each principal has uploaded, what is half uploaded, and which jobs there are; every answer is held
against it, and the oracle against the store after each step that can have changed it.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from void.v1 import frames_pb2, jobs_pb2, types_pb2

from tests.fuzz.oracle import check_health, check_status, check_store
from tests.fuzz.seeds import SEED_FOLDER
from tests.fuzz.target import Target
from tests.server.calls import Caller, by_path, set_sequence, sha256, spec_of, upload_messages

OK = grpc.StatusCode.OK
WATCH_SECONDS = 2.0
CALL_SECONDS = 60.0
OWNER, ARTIST = 0, 1

_T = TypeVar("_T")
_who = st.sampled_from((OWNER, ARTIST))
_examples = itertools.count()


def machine_for(target: Target) -> type[RuleBasedStateMachine]:
    """The machine on this server; all its examples share the server's store, each with content of its own."""
    open_now = sum(1 for _ in (target.store / "partial").iterdir())
    return type("OrderOfCalls", (CallMachine,), {"target": target, "left_before": open_now})


class CallMachine(RuleBasedStateMachine):
    """Rules are calls; see `machine_for`."""

    target: Target
    left_before: int = 0
    """Uploads that earlier examples left open."""
    blobs = Bundle("blobs")
    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.example = next(_examples)
        self.held: set[tuple[int, str]] = set()
        self.partial: dict[tuple[int, str], int] = {}
        self.broken_off: set[tuple[int, str]] = set()
        self.read: dict[str, set[str]] = {}
        self.owners: dict[str, int] = {}
        self.inputs = {
            sha256(path.read_bytes())
            for name in ("plate", "roto", "affected")
            for path in self.target.shot.files(name).values()
        }

    @initialize(target=blobs)
    def content(self) -> Any:
        """Bytes that nobody has sent yet: an EXR file, half of one, text, nothing."""
        rng = random.Random(self.example)
        exr = rng.choice(sorted(SEED_FOLDER.iterdir())).read_bytes()
        mark = f"{self.example}".encode()
        return multiple(exr + mark, exr[: len(exr) // 2] + mark, b"no picture" + mark, rng.randbytes(2500))

    @rule(who=_who, blob=blobs)
    def find_missing(self, who: int, blob: bytes) -> None:
        digest = sha256(blob)
        code, missing = self._call(lambda: self._caller(who).missing(digest))
        assert code is OK
        assert (digest in missing) == (not self._opens(who, digest))
        if digest in missing and (who, digest) not in self.broken_off:
            assert missing[digest] == self.partial.get((who, digest), 0)

    @rule(who=_who, blob=blobs)
    def upload_the_rest(self, who: int, blob: bytes) -> None:
        """From where the server says; it may still be busy with a call that was broken off."""
        digest = sha256(blob)
        caller = self._caller(who)
        code, stored = grpc.StatusCode.ABORTED, None
        until = time.monotonic() + CALL_SECONDS
        while code is grpc.StatusCode.ABORTED and time.monotonic() < until:
            offset = caller.missing(digest).get(digest, 0)
            code, stored = self._call(lambda offset=offset: caller.upload(blob, offset=offset))
        assert code is OK and stored.digest == digest
        self.partial.pop((who, digest), None)
        self.broken_off.discard((who, digest))
        self.held.add((who, digest))

    @rule(who=_who, blob=blobs, pieces=st.lists(st.integers(0, 900), max_size=4))
    def upload_pieces_and_stop(self, who: int, blob: bytes, pieces: list[int]) -> None:
        digest = sha256(blob)
        at = self.partial.get((who, digest), 0)
        cuts = list(itertools.accumulate(pieces, initial=at))
        sent = [blob[a:b] for a, b in itertools.pairwise(cuts)]
        end = at + sum(map(len, sent))
        if self._skips(who, blob) or end >= len(blob):
            return
        code, _ = self._upload(who, blob, at, sent)
        assert code is grpc.StatusCode.DATA_LOSS
        self.partial[who, digest] = end

    @rule(who=_who, blob=blobs, cut=st.integers(0, 900))
    def upload_and_cancel(self, who: int, blob: bytes, cut: int) -> None:
        """What the server still takes of it cannot be known here."""
        digest = sha256(blob)
        offset = self.partial.get((who, digest), 0)
        if self._skips(who, blob) or offset + cut >= len(blob):
            return
        self.partial.pop((who, digest), None)
        self.broken_off.add((who, digest))
        cancelled = threading.Event()
        caller = self._caller(who)

        def requests() -> Iterator[frames_pb2.UploadRequest]:
            yield from upload_messages(_announced(blob), offset, [blob[offset : offset + cut]])
            cancelled.wait(CALL_SECONDS)

        call = caller.frames.Upload.future(requests(), metadata=caller.metadata, timeout=CALL_SECONDS)
        time.sleep(cut / 20_000)
        call.cancel()
        cancelled.set()
        check_status(call.code(), "a cancelled upload")

    @rule(who=_who, blob=blobs)
    def upload_other_bytes(self, who: int, blob: bytes) -> None:
        if self._skips(who, blob) or (who, sha256(blob)) in self.partial:
            return
        code, _ = self._upload(who, blob, 0, [bytes(byte ^ 1 for byte in blob)])
        assert code is grpc.StatusCode.DATA_LOSS

    @rule(who=_who, blob=blobs, beside=st.sampled_from((1, 7, 10**6, 2**63)))
    def upload_from_a_wrong_offset(self, who: int, blob: bytes, beside: int) -> None:
        if self._skips(who, blob):
            return
        offset = self.partial.get((who, sha256(blob)), 0) + beside
        code, _ = self._upload(who, blob, offset, [b"abc"])
        assert code is grpc.StatusCode.ABORTED

    @rule(who=_who, blob=blobs)
    def upload_more_than_announced(self, who: int, blob: bytes) -> None:
        digest = sha256(blob)
        if self._skips(who, blob):
            return
        at = self.partial.get((who, digest), 0)
        code, _ = self._upload(who, blob, at, [blob[at:], b"more"])
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        self.partial[who, digest] = len(blob)

    @rule(who=_who, blob=blobs, offset=st.sampled_from((0, 1, 100, 10**9, 2**64 - 1)))
    def download(self, who: int, blob: bytes, offset: int) -> None:
        digest = sha256(blob)
        code, data = self._call(lambda: self._caller(who).download(digest, offset))
        if not self._opens(who, digest):
            assert code is grpc.StatusCode.NOT_FOUND
        elif offset > len(blob):
            assert code is grpc.StatusCode.INVALID_ARGUMENT
        else:
            assert (code, data) == (OK, blob[offset:])

    @rule(who=_who, asked=st.lists(blobs, min_size=1, max_size=3))
    def probe(self, who: int, asked: list[bytes]) -> None:
        digests = [sha256(blob) for blob in asked]
        caller = self._caller(who)
        request = frames_pb2.ProbeRequest(digests=digests)
        code, answer = self._call(lambda: caller.frames.Probe(request, metadata=caller.metadata))
        if not all(self._opens(who, d) for d in digests):
            assert code is grpc.StatusCode.NOT_FOUND
            return
        assert code is OK and [f.digest for f in answer.files] == digests
        assert all(bool(f.parts) != f.HasField("problem") for f in answer.files)
        assert not any(f.problem.code in ("internal", "worker_crashed") for f in answer.files)

    @rule(who=_who, blob=blobs)
    def preflight(self, who: int, blob: bytes) -> None:
        spec = self._spec(blob)
        code, report = self._call(lambda: self._caller(who).preflight(spec))
        assert code is OK
        assert report.unseen_files == (0 if self._opens(who, sha256(blob)) else 1)
        assert not any(p.code in ("internal", "worker_crashed") for p in report.problems)

    @rule(target=jobs, who=_who, again=st.booleans(), place=st.integers(0, 1))
    def submit_a_good_order(self, who: int, again: bool, place: int) -> Any:
        spec = spec_of(self.target.shot, f"/out/{self.example}/{place}")
        return self._submit(who, spec, again)

    @rule(target=jobs, who=_who)
    def submit_an_order_by_path(self, who: int) -> Any:
        spec = by_path(spec_of(self.target.shot, f"/path/{self.example}"), self.target.shot)
        return self._submit(who, spec, False)

    @rule(who=_who, field=st.sampled_from(("bytes", "sample_digest", "relative")))
    def submit_an_order_by_a_path_that_differs(self, who: int, field: str) -> None:
        spec = by_path(spec_of(self.target.shot), self.target.shot)
        path = spec.shot.plate.files[1].path
        if field == "bytes":
            path.stamp.bytes += 1
        elif field == "sample_digest":
            path.stamp.sample_digest = "0" * 64
        else:
            path.relative += "x"
        code, _ = self._call(lambda: self._caller(who).submit(spec))
        assert code is grpc.StatusCode.FAILED_PRECONDITION

    @rule(target=jobs, who=_who, blob=blobs)
    def submit_with_any_file_as_plate(self, who: int, blob: bytes) -> Any:
        if not self._opens(who, sha256(blob)):
            code, _ = self._call(lambda: self._caller(who).submit(self._spec(blob)))
            assert code is grpc.StatusCode.FAILED_PRECONDITION
            return multiple()
        return self._submit(who, self._spec(blob), False)

    @rule(
        who=_who,
        wrong=st.sampled_from(
            ("range", "option", "digest", "kind", "name", "engine", "nan", "root", "way out")
        ),
    )
    def submit_a_bad_order(self, who: int, wrong: str) -> None:
        spec = spec_of(self.target.shot)
        _SPOIL[wrong](spec)
        code, _ = self._call(lambda: self._caller(who).submit(spec))
        assert code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED), (wrong, code)

    @rule(who=_who, job=jobs, start=st.integers(0, 6))
    def watch(self, who: int, job: str, start: int) -> None:
        caller = self._caller(who)
        request = jobs_pb2.WatchRequest(id=job, from_event=start)
        told: list[int] = []

        def follow() -> None:
            for answer in caller.jobs.Watch(request, metadata=caller.metadata, timeout=WATCH_SECONDS):
                if answer.HasField("event"):
                    told.append(answer.event.sequence)

        code, _ = self._call(follow)
        first = max(1, start)
        assert told == list(range(first, first + len(told)))
        if not self._sees(who, job):
            assert (code, told) == (grpc.StatusCode.NOT_FOUND, [])
        elif start < 2:
            assert code in (OK, grpc.StatusCode.DEADLINE_EXCEEDED) and told

    @rule(who=_who, job=jobs)
    def get(self, who: int, job: str) -> None:
        code, answer = self._call(lambda: self._caller(who).get(job))
        assert code is (OK if self._sees(who, job) else grpc.StatusCode.NOT_FOUND)
        assert code is not OK or (answer.id == job and answer.state != jobs_pb2.JOB_STATE_UNSPECIFIED)

    @rule(who=_who)
    def list_jobs(self, who: int) -> None:
        caller = self._caller(who)
        request = jobs_pb2.ListRequest(limit=1000)
        code, answer = self._call(lambda: caller.jobs.List(request, metadata=caller.metadata))
        assert code is OK
        listed = {job.id for job in answer.jobs}
        assert {job for job in self.owners if self._sees(who, job)} <= listed
        assert not {job for job in self.owners if not self._sees(who, job)} & listed

    @rule(who=_who, job=jobs)
    def cancel(self, who: int, job: str) -> None:
        caller = self._caller(who)
        request = jobs_pb2.CancelRequest(id=job)
        code, _ = self._call(lambda: caller.jobs.Cancel(request, metadata=caller.metadata))
        assert code is (OK if self._sees(who, job) else grpc.StatusCode.NOT_FOUND)

    @rule(who=_who, job=consumes(jobs), target=jobs)
    def delete(self, who: int, job: str) -> Any:
        caller = self._caller(who)
        request = jobs_pb2.DeleteRequest(id=job)
        code, _ = self._call(lambda: caller.jobs.Delete(request, metadata=caller.metadata))
        if not self._sees(who, job):
            assert code is grpc.StatusCode.NOT_FOUND
            return job
        assert code in (OK, grpc.StatusCode.FAILED_PRECONDITION)
        if code is OK:
            del self.owners[job]
            return multiple()
        return job

    @invariant()
    def the_store_is_whole(self) -> None:
        check_store(self.target.store, uploads=self._open_uploads(), quiet=False)

    def teardown(self) -> None:
        """After each example: all uploads are brought to their end, all jobs have ended, everything is checked."""
        check_health(self.target.owner)
        self.target.check(uploads=self._open_uploads())
        type(self).left_before = self._open_uploads()

    def _open_uploads(self) -> int:
        return self.left_before + len(self.partial) + len(self.broken_off)

    def _skips(self, who: int, blob: bytes) -> bool:
        """Whether nothing can be foretold of an upload: it is there already, or an earlier one was broken off."""
        digest = sha256(blob)
        return self._opens(who, digest) or (who, digest) in self.broken_off

    def _caller(self, who: int) -> Caller:
        return self.target.callers[who]

    def _opens(self, who: int, digest: str) -> bool:
        """Whether a principal may open a blob: its own, or for the owner also those of jobs that there are."""
        return (
            (who, digest) in self.held or digest in self.inputs or (who == OWNER and self._in_a_job(digest))
        )

    def _in_a_job(self, digest: str) -> bool:
        return any(digest in self.read.get(job, ()) for job in self.owners)

    def _sees(self, who: int, job: str) -> bool:
        return job in self.owners and (who == OWNER or self.owners[job] == who)

    def _submit(self, who: int, spec: jobs_pb2.JobSpec, again: bool) -> Any:
        code, answer = self._call(lambda: self._caller(who).submit(spec, again=again))
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return multiple()
        assert code is OK
        job: str = answer.job.id
        assert answer.created == (job not in self.owners)
        self.owners[job] = who
        self.read[job] = {file.blob.digest for file in spec.shot.plate.files}
        return job if answer.created else multiple()

    def _spec(self, blob: bytes) -> jobs_pb2.JobSpec:
        spec = spec_of(self.target.shot, f"/out/{self.example}")
        set_sequence(spec, "plate", self.target.shot.files("plate"))
        file = spec.shot.plate.files[0]
        file.blob.digest, file.blob.bytes = sha256(blob), len(blob)
        return spec

    def _upload(
        self, who: int, blob: bytes, offset: int, chunks: list[bytes]
    ) -> tuple[grpc.StatusCode, frames_pb2.UploadResponse | None]:
        caller = self._caller(who)
        messages = upload_messages(_announced(blob), offset, chunks)
        return self._call(lambda: caller.frames.Upload(messages, metadata=caller.metadata))

    def _call(self, make: Callable[[], _T]) -> tuple[grpc.StatusCode, Any]:
        try:
            return OK, make()
        except grpc.RpcError as error:
            check_status(error.code(), f"a call ({error.details()})")
            return error.code(), None


def _announced(blob: bytes) -> types_pb2.Blob:
    return types_pb2.Blob(digest=sha256(blob), bytes=len(blob))


def _no_range(spec: jobs_pb2.JobSpec) -> None:
    spec.shot.range.last = spec.shot.range.first - 1


def _other_option(spec: jobs_pb2.JobSpec) -> None:
    spec.settings.options["nonsense"] = "1"


def _no_digest(spec: jobs_pb2.JobSpec) -> None:
    spec.shot.plate.files[0].blob.digest = "../../token"


def _other_kind(spec: jobs_pb2.JobSpec) -> None:
    spec.kind = 99  # type: ignore[assignment]


def _path_as_name(spec: jobs_pb2.JobSpec) -> None:
    spec.output.name = "../up"


def _other_engine(spec: jobs_pb2.JobSpec) -> None:
    spec.settings.engine = "nonsense"


def _no_number(spec: jobs_pb2.JobSpec) -> None:
    spec.shot.pixel_aspect = float("nan")


def _other_root(spec: jobs_pb2.JobSpec) -> None:
    spec.shot.plate.files[0].path.root = "nonsense"
    spec.shot.plate.files[0].path.relative = "a.exr"
    spec.shot.plate.files[0].path.stamp.sample_digest = "0" * 64


def _way_out(spec: jobs_pb2.JobSpec) -> None:
    _other_root(spec)
    spec.shot.plate.files[0].path.root = "proj"
    spec.shot.plate.files[0].path.relative = "../store/token"


_SPOIL: dict[str, Callable[[jobs_pb2.JobSpec], None]] = {
    "range": _no_range,
    "option": _other_option,
    "digest": _no_digest,
    "kind": _other_kind,
    "name": _path_as_name,
    "engine": _other_engine,
    "nan": _no_number,
    "root": _other_root,
    "way out": _way_out,
}
