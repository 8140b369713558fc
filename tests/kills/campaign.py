# SPDX-License-Identifier: Apache-2.0
"""One seed: a job through which server, worker and client or helper are killed at moments that the seed decides."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from void.v1 import jobs_pb2

from tests.kills.actors import (
    END_SECONDS,
    START_SECONDS,
    Artist,
    Client,
    Follower,
    Server,
    jobs_told,
    kill_one,
    wait_until,
)
from tests.kills.figures import Figures
from tests.kills.host import Host
from tests.kills.works import WORKS, Work, write_weights
from tests.seed_records import write_record
from tests.server.calls import Caller
from tests.small_shot import SmallShot, write_small_shot
from void_client.follow import client_event
from void_client.results import PARTIAL_PREFIX, WRITTEN_KINDS, ResultFolder

KINDS = ("server", "worker", "artist")
LONGEST_KILLS = 4
JITTER_SECONDS = 0.05
DOWN_SECONDS = 0.5
MAX_RUNS = 8
FRAMES = 3

Units = dict[str, tuple[str, int]]
Pixels = dict[str, str]
"""SHA-256 of windows, channels and samples of each EXR result, by its path in the result folder."""


@dataclass(frozen=True)
class Plan:
    """What a seed stands for. Twelve seeds in a row have each work by each artist, the frames sent and by path."""

    seed: int
    work: Work
    by_path: bool
    through_host: bool

    @classmethod
    def of(cls, seed: int) -> Plan:
        """The plan of this number."""
        return cls(seed, WORKS[seed // 4 % len(WORKS)], seed % 2 == 1, seed // 2 % 2 == 1)


@dataclass(frozen=True)
class Place:
    """What all seeds share.

    Attributes:
        folder: one folder a seed is made in it.
        wanted: pixels of undisturbed runs by name of the work.
    """

    folder: Path
    shot: SmallShot
    weights: Path
    wanted: dict[str, Pixels]


@dataclass
class Seen:
    """What was on the disks at the kills."""

    units: list[Units] = field(default_factory=list)
    files: list[dict[Path, str]] = field(default_factory=list)


def run_seeds(
    seeds: list[int],
    folder: Path,
    *,
    parallel: int,
    minutes: float = 0.0,
    say: bool = False,
    record: Path | None = None,
) -> Figures:
    """Run seeds, `parallel` at a time; none is begun after `minutes` (0 = no limit).

    Args:
        record: file that gets a JSON line for each seed as it ends.
    """
    shot = write_small_shot(folder / "shot", frames=FRAMES, size=(48, 64))
    place = Place(folder, shot, write_weights(folder / "weights"), {})
    for work in {Plan.of(seed).work.name: Plan.of(seed).work for seed in seeds}.values():
        place.wanted[work.name] = _undisturbed(work, place)
    begun = time.monotonic()
    total = Figures()

    def one(seed: int) -> Figures | None:
        if minutes and time.monotonic() - begun > 60 * minutes:
            return None
        return run_seed(Plan.of(seed), place)

    with ThreadPoolExecutor(parallel) as pool:
        futures = {pool.submit(one, seed): seed for seed in seeds}
        for future in as_completed(futures):
            figures = future.result()
            if figures is None:
                continue
            total.add(figures)
            if record:
                write_record(record, futures[future], figures)
            if say:
                _say(futures[future], figures)
            if not figures.broken:
                shutil.rmtree(folder / f"seed-{futures[future]}")
    return total


def _say(seed: int, figures: Figures) -> None:
    state = "ok" if not figures.broken else "BROKEN"
    kills = ", ".join(figures.kills.elements())
    print(f"seed {seed}: {state}, {figures.seconds:.1f} s, killed: {kills}", flush=True)


def _undisturbed(work: Work, place: Place) -> Pixels:
    """The pixels that a run leaves through which nothing is killed."""
    folder = place.folder / f"undisturbed-{work.name}"
    folder.mkdir()
    server = Server(folder, place.weights)
    client = Client(folder, server, place.shot, work)
    server.start()
    try:
        client.start()
        if client.wait() != 0:
            raise RuntimeError(f"{work.name}, undisturbed: {client.last_words()}")
    finally:
        client.close()
        server.stop()
    return _pixels(client.out)


def run_seed(plan: Plan, place: Place) -> Figures:
    """Run one seed in a folder of its own, which is left for a look when a promise was broken."""
    folder = place.folder / f"seed-{plan.seed}"
    folder.mkdir(parents=True)
    begun = time.monotonic()
    figures, seen = Figures(seeds=1), Seen()
    figures.works[plan.work.name] += 1
    server = Server(folder, place.weights, place.shot.folder if plan.by_path else None)
    artist: Artist = (Host if plan.through_host else Client)(folder, server, place.shot, plan.work)
    follower = Follower(server)
    server.start()
    try:
        artist.start()
        _kill(plan, server, artist, follower, figures, seen)
        _run_to_the_end(artist, follower, figures)
        _judge(server, artist, follower, figures, seen)
        _judge_pixels(artist.out, place.wanted[plan.work.name], figures)
    except Exception as error:  # noqa: BLE001 - a finding of this seed; the others go on
        figures.problems.append(f"{type(error).__name__}: {error}")
    finally:
        artist.close()
        server.stop()
    figures.problems = [f"seed {plan.seed}: {problem}" for problem in figures.problems]
    figures.seconds = time.monotonic() - begun
    return figures


def _kill(
    plan: Plan, server: Server, artist: Artist, follower: Follower, figures: Figures, seen: Seen
) -> None:
    rng, work = random.Random(plan.seed), plan.work
    kinds = [
        KINDS[plan.seed % len(KINDS)],
        *(rng.choice(KINDS) for _ in range(rng.randrange(LONGEST_KILLS))),
    ]
    # Over all lives of the server: the deaths are counted over them.
    worker_killed = False
    for kind in kinds:
        # By its documented rule, a unit whose worker dies twice fails its job; that is tested elsewhere.
        if kind == "worker" and worker_killed:
            kind = "artist"
        # Half of the moments follow the job, which is quick, and half the clock.
        span = rng.uniform(0, work.seconds)
        more = rng.randint(1, work.events) if rng.random() < 0.5 else 0
        if not wait_until(time.monotonic() + (START_SECONDS if more else span), artist, follower, more):
            return
        time.sleep(rng.uniform(0, JITTER_SECONDS))
        stage = follower.stage()
        if kind == "server":
            server.kill()
            _look(server.store, artist.out, seen, alive=False)
            time.sleep(rng.uniform(0, DOWN_SECONDS))
            server.start()
        elif kind == "worker":
            if not kill_one(server.workers(), rng.random()):
                continue
            worker_killed = True
            _look(server.store, artist.out, seen, alive=True)
        else:
            artist.kill()
            _look(server.store, artist.out, seen, alive=True)
            time.sleep(rng.uniform(0, DOWN_SECONDS))
            artist.start()
        figures.kills[f"{work.name} {artist.name if kind == 'artist' else kind}"] += 1
        figures.stages[stage] += 1


def _run_to_the_end(artist: Artist, follower: Follower, figures: Figures) -> None:
    for _ in range(MAX_RUNS):
        wait_until(time.monotonic() + END_SECONDS, artist, follower)
        if artist.wait() == 0:
            break
        figures.gave_up[artist.last_words()] += 1
        artist.start()
    for told in jobs_told(artist):
        if told:
            follower.start(told[0]["id"])


def _look(store: Path, out: Path, seen: Seen, *, alive: bool) -> None:
    seen.units.append(units_of(store, alive=alive))
    seen.files.append({path: _digest(path) for path in _results(out)})


def _judge(server: Server, artist: Artist, follower: Follower, figures: Figures, seen: Seen) -> None:
    caller = Caller(server.address, server.token)
    try:
        listed = caller.jobs.List(jobs_pb2.ListRequest(), metadata=caller.metadata).jobs
        told = [run[0] for run in jobs_told(artist) if run]
        figures.attached_again = sum(not job["created"] for job in told[1:])
        known = {job.id for job in listed}
        figures.jobs_accepted = len(known | {job["id"] for job in told})
        figures.jobs_lost = len({job["id"] for job in told} - known)
        figures.jobs_not_done = sum(job.state != jobs_pb2.JOB_STATE_DONE for job in listed)
        figures.jobs_doubled = max(0, len(known) - 1)
        for job in listed:
            _judge_watch(caller, caller.get(job.id), follower, figures)
        _judge_files(artist, caller.get(listed[0].id), figures, seen)
    finally:
        caller.close()
    if isinstance(artist, Host):
        figures.answers_doubled = artist.doubled_answers
    final = units_of(server.store, alive=True)
    figures.units_at_end = len(final)
    figures.units_at_kills = sum(map(len, seen.units))
    figures.units_repeated = sum(final.get(k) != v for units in seen.units for k, v in units.items())


def _judge_watch(caller: Caller, job: jobs_pb2.Job, follower: Follower, figures: Figures) -> None:
    events = [r.event for r in caller.watch(job.id) if r.HasField("event")]
    figures.watch_gaps += len(set(range(1, job.last_event + 1)) - {e.sequence for e in events})
    if not follower.join() or follower.error is not None:
        figures.problems.append(f"following did not come to its end: {follower.error}")
    written = [e for e in events if not e.HasField("output") or e.output.kind in WRITTEN_KINDS]
    expected = [client_event(job.id, e) for e in written]
    figures.events += len(expected)
    figures.reconnects = follower.reconnects
    counted, wanted = Counter(map(repr, follower.told)), Counter(map(repr, expected))
    figures.watch_gaps += (wanted - counted).total()
    figures.watch_doubles += (counted - wanted).total()
    if not (wanted - counted or counted - wanted) and follower.told != expected:
        figures.problems.append("events were told out of order")


def _judge_files(artist: Artist, job: jobs_pb2.Job, figures: Figures, seen: Seen) -> None:
    place = ResultFolder(artist.out, "shot", 4)
    wanted = {place.path(o.kind, o.frame): o.blob.digest for o in job.outputs if o.kind in WRITTEN_KINDS}
    final = {path: _digest(path) for path in _results(artist.out)}
    if final != wanted:
        figures.problems.append(f"the result folder has {len(final)} right files of {len(wanted)}")
    figures.files_at_kills = sum(map(len, seen.files))
    figures.half_written = sum(wanted.get(p) != d for files in seen.files for p, d in files.items())
    figures.leftovers = sum(path.name.startswith(PARTIAL_PREFIX) for path in artist.out.rglob("*"))


def _judge_pixels(out: Path, wanted: Pixels, figures: Figures) -> None:
    found = _pixels(out)
    figures.frames = len(wanted)
    figures.frames_wrong = sum(found.get(path) != pixels for path, pixels in wanted.items())
    papers = json.loads((out / "shot.json").read_text())
    figures.went_on_from_a_step = int(bool(papers["engine"].get("model", {}).get("resumed_from")))


def _pixels(out: Path) -> Pixels:
    found = {}
    for path in out.rglob("*.exr"):
        image = oiio.ImageBuf(str(path))
        spec = image.spec()
        window = (spec.x, spec.y, spec.width, spec.height)
        display = (spec.full_x, spec.full_y, spec.full_width, spec.full_height)
        sha = hashlib.sha256(repr((spec.channelnames, window, display, str(spec.format))).encode())
        sha.update(np.ascontiguousarray(image.get_pixels(oiio.FLOAT)).tobytes())
        found[path.relative_to(out).as_posix()] = sha.hexdigest()
    return found


def units_of(store: Path, *, alive: bool) -> Units:
    """Kind and number of each recorded unit. A dead server's files are copied first: a look would change them."""
    if alive:
        return _read_units(f"file:{store / 'void.sqlite3'}?mode=ro")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("void.sqlite3", "void.sqlite3-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(store / name, folder)
        return _read_units(f"file:{folder}/void.sqlite3")


def _read_units(uri: str) -> Units:
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as db:
        rows = db.execute("SELECT key, kind, number FROM unit_result").fetchall()
    return {key: (kind, number) for key, kind, number in rows}


def _results(out: Path) -> list[Path]:
    return [p for p in out.rglob("*") if p.is_file() and not p.name.startswith(PARTIAL_PREFIX)]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
