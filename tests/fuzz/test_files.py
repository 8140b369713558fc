# SPDX-License-Identifier: Apache-2.0
"""Hostile EXR files end in a typed error, soon, and within memory: read by the workers' own functions in a process of
their own. `make fuzz` reads them by the hundred thousand.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.fuzz import files
from tests.fuzz.exr_bytes import take_apart
from tests.fuzz.files import HostileReader, regressions, seed_files
from tests.fuzz.mutations import mutant
from tests.fuzz.seeds import CORPUS, SEED_FOLDER, mislabelled
from void_server.errors import VoidError
from void_server.plates.header import read_header
from void_server.pool.process import WorkerProcess

MUTANTS = 250
"""About 10 s; other numbers are for `make fuzz`."""
MOST_CORPUS_BYTES = 500_000
SEEDS = {path.stem: path for path in sorted(SEED_FOLDER.iterdir())}
NO_PICTURE = {"matte_half", "matte_float", "matte_uint", "views", "quadmask"}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileReader]:
    running = HostileReader(tmp_path_factory.mktemp("reader"))
    yield running
    running.close()


def nothing_found(reader: HostileReader) -> None:
    found, reader.findings.broken = reader.findings.broken, []
    assert not found, [what for what, _ in found]


@pytest.mark.parametrize("name", SEEDS)
def test_every_seed_is_read_or_refused_for_what_it_is(reader, name):
    outcomes = reader.read(name, SEEDS[name].read_bytes())
    nothing_found(reader)
    assert outcomes["header"] == "ok"
    if name == "deep":
        assert outcomes["matte"] == "unsupported"
    elif name not in NO_PICTURE:
        assert outcomes["plate"] == outcomes["returned"] == "ok"
    else:
        assert outcomes["plate"] == "invalid_input"


def test_seeds_can_be_taken_apart_and_put_together_again():
    assert all(take_apart(data).bytes() == data for data in seed_files())


def test_the_corpus_is_small():
    assert sum(p.stat().st_size for p in CORPUS.rglob("*") if p.is_file()) < MOST_CORPUS_BYTES


@pytest.mark.parametrize("kind", mislabelled())
def test_a_file_of_another_kind_is_refused_by_its_header(reader, kind):
    outcomes = reader.read(kind, mislabelled()[kind])
    nothing_found(reader)
    assert outcomes["header"] in ("invalid_input", "data_loss")


@pytest.mark.parametrize("what", regressions())
def test_a_file_that_once_did_harm_does_none(reader, what):
    reader.read(what, regressions()[what])
    nothing_found(reader)


@pytest.mark.parametrize("name", SEEDS)
def test_a_header_cut_anywhere_is_refused(tmp_path, name):
    raw = take_apart(SEEDS[name].read_bytes())
    path = tmp_path / "cut.exr"
    for length in raw.boundaries():
        if length < len(raw.head()):
            path.write_bytes(raw.bytes()[:length])
            with pytest.raises(VoidError):
                read_header(path)


@pytest.mark.parametrize("name", ["rgba_zips", "tiled", "parts"])
def test_a_body_cut_anywhere_is_refused(reader, name):
    raw = take_apart(SEEDS[name].read_bytes())
    for length in [b for b in raw.boundaries() if len(raw.head()) <= b < len(raw.bytes())][::7]:
        outcomes = reader.read(f"{name} cut at {length}", raw.bytes()[:length])
        assert outcomes["matte"] != "ok" or name == "parts", f"{length} of {len(raw.bytes())} bytes will do"
    nothing_found(reader)


def test_mutants_end_in_a_typed_error_or_are_read(reader):
    """Takes about 10 s: each is read in nine ways."""
    reader.read_mutants(range(MUTANTS))
    print(reader.findings.table())
    nothing_found(reader)


def test_a_mutant_is_the_same_bytes_each_time():
    seeds = seed_files()
    assert [mutant(n, seeds) for n in range(50)] == [mutant(n, seeds) for n in range(50)]
    assert len({mutant(n, seeds) for n in range(50)}) > 45


def _saying(code: str) -> list[str]:
    head = "import json, os, signal, struct, sys, time; sys.stdin.buffer.read(4)\n"
    return [sys.executable, "-c", head + code]


def _answer(outcome: str) -> str:
    data = json.dumps({"ok": {"plate": outcome}}).encode()
    return f"sys.stdout.buffer.write(struct.pack('>I', {len(data)}) + {data!r}); sys.stdout.flush()"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (f"os.kill(os.getpid(), {int(signal.SIGSEGV)})", "segmentation fault"),
        ("time.sleep(60)", "FILE_SECONDS"),
        (_answer("Traceback\nValueError: a defect"), "a defect"),
        (_answer("out_of_memory"), "out_of_memory"),
    ],
)
def test_the_harness_notices_a_crash_a_hang_a_defect_and_lost_memory(tmp_path, monkeypatch, code, said):
    monkeypatch.setattr(files, "FILE_SECONDS", 1.0)
    reader = HostileReader(tmp_path)
    reader._process = WorkerProcess(_saying(code), 1.0)
    reader.read("a file", b"")
    reader.close()
    ((what, _),) = reader.findings.broken
    assert said in what
