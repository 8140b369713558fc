# SPDX-License-Identifier: Apache-2.0
"""Whatever happens in whatever order: what docs/storage.md says is kept is there, and what it lets go is gone.

The model here is written from that page, not from the queries.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from tests.storage.small_store import POLICY, SmallStore
from void_server.access.principals import Principal, Role
from void_server.jobs.states import JobState
from void_server.storage.policy import HOUR

OWNERS = st.sampled_from(["anna", "bert"])
CONTENTS = st.integers(0, 12).map(lambda n: f"content {n}".encode())
KEYS = st.integers(0, 9).map(lambda n: f"key {n}")
IN_MEMORY = Path("/dev/shm")
"""Where there is one, thousands of syncs cost nothing; what a power cut leaves is tested elsewhere."""
PICKS = st.integers(-3, -1)
"""Among the jobs that an act fits, one of the newest."""
ENDS = st.sampled_from(["done", "failed", "set aside"])


@dataclass
class Job:
    inputs: set[str]
    wanted: float
    state: str = "queued"
    outputs: dict[int, str] = field(default_factory=dict)
    units: set[str] = field(default_factory=set)
    needs: set[str] = field(default_factory=set)
    pinned: bool = False
    collected: bool = False
    request: str = ""

    @property
    def live(self) -> bool:
        return self.state in ("queued", "running")

    @property
    def waits(self) -> bool:
        return self.live or (self.state == "set aside" and not self.collected)


@dataclass
class Unit:
    blobs: set[str]
    used: float


class StoreMachine(RuleBasedStateMachine):
    blobs = Bundle("blobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
        self.store = SmallStore(self.folder / "store")
        self.touched: dict[str, float] = {}
        self.jobs: dict[str, Job] = {}
        self.units: dict[str, Unit] = {}
        self.requests = 0

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def keep(self, digest: str) -> None:
        self.touched[digest] = self.store.now

    @rule(target=blobs, data=CONTENTS, owner=OWNERS)
    def upload(self, data, owner):
        digest = self.store.upload(data, Principal(owner, Role.ARTIST))
        self.keep(digest)
        return digest

    @rule(asked=st.sets(blobs, min_size=1, max_size=3), owner=OWNERS, begin=st.booleans())
    def order(self, asked, owner, begin):
        """A client asks what is there, and orders with that; nothing that it was told of is missing then."""
        there = self.store.blobs.touch(asked)
        for digest in there:
            self.keep(digest)
        if not there:
            return
        self.requests += 1
        request = f"r{self.requests}"
        job, _ = self.store.submit(request, there, owner)
        self.jobs[job.id] = Job(set(there), self.store.now, request=request)
        if begin:
            self.store.run(job.id)
            self.jobs[job.id].state = "running"

    @rule(pick=PICKS)
    def begin(self, pick):
        for job_id in self._some(pick, lambda job: job.state == "queued"):
            self.store.run(job_id)
            self.jobs[job_id].state = "running"

    @rule(target=blobs, pick=PICKS, key=KEYS, data=CONTENTS, publish=st.booleans())
    def work(self, pick, key, data, publish):
        for job_id in self._some(pick, lambda job: job.state == "running"):
            job = self.jobs[job_id]
            digest = self.store.unit(key, data, job_id)
            self.keep(digest)
            self.units[key] = Unit({digest}, self.store.now)
            job.units.add(key)
            if publish:
                self.store.publish(job_id, digest, frame=len(job.outputs))
                job.outputs[len(job.outputs)] = digest
            return digest
        return multiple()

    @rule(target=blobs, data=CONTENTS, key=KEYS, owner=OWNERS, how=ENDS, pinned=st.booleans())
    def whole_job(self, data, key, owner, how, pinned):
        digest = self.upload(data, owner)
        self.order({digest}, owner, True)
        self.work(-1, key, b"made of " + data, True)
        self.end(-1, how)
        if pinned:
            self.pin(-1, True)
        return digest

    @rule(pick=PICKS, keys=st.sets(KEYS, min_size=1))
    def use_again(self, pick, keys):
        for job_id in self._some(pick, lambda job: job.state == "running"):
            found = self.store.jobs.take_units(keys, job_id)
            assert set(found) == keys & set(self.units)
            for key, result in found.items():
                assert self.store.blobs.touch(result.blobs.values()) == self.units[key].blobs
                self.units[key].used = self.store.now
                self.jobs[job_id].units.add(key)
                for digest in self.units[key].blobs:
                    self.keep(digest)

    @rule(pick=PICKS, data=CONTENTS)
    def plan(self, pick, data):
        """A plan leaves a shot manifest, which no row names."""
        for job_id in self._some(pick, lambda job: job.state == "running"):
            digest = self.store.blobs.add_bytes(b"manifest of " + data).digest
            self.store.jobs.needs.add(job_id, [digest])
            self.keep(digest)
            self.jobs[job_id].needs.add(digest)

    @rule(pick=PICKS, how=ENDS)
    def end(self, pick, how):
        for job_id in self._some(pick, lambda job: job.state == "running"):
            state = JobState.DONE if how == "done" else JobState.FAILED
            self.store.end(job_id, state, {"done": "", "failed": "internal", "set aside": "set_aside"}[how])
            job = self.jobs[job_id]
            job.state, job.wanted = how, self.store.now
            job.needs.clear()

    @rule(pick=PICKS)
    def order_again(self, pick):
        """The results of a done job serve the same order, which keeps them; results that may be gone do not."""
        for job_id in self._some(pick, lambda job: job.state == "done"):
            job = self.jobs[job_id]
            owner = self.store.jobs.get(job_id).owner
            there = self.store.blobs.touch(job.inputs)
            for digest in there:
                self.keep(digest)
            if there != job.inputs:
                return
            found, created = self.store.submit(job.request, job.inputs, owner)
            newest = max(
                self.store.jobs.get(i).attempt for i in self.jobs if self.jobs[i].request == job.request
            )
            if created:
                self.jobs[found.id] = Job(set(job.inputs), self.store.now, request=job.request)
            elif found.id == job_id:
                assert not job.collected and found.attempt == newest
                job.wanted = self.store.now

    @rule(pick=PICKS)
    def delete(self, pick):
        for job_id in self._some(pick, lambda job: not job.live and not job.pinned):
            self.store.jobs.delete(job_id)
            gone = self.jobs.pop(job_id)
            others = {key for job in self.jobs.values() for key in job.units}
            for key in gone.units - others:
                if key in self.units:
                    self.units[key].used = 0.0

    @rule(pick=PICKS, on=st.booleans())
    def pin(self, pick, on):
        for job_id in self._some(pick, lambda job: not job.collected):
            job = self.jobs[job_id]
            if on:
                self.store.storage.pin(job_id)
            else:
                self.store.storage.unpin(job_id)
                job.wanted = max(job.wanted, self.store.now if job.pinned else 0.0)
            job.pinned = on

    @rule(hours=st.sampled_from([2, 13, 30, 80, 250]), short=st.booleans())
    def collect_later(self, hours, short):
        self.store.wait(hours * HOUR)
        self.collect(short)

    @rule(hours=st.sampled_from([2, 13, 30]))
    def pass_time(self, hours):
        self.store.wait(hours * HOUR)

    @rule()
    def restart(self):
        """Running jobs begin anew, and their plans leave what they need again."""
        self.store.close()
        self.store.reopen()
        self.store.jobs.recover()
        for job in self.jobs.values():
            if job.state == "running":
                job.state = "queued"
            job.needs.clear()

    @rule(short=st.booleans())
    def collect(self, short):
        counted = self.store.storage.report()
        promised = sum(tally.bytes for tally in counted.removable.values())
        before = self.store.there()
        removed = self.store.collect()
        assert removed.size == promised
        self._model_collects(POLICY.units_seconds)
        if short:
            self.store.free = 0
            more = self.store.relieve(replace(POLICY, low_water_bytes=1))
            self.store.free = 1 << 40
            assert more.size <= counted.spare.bytes
            self._model_collects(POLICY.grace_seconds)
        assert self.store.there() == before & self.kept()

    def _model_collects(self, units_seconds: float) -> None:
        now = self.store.now
        for job in self.jobs.values():
            if not (job.live or job.pinned or job.collected) and now - job.wanted > POLICY.results_seconds:
                job.collected = True
                job.units.clear()
        held = {key for job in self.jobs.values() if job.waits for key in job.units}
        self.units = {
            key: unit
            for key, unit in self.units.items()
            if key in held or (unit.used > 0 and now - unit.used <= units_seconds)
        }

    def kept(self) -> set[str]:
        now = self.store.now
        found = {d for d, touched in self.touched.items() if now - touched <= POLICY.grace_seconds}
        for job in self.jobs.values():
            found |= job.needs
            if not job.collected:
                found |= job.inputs | set(job.outputs.values())
        return found.union(*(unit.blobs for unit in self.units.values()))

    @invariant()
    def all_that_is_kept_is_there_and_whole(self):
        assert self.kept() <= self.store.there()
        for digest in self.kept():
            self.store.blobs.verified_path(digest)

    @invariant()
    def no_row_names_a_blob_that_is_not_there(self):
        assert self.store.dangling() == []

    def _some(self, pick, fits):
        fitting = [job_id for job_id, job in self.jobs.items() if fits(job)]
        return [fitting[max(pick, -len(fitting))]] if fitting else []


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
